"""What gangs do on the chosen nodes and what that means: the judgement of the gang checks.

It is taken from binding and phase of the pods; what the solution's own object says begins a window and explains a verdict.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.cluster.crowd import Members
from conformance.inventory import odd
from conformance.probes import starting
from conformance.probes.gang import members
from conformance.probes.gang.free_room import DeviceUnit
from conformance.probes.gang.making import Gang, GangMaker
from conformance.probes.names import SANDBOX_LABEL
from conformance.verdicts import Failure, Grade, Unknown, Unverified

REFUSAL_SECONDS = 60.0
WAITING_SECONDS = 330.0
"""Limit for a waiting gang to be tried again: a scheduler looks after five minutes at the latest."""


class Gangs(GangMaker):
    """Gangs of one check."""

    blocker: Gang | None = None
    """The pod that holds one device, so that a gang over all of them does not fit."""

    def grade(self, *tried: Gang) -> Grade:
        """What a pass with controls is worth: less without accelerators, and where a queue's arithmetic may be all there is."""
        if not isinstance(self.room.unit, DeviceUnit):
            self.evidence.step(
                "judged without accelerators",
                observed=f"the cluster has none; members asked for {self.room.unit.title}",
            )
            return Grade.BEHAVIOURAL
        if any(gang.by_queue for gang in tried) and not self.queue.own:
            seen = "the queue held the gang back before any pod existed; its quota alone may have done that"
            self.evidence.step("judged by a queue that exists", observed=seen)
            return Grade.BEHAVIOURAL
        return Grade.CONTROLLED

    def window(self, twin: Gang | None = None) -> float:
        """How long an absence is watched, in seconds: at least three times what the positive twin needed."""
        return max(self.sandbox.settings.window_seconds, 3 * twin.seconds if twin else 0.0)

    def block(self) -> Gang:
        """Hold one device with a pod that is in no gang."""
        self.blocker = self.witness(self.loose("blocker", 1))
        return self.blocker

    def still_blocked(self) -> None:
        """``Unverified`` where the pod that keeps one device from a gang was lost or has ended: then there was room for it."""
        if self.blocker is None:
            return
        selector = f"{SANDBOX_LABEL}={self.sandbox.own},{members.GANG_LABEL}={self.blocker.name}"
        found = self.api.list(self._pods, label_selector=selector)
        if not any(members.holds(pod) and not members.taken_away(pod) for pod in found):
            lost = next(filter(None, map(members.taken_away, found)), "") or members.describe(found)
            raise Unverified(f"the pod that was to hold one device holds it no more: {lost}", code="probe_lost")

    def twin(self, name: str, size: int) -> Gang:
        """A gang that fits starts as a whole and is taken away again."""
        gang = self.witness(self.submit(name, size))
        self.end(gang)
        return gang

    def witness(self, gang: Gang) -> Gang:
        """Wait until all of it runs; ``Unverified`` where it does not, because then nothing else is proven."""
        try:
            self.starts(gang, "gang_not_started")
        except Failure as error:
            raise Unverified(f"{error.observed}; without it nothing is proven", code="no_witness") from error
        return gang

    def starts(
        self,
        gang: Gang,
        code: str,
        *,
        limit: float = starting.START_SECONDS,
        also: Callable[[Members], None] = lambda _seen: None,
    ) -> None:
        """Wait until every member runs or has run; ``Failure`` with this code where the scheduler keeps them waiting.

        ``also`` is shown every state on the way and may raise.
        """

        def whole(seen: Members) -> list[Object] | None:
            also(seen)
            return self._whole(gang, seen)

        try:
            found = gang.crowd.until(
                whole,
                limit=self.sandbox.deciding(limit),
                what=f"all {gang.size} pods of {gang.name} to run",
                show=lambda seen: members.describe(gang.mine(seen)),
            )
        except errors.WaitTimeout as error:
            raise self._not_started(gang, code, error) from error
        gang.seconds = time.monotonic() - gang.began
        self._record_start(gang, found)

    def one_more_is_refused(self, gang: Gang, also: Callable[[Members], None] = lambda _seen: None) -> bool:
        """The control beside a gang that holds all devices: once it is placed, a further pod is refused.

        False where that cannot be said, because it was not placed or members had ended; ``Unverified`` where the pod is placed.
        """
        if not self._placed(gang, also):
            return False
        more = self.loose("one-more", 1)
        try:
            more.crowd.until(
                lambda seen: decided(more.mine(seen), 1),
                limit=self.sandbox.limit(REFUSAL_SECONDS),
                what="the refusal of one pod more",
            )
        except errors.WaitTimeout as error:
            raise Unverified(f"nobody looked at a pod beside the gang: {error}", code="scheduler_silent") from error
        selector = f"{SANDBOX_LABEL}={self.sandbox.own},{members.GANG_LABEL}={gang.name}"
        holding = [pod for pod in self.api.list(self._pods, label_selector=selector) if members.holds(pod)]
        (pod,) = more.mine(more.crowd.members)
        self.end(more)
        if len(holding) < gang.size:
            return False
        if members.bound(pod):
            raise Unverified(
                f"a further pod was placed beside the gang: {members.describe([pod])}", code="free_changed"
            )
        self.evidence.step("one pod more beside the gang", expected="refused", observed=members.refusal(pod))
        return True

    def _placed(self, gang: Gang, also: Callable[[Members], None]) -> bool:
        """Whether every member gets a node; whatever keeps it from one is told by who waits for its start."""

        def placed(seen: Members) -> bool | None:
            also(seen)
            return True if sum(map(members.bound, gang.mine(seen))) >= gang.size else None

        limit = self.sandbox.limit(starting.START_SECONDS)
        try:
            return gang.crowd.until(placed, limit=limit, what=f"all {gang.size} pods of {gang.name} to be placed")
        except errors.WaitTimeout:
            return False

    def follows(self, gang: Gang) -> None:
        """A gang that waited starts now that there is room; ``Failure`` where it does not and a new one of its size does."""
        gang.began = time.monotonic()
        limit = WAITING_SECONDS + self.queue.wait
        try:
            self.starts(gang, "waiting_gang_not_started", limit=limit)
        except Failure as late:
            if late.code == "waiting_gang_not_started":
                self.end(gang)
                self.twin("twin-after", gang.size)
            raise
        except Unverified as silent:
            if silent.code != "scheduler_silent":
                raise
            self.end(gang)
            self.twin("twin-after", gang.size)
            raise Failure(
                "waiting_gang_not_started",
                observed=f"{silent.reason}; a new gang of {gang.size} starts",
                expected="a waiting gang starts when there is room for it",
            ) from silent

    def _whole(self, gang: Gang, seen: Members) -> list[Object] | None:
        mine = gang.mine(seen)
        for pod in mine:
            if taken := members.taken_away(pod):
                raise Unverified(f"a probe pod was lost: {taken}", code="probe_lost")
        return mine if len(mine) >= gang.size and all(map(members.started, mine)) else None

    def _not_started(self, gang: Gang, code: str, error: errors.WaitTimeout) -> Failure | Unverified | Unknown:
        self.all_there(gang)
        mine = gang.mine(gang.crowd.members)
        bound = [pod for pod in mine if members.bound(pod)]
        words = self.words(gang)
        seen = f"{gang.name} ({gang.size} pods), after {error.seconds:.0f} s: {members.describe(mine)}; {words}"
        if len(bound) >= gang.size:
            waiting = next(pod for pod in bound if not members.started(pod))
            told = starting.describe(waiting)
            return Unverified(f"{seen}; pod {odd.name(waiting)}: {told}", code="pod_not_started")
        self.room.unchanged(self.api, self.sandbox.own)
        if bound:
            return self.in_part(seen)
        if not words and not any(map(members.refusal, mine)):
            return Unverified(
                f"{self.adapter.solution.title} said nothing about {seen}; {self.adapter.solution.seen}",
                code="scheduler_silent",
            )
        if gang.grouped and not mine and not self.queue.own:
            return Unknown(f"the queue does not let the gang in: {seen}", code="queue_refuses")
        return Failure(code, observed=seen, expected=f"{gang.size} members start: as many devices are free")

    def in_part(self, seen: str) -> Failure:
        """The failure of a gang of which only some members have devices."""
        return Failure(
            "gang_holds_in_part",
            observed=seen,
            expected="all members of a gang get their devices, or none does",
            hint=self.hint(),
        )

    def hint(self) -> str:
        """The cure, where one is known."""
        if self.adapter.solution.id == "kueue" and self.queue.timeout is None:
            return "Kueue admits by quota alone; configure waitForPodsReady or topology-aware scheduling"
        return ""

    def words(self, gang: Gang) -> str:
        """What the solution's own object says; it is kept as an artefact."""
        if not gang.grouped:
            return ""
        state = self.adapter.state(self.api, gang.ask)
        if state.object is not None:
            name = f"{state.object.get('kind', 'group')}-{odd.name(state.object) or gang.name}.json".lower()
            self.evidence.artefact(name, state.object)
        return (
            f"{state.phase}: {state.words}" + (f" (since {state.since})" if state.since else "") if state.words else ""
        )

    def _record_start(self, gang: Gang, pods: Sequence[Object]) -> None:
        times = sorted(filter(None, map(members.started_at, pods)))
        nodes = sorted({str(odd.part(pod, "spec").get("nodeName")) for pod in pods})
        by = sorted({str(odd.part(pod, "spec").get("schedulerName")) for pod in pods})
        self.evidence.step(
            f"{'gang' if gang.grouped else 'pods'} {gang.name} started",
            expected=f"all {gang.size}",
            observed=f"{len(pods)} on {', '.join(nodes)} after {gang.seconds:.1f} s; {self.words(gang)}".rstrip("; "),
            obj=f"{gang.size} pods in {self.namespace}",
            scheduled_by=by,
            first_start=times[0] if times else None,
            last_start=times[-1] if times else None,
            seconds_between=between(times),
        )

    def starts_in_part(self, name: str, size: int) -> None:
        """The control: the same pods without a gang start in part; ``Unverified`` where none or all of them do."""
        pods = self.loose(name, size)
        try:
            found = pods.crowd.until(
                lambda seen: settled(pods.mine(seen), size),
                limit=self.sandbox.limit(starting.START_SECONDS),
                what=f"some of {name} to run and the rest to be refused",
                show=lambda seen: members.describe(pods.mine(seen)),
            )
        except errors.WaitTimeout as error:
            raise Unverified(f"the control did not start in part: {error}", code="control_not_in_part") from error
        bound = sum(map(members.bound, found))
        if not 0 < bound < size:
            raise Unverified(f"{bound} of {size} pods without a gang started", code="control_not_in_part")
        self.evidence.step(
            "the same pods without a gang",
            expected="start in part",
            observed=f"{bound} of {size} started; {members.describe(found)}",
            obj=f"{size} pods in {self.namespace}",
        )
        self.end(pods)


def decided(pods: Sequence[Object], size: int) -> bool | None:
    """Whether the scheduler has looked at all of a gang: it refused one of them, or bound all."""
    if len(pods) < size:
        return None
    return True if any(map(members.refusal, pods)) or all(map(members.bound, pods)) else None


def settled(pods: Sequence[Object], size: int) -> list[Object] | None:
    """The pods, once each of them runs or was refused."""
    if len(pods) < size or not all(members.started(pod) or members.refusal(pod) for pod in pods):
        return None
    return list(pods)


def between(times: Sequence[str]) -> float | None:
    """Seconds from the first to the last of these times."""
    try:
        found = [datetime.fromisoformat(time) for time in times]
        return (max(found) - min(found)).total_seconds() if found else None
    except (ValueError, TypeError):
        return None
