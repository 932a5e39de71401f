"""What becomes of a gang and what that means: no word of an error and no lost pod turns into a verdict."""

from collections.abc import Callable
from typing import Any

import pytest

from conformance.cluster import Settings, errors
from conformance.cluster.crowd import Members
from conformance.evidence import Evidence
from conformance.probes.gang import clean as gang_clean
from conformance.probes.gang import contest as gang_contest
from conformance.probes.gang import finish as gang_finish
from conformance.probes.gang import members
from conformance.probes.gang import refusal as gang_refusal
from conformance.probes.gang.contest import Tally
from conformance.probes.gang.gangs import Gangs, between, decided, settled
from conformance.probes.gang.making import Gang
from conformance.verdicts import Failure, Unverified

Object = dict[str, Any]


def pod(
    index: int = 0, *, gang: str = "g", node: str | None = None, phase: str = "Pending", words: str = "", **status: Any
) -> Object:
    conditions = (
        [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}] if words else []
    )
    spec = {"nodeName": node} if node else {}
    labels = {members.GANG_LABEL: gang}
    state = {"phase": phase, "conditions": conditions, **status}
    return {"metadata": {"name": f"{gang}-{index}", "labels": labels}, "spec": spec, "status": state}


def placed(index: int = 0, phase: str = "Running", gang: str = "g", **status: Any) -> Object:
    return pod(index, gang=gang, node="n", phase=phase, **status)


def by_name(*pods: Object) -> Members:
    return {p["metadata"]["name"]: p for p in pods}


class FakeCrowd:
    """A watch that shows states one after the other and then runs out of time."""

    def __init__(self, *states: Members) -> None:
        self._states = states or ({},)
        self.members = self._states[0]

    def until(self, found: Callable[[Members], Any], *, limit: float, what: str, show: Any = None) -> Any:
        for state in self._states:
            self.members = state
            if (value := found(state)) is not None:
                return value
        raise errors.WaitTimeout(what, limit, show(self.members) if show else "")


class FakeRoom:
    free = 4
    changed = False

    def unchanged(self, _api: Any, _own: str) -> None:
        if self.changed:
            raise Unverified("others took devices", code="free_changed")


class FakeGangs:
    """As much of the gangs of a check as judging needs."""

    def __init__(self, *, timeout: float | None = 0.0) -> None:
        self.room, self.api, self.evidence = FakeRoom(), None, Evidence()
        self.sandbox = type(
            "S",
            (),
            {
                "own": "me",
                "limit": staticmethod(float),
                "deciding": staticmethod(float),
                "settings": Settings(run_id="r"),
            },
        )()
        self.queue = type("Q", (), {"timeout": timeout, "wait": int(timeout or 0)})()
        self.ended: list[str] = []
        self.blocked, self.stopped = True, False
        self.lost: set[str] = set()

    def still_blocked(self) -> None:
        if not self.blocked:
            raise Unverified("the blocker was lost", code="probe_lost")

    def all_there(self, gang: Gang) -> None:
        if gang.name in self.lost:
            raise Unverified(f"{gang.name} lost a member", code="probe_lost")

    def words(self, _gang: Gang) -> str:
        return "the group says so"

    def hint(self) -> str:
        return ""

    def in_part(self, seen: str) -> Failure:
        return Failure("gang_holds_in_part", observed=seen, expected="")

    def end(self, gang: Gang) -> None:
        self.ended.append(gang.name)

    def witness(self, gang: Gang) -> Gang:
        return gang

    def twin(self, name: str, size: int) -> Gang:
        if self.stopped:
            raise Unverified("no gang starts", code="no_witness")
        return gang(name, size)


def gang(name: str = "g", size: int = 3, *states: Members, kind: str = "PodGroup") -> Gang:
    made = [("/path/x", {"kind": kind, "metadata": {"uid": "u"}})]
    crowd: Any = FakeCrowd(*states)
    ask: Any = None
    return Gang(name=name, size=size, ask=ask, grouped=True, crowd=crowd, made=made)


@pytest.mark.parametrize(
    ("found", "bound", "holds", "started"),
    [
        (pod(), False, False, False),
        (placed(phase="Pending"), True, True, False),
        (placed(), True, True, True),
        (placed(phase="Succeeded"), True, False, True),
        (placed(phase="Failed"), True, False, False),
        ({"spec": None, "status": 5}, False, False, False),
        ({}, False, False, False),
    ],
)
def test_a_pod_holds_its_device_from_binding_to_its_end(found: Object, bound: bool, holds: bool, started: bool) -> None:
    assert (members.bound(found), members.holds(found), members.started(found)) == (bound, holds, started)


