"""A claim that is refused fails a check only where it could have been met and pods with claims do start."""

from typing import Any

import pytest

from conformance.cluster import Settings
from conformance.evidence import Evidence
from conformance.probes import starting
from conformance.probes.allocation import Running
from conformance.probes.dra.trial import Trial
from conformance.verdicts import Failure, Unverified
from tests.probes.test_dra_choice import device

Object = dict[str, Any]
KEY = {"driver": "gpu.example.com", "pool": "n"}


def refused(status: str = "False") -> Object:
    return {"spec": {}, "status": {"conditions": [{"type": "PodScheduled", "status": status}]}}


def gated() -> Object:
    condition = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
    return {"spec": {}, "status": {"conditions": [condition]}}


def claim(*names: str, request: str = "accelerator") -> Object:
    results = [{**KEY, "device": name, "request": request} for name in names]
    status = {"allocation": {"devices": {"results": results}}} if names else {}
    return {"metadata": {"name": "c"}, "status": status}


class FakeAllocation:
    """Names of the pods that run, and the state of claims."""

    def __init__(self, running: set[str]) -> None:
        self.running, self.held = running, claim()

    def claim_of(self, name: str, _spec: Object) -> Object:
        return {"metadata": {"name": name}}

    def run(self, name: str, _claim: Object) -> Running:
        if name in self.running:
            return Running({"metadata": {"name": name}}, claim("a"), 0.1)
        raise Unverified(f"{name} did not start", code="pod_not_started")

    def read(self, _claim: Object) -> Object:
        return self.held


class FakeSandbox:
    """As much of a sandbox as a trial needs."""

    def __init__(self, pod: Object) -> None:
        self.evidence, self.settings, self.pod, self.deleted = Evidence(), Settings(run_id="r"), pod, 0
        self.own = "mine"
        self.api = self

    def get(self, _path: str) -> Object:
        return self.pod

    def path(self, plural: str) -> str:
        return plural

    def name(self, name: str) -> str:
        return name

    def delete_pod(self, _pod: Object) -> None:
        self.deleted += 1


class SomeTrial(Trial):
    """A trial on devices that the test gives."""

    def __init__(self, *running: str, pod: Object | None = None, free: bool = True) -> None:
        self.sandbox = FakeSandbox(pod or refused())  # type: ignore[assignment]
        self.evidence = self.sandbox.evidence
        self.bench = type("B", (), {"node": "n"})()
        self._allocation = FakeAllocation(set(running))  # type: ignore[assignment]
        self._devices = [device("a", free=free)]

    def everything(self, _own: Any = None) -> Any:
        return self._devices

    def one(self, *_selectors: str, **_more: object) -> Object:
        return {}


def get(trial: Trial) -> Running:
    return trial.get("p", {}, code="bad", expected="a", needs=[device("a")])


def test_a_fitting_claim_that_is_refused_fails_where_a_plain_one_runs() -> None:
    trial = SomeTrial("p-plain")
    with pytest.raises(Failure, match="bad"):
        get(trial)
    assert trial.sandbox.deleted == 1, "its device is free for the twin"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("trial", "why"),
    [
        (SomeTrial(), "p-plain did not start"),
        (SomeTrial("p-plain", pod={"spec": {}, "status": {}}), "p did not start"),
        (SomeTrial("p-plain", pod=refused("True")), "p did not start"),
        (SomeTrial("p-plain", pod=gated()), "p did not start"),
        (SomeTrial("p-plain", free=False), "no longer free"),
    ],
    ids=["nothing starts", "scheduler silent", "scheduler placed it", "a queue holds it", "device taken meanwhile"],
)
def test_otherwise_nothing_is_proven(trial: Trial, why: str) -> None:
    with pytest.raises(Unverified, match=why):
        get(trial)


def test_a_claim_with_the_right_device_for_another_request_or_with_one_more_is_wrong() -> None:
    trial, right = SomeTrial(), device("a")
    for held in (claim("a", request="accelerator/first"), claim("a", "b"), claim("b"), claim()):
        with pytest.raises(Failure, match="code"):
            trial.got(Running({}, held, 0.1), right, "code", "a claim")
        with pytest.raises(Unverified):
            trial.must_mean(Running({}, held, 0.1), right)
    trial.got(Running({}, claim("a"), 0.1), right, "code", "a claim")


def test_a_pod_that_a_queue_holds_back_was_not_refused_by_the_scheduler() -> None:
    assert starting.decided(gated()) is None
    assert starting.decided({}) is None
    assert starting.decided(refused("True"))
    assert starting.refused(refused())
    assert not starting.refused(refused("True"))
