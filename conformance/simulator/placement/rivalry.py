"""A fault of gang schedulers: gangs that do not fit together take each other's room, and neither starts."""

import time

from conformance.simulator.objects import uid_of
from conformance.simulator.placement.gangs import UNSCHEDULABLE, Gang, Outcome, Refusal
from conformance.simulator.placement.room import NoRoomError, Room
from conformance.simulator.scheduling import AbortedError

PATIENCE = 1.0
"""Seconds for which a faulty scheduler waits for a rival of a new gang."""


class Rivals:
    """Remembers when each gang was complete first, so that one that comes soon after it is its rival."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def patience(self, gang: Gang) -> float:
        """Seconds for which a gang has to wait still."""
        now = time.monotonic()
        return max(PATIENCE - (now - self._since.setdefault(uid_of(gang.obj), now)), 0.0)


def shares(room: Room, gangs: list[Gang]) -> list[tuple[Gang, Outcome]] | None:
    """What each of several gangs gets when members are placed in turn; None where they fit together, or there is only one."""
    outcomes = [(gang, Outcome()) for gang in gangs]
    left = {uid_of(gang.obj): list(gang.waiting) for gang in gangs}
    short = False
    while any(left.values()):
        for gang, outcome in outcomes:
            members = left[uid_of(gang.obj)]
            if members:
                pod, claims = members.pop(0)
                try:
                    outcome.placed.append(room.place(pod, claims))
                except (NoRoomError, AbortedError) as problem:
                    short = short or gang.bound + len(outcome.placed) + len(members) < gang.minimum
                    outcome.refused.append(Refusal(pod, UNSCHEDULABLE, str(problem)))
    if not short or len(gangs) == 1:
        return None
    for gang, outcome in outcomes:
        _hold_back(gang, outcome)
    return outcomes


def _hold_back(gang: Gang, outcome: Outcome) -> None:
    """No gang gets its last member: each waits for room that the other holds."""
    del outcome.placed[max(gang.minimum - gang.bound - 1, 0) :]
    bound = gang.bound + len(outcome.placed)
    outcome.reason = UNSCHEDULABLE
    outcome.message = f"minCount ({gang.minimum}) cannot be satisfied: {bound} scheduled, 0 remaining"