def test_a_pod_at_a_gate_was_not_refused_by_the_scheduler() -> None:
    gated = pod(words="no")
    gated["status"]["conditions"][0]["reason"] = "SchedulingGated"

    assert members.refusal(gated) == ""
    assert members.refusal(pod(words="no room")) == "Unschedulable: no room"
    assert members.refusal({"status": {"conditions": [None, 5, {"type": "PodScheduled"}]}}) == ""


def test_a_disrupted_or_failed_pod_is_lost_as_a_witness() -> None:
    disrupted = placed(conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}])

    assert "PreemptionByScheduler" in members.taken_away(disrupted)
    assert "failed" in members.taken_away(placed(phase="Failed"))
    assert members.taken_away(placed()) == ""


def test_the_scheduler_has_decided_when_it_refused_one_or_bound_all_and_not_before_all_exist() -> None:
    assert decided([pod(0), pod(1, words="no")], 2) is True
    assert decided([placed(0), placed(1)], 2) is True
    assert decided([placed(0), pod(1)], 2) is None
    assert decided([pod(0, words="no")], 2) is None


def test_a_control_is_settled_when_each_pod_runs_or_was_refused() -> None:
    assert settled([placed(0), pod(1, words="no")], 2) == [placed(0), pod(1, words="no")]
    assert settled([placed(0, phase="Pending"), pod(1, words="no")], 2) is None
    assert settled([placed(0)], 2) is None


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        (["2026-01-01T00:00:02Z", "2026-01-01T00:00:00Z"], 2.0),
        ([], None),
        (["yesterday"], None),
        (["2026-01-01T00:00:00Z", "2026-01-01T00:00:00"], None),
    ],
)
def test_the_time_between_first_and_last_start_is_told_where_it_can_be_read(
    times: list[str], wanted: float | None
) -> None:
    assert between(times) == wanted


def test_a_part_of_a_gang_with_devices_is_a_failure_and_all_of_it_another() -> None:
    part = by_name(placed(0), placed(1), pod(2, words="no"))
    whole = by_name(placed(0), placed(1), placed(2))
    gangs: Any = FakeGangs()

    assert gang_refusal.got_something(gangs, gang("g", 3, part), "x").code == "gang_holds_in_part"
    assert gang_refusal.got_something(gangs, gang("g", 3, part, whole), "x").code == "gang_beyond_room"


def test_where_others_gave_devices_back_a_gang_that_got_some_proves_nothing() -> None:
    gangs: Any = FakeGangs()
    gangs.room.changed = True

    with pytest.raises(Unverified, match="others took"):
        gang_refusal.got_something(gangs, gang("g", 3, by_name(placed(0))), "x")


def test_where_the_pod_that_blocks_a_device_is_lost_a_gang_that_got_it_proves_nothing() -> None:
    gangs: Any = FakeGangs()
    gangs.blocked = False

    with pytest.raises(Unverified, match="blocker was lost"):
        gang_refusal.got_something(gangs, gang("g", 1, by_name(placed(0))), "x")


@pytest.mark.parametrize(
    "found",
    [[], [placed(0, phase="Failed")], [placed(0, conditions=[{"type": "DisruptionTarget", "status": "True"}])]],
    ids=["gone", "ended", "preempted"],
)
def test_a_pod_that_no_longer_holds_its_device_blocks_no_gang(found: list[Object]) -> None:
    gangs = object.__new__(Gangs)
    sandbox: Any = type("S", (), {"own": "me"})()
    api: Any = type("A", (), {"list": lambda _self, _path, **_options: found})()
    gangs.sandbox, gangs.api, gangs._pods = sandbox, api, "/pods"
    gangs.still_blocked()
    gangs.blocker = gang("blocker", 1)

    with pytest.raises(Unverified) as raised:
        gangs.still_blocked()
    assert raised.value.code == "probe_lost"


@pytest.mark.parametrize(
    ("there", "complete"),
    [(["u0", "u1"], True), (["u0"], False), (["u0", "made-again"], False)],
    ids=["all", "deleted", "replaced"],
)
def test_a_gang_of_which_somebody_else_deleted_a_member_proves_nothing(there: list[str], complete: bool) -> None:
    gangs, one = object.__new__(Gangs), gang()
    one.made += [(f"/pods/g-{n}", {"kind": "Pod", "metadata": {"name": f"g-{n}", "uid": f"u{n}"}}) for n in range(2)]
    sandbox: Any = type("S", (), {"own": "me"})()
    found = [{"metadata": {"uid": uid}} for uid in there]
    api: Any = type("A", (), {"list": lambda _self, _path, **_options: found})()
    gangs.sandbox, gangs.api, gangs._pods = sandbox, api, "/pods"

    if complete:
        gangs.all_there(one)
    else:
        with pytest.raises(Unverified, match="g-1"):
            gangs.all_there(one)


