"""The decision about a gang: all of it, or nothing, and in which words."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from conformance.simulator.objects import Obj
from conformance.simulator.placement.room import NoRoomError, Placement, Room
from conformance.simulator.scheduling import AbortedError

UNSCHEDULABLE, ERROR = "Unschedulable", "SchedulerError"
Member = tuple[Obj, list[Obj]]
"""A pod and its claims."""


@dataclass(frozen=True)
class Gang:
    """A group of pods and how many of them must start together."""

    obj: Obj
    """The solution's own object."""
    minimum: int
    waiting: tuple[Member, ...] = ()
    bound: int = 0
    """Members that have a node already."""
    complete: bool = False
    """Whether enough members exist, and each of them can be looked at."""


@dataclass(frozen=True)
class Refusal:
    """A member that gets no node now."""

    pod: Obj
    reason: str
    message: str
    why: Literal["own", "fits", "untried"] = "own"
    """Whether it does not fit itself, would fit and waits for the others, or was not looked at any more."""


@dataclass
class Outcome:
    """What became of an attempt."""

    placed: list[Placement] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    reason: str = ""
    """Why the gang waits; empty where it starts."""
    message: str = ""


def decide(room: Room, gang: Gang, *, force: bool = False) -> Outcome:
    """Try all members in order, and give up as soon as the minimum is out of reach."""
    outcome, scheduled, remaining = Outcome(), gang.bound, len(gang.waiting)
    tried: list[tuple[Obj, str]] = []
    for pod, claims in gang.waiting:
        remaining -= 1
        try:
            outcome.placed.append(_place(room, pod, claims, force=force))
            scheduled += 1
            tried.append((pod, ""))
        except NoRoomError as problem:
            tried.append((pod, str(problem)))
        except AbortedError as problem:
            return _failed(gang.waiting, pod, str(problem))
        if scheduled + remaining < gang.minimum:
            break
    outcome.refused = [Refusal(pod, UNSCHEDULABLE, why) for pod, why in tried if why]
    if scheduled < gang.minimum:
        words = f"minCount ({gang.minimum}) cannot be satisfied: {scheduled} scheduled, {remaining} remaining"
        fitting = [Refusal(pod, UNSCHEDULABLE, words, "fits") for pod, why in tried if not why]
        untried = [Refusal(pod, UNSCHEDULABLE, words, "untried") for pod, _ in gang.waiting[len(tried) :]]
        return Outcome([], [*outcome.refused, *fitting, *untried], UNSCHEDULABLE, words)
    return outcome


def _place(room: Room, pod: Obj, claims: list[Obj], *, force: bool) -> Placement:
    try:
        return room.place(pod, claims)
    except NoRoomError:
        if not force:
            raise
        return room.force(pod, claims, overfill=True)


def _failed(members: Sequence[Member], pod: Obj, why: str) -> Outcome:
    """One member's selector failed: nobody starts."""
    words = f"failed to schedule other pod from a pod group: {why}"
    refused = [Refusal(other, ERROR, why if other is pod else words) for other, _ in members]
    return Outcome([], refused, ERROR, words)
