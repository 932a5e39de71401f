"""What running a vendor's workload comes to: only the expected output, with a device and not without one, passes."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from conformance.cluster import Settings
from conformance.evidence import Evidence
from conformance.inventory.descriptors import parse
from conformance.probes import starting, tenants, workload
from conformance.probes.bench import Bench
from conformance.verdicts import Failure, NotApplicable, Unknown, Unverified
from tests.probes.test_bench import KIND

WORKLOAD = {"image": "vendor/example", "command": ["matmul"], "output": r"^result 42$"}
PLAIN = {"id": "x", "title": "X", "device_plugin": {"resources": ["x.dev/accel"]}}


class FakeApi:
    """The log of every pod."""

    def __init__(self) -> None:
        self.log = ""

    def text(self, _path: str, **_query: Any) -> str:
        return self.log


@dataclass
class FakeSandbox:
    """Pods that end at once, as they are told."""

    api: FakeApi = field(default_factory=FakeApi)
    settings: Settings = field(default_factory=lambda: Settings(run_id="r"))
    evidence: Evidence = field(default_factory=Evidence)
    made: list[Any] = field(default_factory=list)

    def namespace(self, level: str) -> str:
        return level

    def path(self, plural: str, *, namespace: str) -> str:
        return f"/api/v1/namespaces/{namespace}/{plural}"

    def limit(self, seconds: float) -> float:
        return seconds

    def delete_pod(self, pod: Any) -> None:
        self.made.append(pod)


def bench(**extra: Any) -> Bench:
    made = Bench(FakeSandbox(), KIND, (parse(PLAIN | extra),), "v1")  # type: ignore[arg-type]
    made._node = {"metadata": {"name": "n"}}
    return made


@pytest.fixture
def pods_end(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let every pod come to this end; gives the plans that were submitted."""

    def end(phase: str, why: str = "Completed", **more: Any) -> list[Any]:
        plans: list[Any] = []
        ended = {"terminated": {"reason": why, "exitCode": 0 if phase == "Succeeded" else 1}}
        state = {"running": {}} if phase == "Running" else ended
        pod: dict[str, Any] = {
            "metadata": {"name": "w"},
            "spec": {"containers": [{}]},
            "status": {"phase": phase, "containerStatuses": [{"name": "main", "state": state}], **more},
        }

        def submit(_sandbox: Any, plan: Any, _namespace: str) -> Any:
            plans.append(plan)
            return pod

        monkeypatch.setattr(tenants, "submit", submit)
        monkeypatch.setattr(tenants, "as_sent", lambda *_: None)
        monkeypatch.setattr(tenants, "manifest_of", lambda *_: {})
        monkeypatch.setattr(starting, "wait_started", lambda *_, **__: pod)
        monkeypatch.setattr(workload, "_end", lambda *_: pod)
        return plans

    return end


def test_expected_output_of_a_pod_that_ended_well_is_work(pods_end: Any) -> None:
    plans, made = pods_end("Succeeded"), bench(workload=WORKLOAD)
    made.sandbox.api.log = "loading\nresult 42\n"  # type: ignore[attr-defined]

    assert workload.must_work(made, 4) == "result 42"

    (container,) = plans[0].containers
    assert (container.image, container.arguments, container.resources) == (
        "vendor/example",
        ("matmul",),
        {"x.dev/accel": 4},
    )


@pytest.mark.parametrize(
    ("phase", "log"),
    [("Succeeded", "result 41\n"), ("Failed", "result 42\n"), ("Succeeded", ""), ("Succeeded", "no result 42\n")],
)
def test_anything_else_that_it_writes_or_a_bad_end_fails(pods_end: Any, phase: str, log: str) -> None:
    pods_end(phase)
    made = bench(workload=WORKLOAD)
    made.sandbox.api.log = log  # type: ignore[attr-defined]

    with pytest.raises(Failure, match="pod w") as failure:
        workload.must_work(made, 1)

    assert failure.value.code == "workload_failed"