def test_a_second_gang_that_lost_a_member_did_not_fail_to_follow() -> None:
    one, two = pair()
    gangs: Any = FakeGangs()
    everyone: Any = FakeCrowd(by_name(pod(0, gang="two")))

    with pytest.raises(Failure):
        gang_contest.second_follows(gangs, two, Tally((one, two)), everyone)
    gangs.lost = {"two"}
    with pytest.raises(Unverified) as raised:
        gang_contest.second_follows(gangs, two, Tally((one, two)), everyone)
    assert raised.value.code == "probe_lost"


def test_a_second_gang_fails_to_follow_only_where_a_new_one_starts() -> None:
    one, two = pair()
    gangs: Any = FakeGangs()
    gangs.stopped = True

    with pytest.raises(Unverified) as raised:
        gang_contest.second_follows(gangs, two, Tally((one, two)), FakeCrowd({}))  # type: ignore[arg-type]
    assert (raised.value.code, gangs.ended) == ("no_witness", ["two"])


def test_a_gang_that_stays_beyond_the_time_out_of_its_queue_holds_in_part() -> None:
    gangs: Any = FakeGangs(timeout=5.0)

    with pytest.raises(Failure) as raised:
        gang_refusal.await_eviction(gangs, gang("g", 2, by_name(placed(0), pod(1, words="no"))))
    assert raised.value.code == "gang_holds_in_part"
    assert "waited 65 s" in raised.value.observed


def test_an_evicted_gang_holds_nothing_and_how_long_it_held_is_recorded() -> None:
    gangs: Any = FakeGangs(timeout=5.0)

    gang_refusal.await_eviction(gangs, gang("g", 2, by_name(placed(0)), {}))

    assert "the stated limit is 5 s" in gangs.evidence.steps[0]["observed"]


def test_a_member_that_ended_before_another_was_placed_was_not_together_with_it() -> None:
    with pytest.raises(Failure) as raised:
        gang_finish._together(gang(size=2), by_name(placed(0, phase="Succeeded"), pod(1)))
    assert raised.value.code == "not_together"
    gang_finish._together(gang(size=2), by_name(placed(0, phase="Succeeded"), placed(1)))


class NothingStarts(FakeGangs):
    """A gang that fits is refused; so are the same pods without a gang, where ``plain_starts`` is not true."""

    def __init__(self, *, plain_starts: bool) -> None:
        super().__init__()
        self.plain_starts = plain_starts

    def one_more_is_refused(self, _gang: Gang, _also: Any) -> bool:
        return False

    def starts(self, _gang: Gang, code: str, **_options: Any) -> None:
        raise Failure(code, observed="refused", expected="it starts")

    def plain(self, name: str, size: int) -> Gang:
        return gang(name, size)

    def witness(self, gang: Gang) -> Gang:
        if not self.plain_starts:
            raise Unverified("refused as well", code="no_witness")
        return gang


def test_a_gang_that_does_not_start_fails_only_where_the_same_pods_without_a_gang_do() -> None:
    good: Any = NothingStarts(plain_starts=True)
    bad: Any = NothingStarts(plain_starts=False)

    with pytest.raises(Failure) as failed:
        gang_finish.finish_together(good, gang())
    assert (failed.value.code, good.ended) == ("fitting_gang_not_started", ["g", "no-gang"])
    with pytest.raises(Unverified) as raised:
        gang_finish.finish_together(bad, gang())
    assert raised.value.code == "no_witness"


class GoesOn(FakeGangs):
    """A gang that starts and of which no pod comes to its end."""

    def one_more_is_refused(self, _gang: Gang, _also: Any) -> bool:
        return True

    def starts(self, _gang: Gang, _code: str, **_options: Any) -> None:
        return


