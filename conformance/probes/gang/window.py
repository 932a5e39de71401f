"""The window in which a gang that does not fit must hold nothing, watched on its pods and on its claims at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from conformance.cluster import errors, waiting
from conformance.cluster.api import Object
from conformance.cluster.crowd import Crowd, Members
from conformance.inventory import odd, room
from conformance.probes.gang import members
from conformance.probes.gang.gangs import Gangs
from conformance.probes.gang.making import Gang
from conformance.probes.gang.refusal import await_eviction, got_something, is_refused
from conformance.verdicts import Unverified

Broken = Callable[[Members], str | None]
ATTEMPTS = 3
"""Windows that are tried where a queue admits an evicted gang again."""
SCALED_UP = {"TriggeredScaleUp"}
"""Reasons of events that say that an autoscaler buys a node for a pod."""


def holds_nothing(gangs: Gangs, gang: Gang, seconds: float) -> None:
    """Watch for ``seconds``: no member is bound, runs or holds an allocated claim. ``Failure`` where one does.

    A queue that evicts may admit the gang again meanwhile. Then its next eviction is awaited: it waits longer each time.
    """
    for attempt in range(ATTEMPTS if gangs.queue.timeout else 1):
        broken, seen = _watched(gangs, gang, seconds)
        _no_scale_up(gangs)
        if not broken:
            gangs.all_there(gang)
            gangs.still_blocked()
            gangs.room.unchanged(gangs.api, gangs.sandbox.own)
            _record(gangs, gang, seconds, seen)
            return
        failure = got_something(gangs, gang, broken)
        if not gangs.queue.timeout or failure.code != "gang_holds_in_part":
            raise failure
        gangs.evidence.step(
            "the gang was admitted again", observed=f"in window {attempt + 1}: {failure.observed}", obj=gang.name
        )
        await_eviction(gangs, gang)
    raise Unverified(
        f"{gang.name} was admitted again in each of {ATTEMPTS} windows of {seconds:.0f} s", code="requeued"
    )


def waits(gangs: Gangs, gang: Gang) -> None:
    """Wait until the gang is refused, and see that it does wait; one that was evicted has held and waits by then."""
    is_refused(gangs, gang)
    if not gangs.queue.timeout:
        holds_nothing(gangs, gang, gangs.window())


def _watched(gangs: Gangs, gang: Gang, seconds: float) -> tuple[str, str]:
    """What broke the window, or nothing, and how it was watched."""
    watches: list[tuple[Crowd, Broken]] = [(gangs.everyone(), lambda seen: _pod_holds(gang.mine(seen)))]
    if claims := gangs.claims_of():
        watches.append((claims, lambda seen: _claim_holds(members.select(seen, gang.name))))
    what = f"{gang.name} to hold nothing"
    try:
        with ThreadPoolExecutor(len(watches)) as pool:
            answers = list(pool.map(lambda watch: watch[0].stays(watch[1], seconds=seconds, what=what), watches))
    except (waiting.HistoryLost, errors.WaitTimeout, ValueError) as error:
        raise Unverified(
            f"the watch of {gang.name} did not live through the window: {error}", code="watch_lost"
        ) from error
    watched, breaks = min(answer[1] for answer in answers), sum(answer[2] for answer in answers)
    told = f"none in {watched:.1f} s; {breaks} broken watches, all continued"
    return next(filter(None, (answer[0] for answer in answers)), ""), told


def _record(gangs: Gangs, gang: Gang, seconds: float, seen: str) -> None:
    gangs.evidence.step(
        "watched the gang",
        expected=f"no member bound and no claim allocated for {seconds:.1f} s",
        observed=f"{seen}; {gangs.words(gang)}".rstrip("; "),
        obj=gang.name,
        free=gangs.room.free,
        asked=gang.size,
    )


def _pod_holds(pods: list[Object]) -> str | None:
    bound = [pod for pod in pods if members.bound(pod)]
    return f"pod {odd.name(bound[0])} was bound to {bound[0]['spec']['nodeName']}" if bound else None


def _claim_holds(claims: list[Object]) -> str | None:
    return next((f"claim {odd.name(c)} was allocated a device" for c in claims if room.allocation_results(c)), None)


def _no_scale_up(gangs: Gangs) -> None:
    """``Unverified`` where an autoscaler was seen to buy a node for one of our pods; events that must not be read say nothing."""
    path = gangs.sandbox.path("events", namespace=gangs.namespace)
    try:
        events = gangs.api.list(path)
    except errors.Forbidden:
        return
    for event in events:
        if event.get("reason") in SCALED_UP:
            raise Unverified(f"an autoscaler grew the cluster meanwhile: {event.get('message')}", code="scaled_up")