@pytest.mark.parametrize("reason", sorted(workload.NOT_ITS_WORK))
def test_a_pod_that_was_ended_by_others_proves_nothing(pods_end: Any, reason: str) -> None:
    pods_end("Failed", reason)

    with pytest.raises(Unverified, match=reason) as outcome:
        workload.must_work(bench(workload=WORKLOAD), 1)

    assert outcome.value.code == "workload_ended"


EVICTED = {"conditions": [{"type": "DisruptionTarget", "status": "True"}]}


@pytest.mark.parametrize("more", [{"reason": "Evicted"}, {"reason": "DeadlineExceeded"}, EVICTED])
def test_a_pod_that_was_evicted_proves_nothing_with_a_device_or_without(pods_end: Any, more: dict[str, Any]) -> None:
    pods_end("Failed", "Error", **more)

    for trial in (lambda made: workload.must_work(made, 1), workload.must_need_a_device):
        with pytest.raises(Unverified) as outcome:
            trial(bench(workload=WORKLOAD))
        assert outcome.value.code == "workload_ended"


SIDECARS = [{"running": {}}, {"terminated": {"reason": "Error", "exitCode": 1}}]


@pytest.mark.parametrize("sidecar", SIDECARS)
def test_a_container_that_a_webhook_added_says_nothing_of_the_work(sidecar: dict[str, Any]) -> None:
    state = {"terminated": {"reason": "Completed", "exitCode": 0}}
    entries = [{"name": "istio-proxy", "state": sidecar}, {"name": "main", "state": state}]
    phase = "Running" if "running" in sidecar else "Failed"
    pod = {"metadata": {"name": "w"}, "status": {"phase": phase, "containerStatuses": entries}}
    made = bench(workload=WORKLOAD)
    made.sandbox.api.log = "result 42\n"  # type: ignore[attr-defined]

    assert workload._ended(pod) is pod
    assert workload._outcome(made, "/pods", pod).code == 0


def test_a_start_that_fails_without_a_device_as_well_is_no_fault_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def once(_bench: Bench, _name: str, count: int, **_: Any) -> Any:
        if count:
            raise Failure("device_not_prepared", observed="executable not found", expected="it starts")
        raise Unverified("executable not found", code="pod_not_started")

    monkeypatch.setattr(workload, "_once", once)

    with pytest.raises(Unverified):
        workload.must_work(bench(workload=WORKLOAD), 1)


def test_a_workload_that_does_not_end_proves_nothing(pods_end: Any) -> None:
    pods_end("Running")

    with pytest.raises(Unverified) as outcome:
        workload.must_work(bench(workload=WORKLOAD), 1)

    assert outcome.value.code == "workload_not_finished"


def test_a_control_that_writes_the_same_makes_the_output_worthless(pods_end: Any) -> None:
    plans, made = pods_end("Succeeded"), bench(workload=WORKLOAD)
    made.sandbox.api.log = "result 42\n"  # type: ignore[attr-defined]

    with pytest.raises(Unverified) as outcome:
        workload.must_need_a_device(made)

    assert outcome.value.code == "workload_needs_no_device"
    assert plans[0].containers[0].resources == {}


def test_a_control_that_does_not_end_may_still_write_it(pods_end: Any) -> None:
    pods_end("Running")

    with pytest.raises(Unverified) as outcome:
        workload.must_need_a_device(bench(workload=WORKLOAD))

    assert outcome.value.code == "workload_not_finished"


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_control_that_does_not_write_it_is_right(pods_end: Any, phase: str) -> None:
    pods_end(phase)

    workload.must_need_a_device(bench(workload=WORKLOAD))


def test_without_a_workload_nothing_is_known() -> None:
    with pytest.raises(Unknown) as outcome:
        workload.workload_of(bench())

    assert outcome.value.code == "no_workload"


def test_where_the_probe_computes_itself_no_workload_is_needed() -> None:
    with pytest.raises(NotApplicable) as outcome:
        workload.workload_of(bench(compute={"by": "cuda"}))

    assert outcome.value.code == "probe_computes"