@pytest.mark.parametrize(
    ("exit_code", "added", "code"),
    [(0, "running", "pod_changed"), (1, "running", "gang_not_finished"), (0, "terminated", "gang_not_finished")],
)
def test_a_sidecar_that_keeps_the_pods_of_a_gang_is_not_the_schedulers_fault(
    exit_code: int, added: str, code: str
) -> None:
    containers = [
        {"name": "main", "state": {"terminated": {"exitCode": exit_code}}},
        {"name": "istio-proxy", "state": {added: {}}},
    ]
    stays = gang(size=1)
    stays.crowd = FakeCrowd(by_name(placed(0, containerStatuses=containers)))  # type: ignore[assignment]
    gangs: Any = GoesOn()
    with pytest.raises((Failure, Unverified)) as raised:
        gang_finish.finish_together(gangs, stays)
    assert getattr(raised.value, "code", "") == code


LOST = [{"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager"}]


@pytest.mark.parametrize(
    ("changed", "conditions", "code"),
    [(False, LOST, "probe_lost"), (True, [], "free_changed"), (False, [], "gang_not_finished")],
    ids=["pod", "node", "neither"],
)
def test_a_gang_that_lost_a_pod_or_a_node_before_its_end_says_nothing_about_the_scheduler(
    changed: bool, conditions: list[Object], code: str
) -> None:
    ends = gang(size=1)
    ends.crowd = FakeCrowd(by_name(placed(0, phase="Failed", conditions=conditions)))  # type: ignore[assignment]
    gangs: Any = GoesOn()
    gangs.room.changed = changed
    with pytest.raises((Failure, Unverified)) as raised:
        gang_finish.finish_together(gangs, ends)
    assert getattr(raised.value, "code", "") == code


@pytest.mark.parametrize(("changed", "code"), [(True, "free_changed"), (False, "devices_not_freed")])
def test_a_gang_that_does_not_go_because_its_node_is_lost_keeps_no_device(changed: bool, code: str) -> None:
    class Stays(FakeGangs):
        def delete(self, _gang: Gang) -> None:
            return

        def gone(self, _gang: Gang, limit: float) -> None:
            raise errors.WaitTimeout("pods to be gone", limit, "1 left")

    gangs: Any = Stays()
    gangs.room.changed = changed
    with pytest.raises((Failure, Unverified)) as raised:
        gang_clean.frees_its_devices(gangs, gang())
    assert getattr(raised.value, "code", "") == code


def pair() -> tuple[Gang, Gang]:
    return gang("one"), gang("two")


def test_of_two_gangs_the_whole_one_wins() -> None:
    one, two = pair()
    state = by_name(*(placed(n, gang="two") for n in range(3)), pod(0, gang="one", words="no"))
    gangs: Any = FakeGangs()

    assert gang_contest._whole(gangs, (one, two), Tally((one, two)), state) is two


def test_more_pods_than_devices_is_a_failure_even_where_a_gang_is_whole() -> None:
    one, two = pair()
    state = by_name(*(placed(n, gang=name) for n in range(3) for name in ("one", "two")))
    gangs: Any = FakeGangs()

    with pytest.raises(Failure) as raised:
        gang_contest._whole(gangs, (one, two), Tally((one, two)), state)
    assert raised.value.code == "gang_beyond_room"


def test_a_lost_member_ends_a_contest_without_a_verdict() -> None:
    one, two = pair()
    gangs: Any = FakeGangs()

    with pytest.raises(Unverified) as raised:
        gang_contest._whole(gangs, (one, two), Tally((one, two)), by_name(placed(0, gang="one", phase="Failed")))
    assert raised.value.code == "probe_lost"


@pytest.mark.parametrize(
    ("two_holds", "code"), [(True, "gangs_deadlock"), (False, "gang_holds_in_part")], ids=["both", "one"]
)
def test_gangs_that_hold_in_part_for_the_whole_window_are_stuck(two_holds: bool, code: str) -> None:
    one, two = pair()
    state = by_name(placed(0, gang="one"), *([placed(0, gang="two")] if two_holds else []))
    everyone: Any = FakeCrowd(state)
    gangs: Any = FakeGangs()

    with pytest.raises(Failure) as raised:
        gang_contest._first_whole(gangs, (one, two), Tally((one, two)), everyone, 0.001)
    assert raised.value.code == code
    assert "one 1 of 3" in raised.value.observed


def test_what_incomplete_gangs_hold_is_counted_and_what_whole_ones_hold_is_not() -> None:
    one, two = pair()
    tally = Tally((one, two))

    assert tally.note(by_name(placed(0, gang="one"), placed(1, gang="one"))) == {"one": 2}
    tally._last -= 10
    assert tally.note(by_name(*(placed(n, gang="one") for n in range(3)))) == {}
    assert tally.idle == pytest.approx(20, abs=1)
    assert tally.stuck == 0.0
