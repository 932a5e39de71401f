"""The limit of shares: what is placed beyond it fails, and silence of the scheduler or of a watch proves nothing."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.cluster import errors, waiting
from conformance.evidence import Evidence
from conformance.probes import starting
from conformance.probes.sharing import limit
from conformance.probes.sharing.crew import Crew, Sent
from conformance.probes.sharing.shares import Shares
from conformance.verdicts import Failure, Outcome, Unknown, Unverified

Object = dict[str, Any]
MORE = Sent(plan=cast("Any", None), made={"metadata": {"name": "one-more"}}, claim=None)


def pod(node: str = "", *, decided: bool = True) -> Object:
    conditions = [{"type": "PodScheduled", "status": "True" if node else "False", "reason": "Unschedulable"}]
    spec = {"nodeName": node} if node else {}
    return {
        "metadata": {"name": "one-more"},
        "spec": {**spec, "containers": []},
        "status": {"phase": "Pending", "conditions": conditions if decided else []},
    }


class Ground:
    """Shares and a crew whose one pod is as a test says."""

    def __init__(self, now: Object, *, free: int | None = 0, claim: Object | None = None) -> None:
        api = SimpleNamespace(get=lambda path: claim if "claims" in path else now)
        bench = SimpleNamespace(free=lambda: free, node="n")
        sandbox = SimpleNamespace(limit=lambda seconds: seconds)
        made = SimpleNamespace(evidence=Evidence(), bench=bench, node="n", sandbox=sandbox)
        self.shares = cast("Shares", made)
        self.crew = cast("Crew", SimpleNamespace(api=api, pods_path="/pods", claims_path="/claims"))


def _watched(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """A watch that ends with this, or raises it."""

    def stays(*_given: Any, **_named: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(waiting, "stays", stays)


def test_a_pod_that_is_never_placed_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    _watched(monkeypatch, (None, 10.0, 1))
    ground = Ground(pod())
    limit._waits(ground.shares, ground.crew, MORE, 10.0)
    assert "never placed in 10.0 s; 1 broken watches" in ground.shares.evidence.steps[-1]["observed"]


def test_a_pod_that_is_placed_in_the_window_is_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    _watched(monkeypatch, ("the pod was placed on n", 3.0, 0))
    ground = Ground(pod("n"))
    with pytest.raises(Failure) as raised:
        limit._waits(ground.shares, ground.crew, MORE, 10.0)
    assert raised.value.code == "share_beyond_the_limit"


def test_a_pod_that_the_watch_missed_and_that_is_placed_is_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    _watched(monkeypatch, (None, 10.0, 0))
    ground = Ground(pod("n"))
    with pytest.raises(Failure):
        limit._waits(ground.shares, ground.crew, MORE, 10.0)


@pytest.mark.parametrize("broke", [waiting.HistoryLost(), errors.WaitTimeout("the watch", 30.0, "no event")])
def test_a_watch_that_did_not_live_proves_nothing(monkeypatch: pytest.MonkeyPatch, broke: Exception) -> None:
    _watched(monkeypatch, broke)
    ground = Ground(pod())
    with pytest.raises(Unverified) as raised:
        limit._waits(ground.shares, ground.crew, MORE, 10.0)
    assert raised.value.code == "watch_lost"


def test_a_scheduler_that_says_nothing_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_given: Any, **_named: Any) -> Any:
        raise errors.WaitTimeout("the scheduler's refusal", 60.0, "phase Pending")

    monkeypatch.setattr(waiting, "wait_for", silent)
    ground = Ground(pod(decided=False))
    with pytest.raises(Unverified) as raised:
        limit._is_refused(ground.shares, ground.crew, MORE)
    assert raised.value.code == "scheduler_silent"


def test_a_gate_is_no_word_of_the_scheduler() -> None:
    gated = pod()
    gated["status"]["conditions"][0]["reason"] = "SchedulingGated"
    assert starting.decided(gated) is None
    assert starting.decided(pod()) is not None


def test_a_pod_that_is_placed_at_once_is_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "wait_for", lambda *_given, **_named: pod("n"))
    ground = Ground(pod("n"))
    with pytest.raises(Failure) as raised:
        limit._is_refused(ground.shares, ground.crew, MORE)
    assert raised.value.code == "share_beyond_the_limit"


def test_a_claim_beyond_the_limit_that_is_allocated_fails_although_its_pod_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _watched(monkeypatch, (None, 10.0, 0))
    results = [{"driver": "d", "pool": "p", "device": "x"}]
    held = {"metadata": {"name": "c"}, "status": {"allocation": {"devices": {"results": results}}}}
    ground = Ground(pod(), claim=held)
    more = Sent(plan=cast("Any", None), made=MORE.made, claim={"metadata": {"name": "c"}})
    with pytest.raises(Failure):
        limit._waits(ground.shares, ground.crew, more, 10.0)


@pytest.mark.parametrize(("free", "wanted"), [(None, Unknown), (2, Unverified)])
def test_units_that_cannot_be_counted_or_became_more_prove_no_limit(free: int | None, wanted: type[Outcome]) -> None:
    with pytest.raises(wanted):
        limit._none_left(Ground(pod(), free=free).shares)


@pytest.mark.parametrize(("room", "wanted"), [([2, 2], Failure), ([2, 3], Unverified)])
def test_a_unit_that_others_gave_back_is_not_beyond_the_limit(
    monkeypatch: pytest.MonkeyPatch, room: list[int], wanted: type[Exception]
) -> None:
    monkeypatch.setattr(waiting, "wait_for", lambda *_given, **_named: pod("n"))
    ground = Ground(pod("n"))
    made, left = cast("Any", ground), iter(room)
    made.shares.strategy, made.shares.bench.left_by_others = "time-slicing", lambda: next(left)
    made.shares.sandbox.settings = SimpleNamespace(window_seconds=1.0)
    made.crew.idle, made.crew.run = lambda _name: MORE, lambda _sent: []

    with pytest.raises(wanted):
        limit.is_kept(ground.shares, ground.crew, 2)
