"""Two gangs that each fit and do not fit together: who gets the devices, and what stands idle meanwhile."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from conformance.cluster import errors, waiting
from conformance.cluster.crowd import Crowd, Members
from conformance.probes import starting
from conformance.probes.gang import members
from conformance.probes.gang.gangs import WAITING_SECONDS, Gangs
from conformance.probes.gang.making import Gang
from conformance.probes.gang.refusal import EVICTION_SLACK, beyond_room, looked_at
from conformance.verdicts import Failure, Unverified


@dataclass
class Tally:
    """Devices that incomplete gangs hold, over time."""

    gangs: Sequence[Gang]
    idle: float = 0.0
    """Device-seconds held by members that waited for others."""
    longest: float = 0.0
    """Longest time in seconds for which a gang held something in part."""
    _held: int = 0
    _last: float = field(default_factory=time.monotonic)
    _since: float | None = None

    def note(self, seen: Members) -> dict[str, int]:
        """Count what each gang holds now; returns it for those that are not whole."""
        now = time.monotonic()
        self.idle += self._held * (now - self._last)
        counts = {gang.name: sum(map(members.holds, gang.mine(seen))) for gang in self.gangs}
        parts = {gang.name: counts[gang.name] for gang in self.gangs if 0 < counts[gang.name] < gang.size}
        self._held, self._last = sum(parts.values()), now
        self._since = (self._since or now) if parts else None
        self.longest = max(self.longest, self.stuck)
        return parts

    @property
    def stuck(self) -> float:
        """Seconds since when something is held in part without a break."""
        return self._last - self._since if self._since is not None else 0.0


def winner_of(gangs: Gangs, pair: tuple[Gang, Gang], tally: Tally, everyone: Crowd, window: float) -> tuple[Gang, Gang]:
    """The gang that gets all of its devices first, and the other one, which the scheduler has looked at and not placed beside it."""
    winner = _first_whole(gangs, pair, tally, everyone, window)
    other = pair[1] if winner is pair[0] else pair[0]
    if other.made[0][1]["kind"] != "Job":
        looked_at(gangs, other)
    try:
        broken, seconds, _ = everyone.stays(
            lambda seen: _too_many(gangs, pair, tally, seen), seconds=gangs.window(), what=f"{other.name} to wait"
        )
    except (waiting.HistoryLost, errors.WaitTimeout) as error:
        raise Unverified(f"the watch did not live through the window: {error}", code="watch_lost") from error
    if broken:
        gangs.room.unchanged(gangs.api, gangs.sandbox.own)
        raise beyond_room(broken)
    mine = other.mine(everyone.members)
    gangs.evidence.step(
        "one gang runs and the other waits", observed=f"for {seconds:.1f} s: {members.describe(mine)}", obj=other.name
    )
    return winner, other


def _too_many(gangs: Gangs, pair: tuple[Gang, Gang], tally: Tally, seen: Members) -> str | None:
    """What is wrong where more pods are bound than there are devices."""
    tally.note(seen)
    mine = [pod for gang in pair for pod in gang.mine(seen)]
    if sum(map(members.bound, mine)) <= gangs.room.free:
        return None
    return f"two gangs of {pair[0].size} on {gangs.room.free} devices: {members.describe(mine)}"


def _first_whole(gangs: Gangs, pair: tuple[Gang, Gang], tally: Tally, everyone: Crowd, window: float) -> Gang:
    """Wait until one of two gangs has all that it needs; ``Failure`` where devices are held in part for the whole window."""
    patience = gangs.queue.wait + gangs.sandbox.deciding(EVICTION_SLACK) if gangs.queue.timeout else window
    deadline = time.monotonic() + gangs.sandbox.limit(starting.START_SECONDS) + patience
    while (left := deadline - time.monotonic()) > 0:
        try:
            return everyone.until(
                lambda seen: _whole(gangs, pair, tally, seen),
                limit=min(window, left),
                what="one of two gangs to get all of its devices",
            )
        except errors.WaitTimeout:
            parts = tally.note(everyone.members)
            if tally.stuck >= patience:
                raise _stuck(gangs, pair, tally, parts) from None
    raise _alone(gangs, pair, everyone)


def _whole(gangs: Gangs, pair: tuple[Gang, Gang], tally: Tally, seen: Members) -> Gang | None:
    mine = [pod for gang in pair for pod in gang.mine(seen)]
    if broken := _too_many(gangs, pair, tally, seen):
        gangs.room.unchanged(gangs.api, gangs.sandbox.own)
        raise beyond_room(broken)
    lost = next(filter(None, map(members.taken_away, mine)), "")
    if lost and pair[0].made[0][1]["kind"] != "Job":
        raise Unverified(f"a probe pod was lost: {lost}", code="probe_lost")
    return next((gang for gang in pair if sum(map(members.holds, gang.mine(seen))) >= gang.size), None)


def _stuck(gangs: Gangs, pair: tuple[Gang, Gang], tally: Tally, parts: dict[str, int]) -> Failure:
    for gang in pair:
        gangs.all_there(gang)
    gangs.room.unchanged(gangs.api, gangs.sandbox.own)
    held = " and ".join(f"{gang.name} {parts.get(gang.name, 0)} of {gang.size}" for gang in pair)
    words = "; ".join(filter(None, (gangs.words(gang) for gang in pair)))
    return Failure(
        "gangs_deadlock" if len(parts) == len(pair) else "gang_holds_in_part",
        observed=f"for {tally.stuck:.1f} s neither gang was whole: {held} of {gangs.room.free} devices; {words}".rstrip(
            "; "
        ),
        expected="one gang gets all of its devices, then the other",
        hint=gangs.hint(),
    )


def _alone(gangs: Gangs, pair: tuple[Gang, Gang], everyone: Crowd) -> Failure:
    """Neither began: without the second the first tells whether they stood in each other's way."""
    told = members.describe(everyone.members.values())
    for gang in pair:
        gangs.all_there(gang)
    gangs.end(pair[1])
    gangs.witness(pair[0])
    return Failure(
        "gangs_deadlock",
        observed=f"neither gang started while both waited ({told}); one alone starts",
        expected="one gang gets all of its devices, then the other",
    )


def second_follows(gangs: Gangs, second: Gang, tally: Tally, everyone: Crowd) -> float:
    """Wait until the other gang is whole, after the first has gone; returns the seconds that it took.

    ``Failure`` where it does not get there and a new gang of its size does; ``Unverified`` where no gang starts any more.
    """
    began = time.monotonic()

    def whole(seen: Members) -> bool | None:
        tally.note(seen)
        return True if sum(map(members.holds, second.mine(seen))) >= second.size else None

    try:
        everyone.until(
            whole,
            limit=gangs.sandbox.deciding(WAITING_SECONDS) + gangs.queue.wait,
            what="the second gang to get all of its devices",
            show=lambda seen: members.describe(second.mine(seen)),
        )
    except errors.WaitTimeout as error:
        gangs.all_there(second)
        gangs.room.unchanged(gangs.api, gangs.sandbox.own)
        words = gangs.words(second)
        gangs.end(second)
        gangs.twin("twin-after", second.size)
        raise Failure(
            "second_gang_not_started",
            observed=f"{error}; {words}; a new gang of {second.size} starts",
            expected="the second gang starts when the first has ended",
        ) from error
    return time.monotonic() - began
