"""The limit of shares: as many pods run as a node has units, and one pod more waits until one of them goes."""

import time

from conformance.cluster import errors, waiting
from conformance.cluster.api import Object
from conformance.inventory.vendor import CAPACITY
from conformance.probes import claims, starting
from conformance.probes.sharing import published
from conformance.probes.sharing.crew import Crew, Sent
from conformance.probes.sharing.shares import Shares
from conformance.verdicts import Failure, Unknown, Unverified


def is_kept(shares: Shares, crew: Crew, free: int) -> None:
    """Take all free units of the node; one pod more waits through a watched window and starts when a unit is given back.

    Raises ``Failure`` where one pod more gets a unit, and ``Unverified`` where the units changed meanwhile.
    """
    began = time.monotonic()
    holders = [crew.idle(f"holder-{n}") for n in range(free)]
    running = crew.run(holders)
    seconds = time.monotonic() - began
    shares.evidence.step(
        "took every free unit",
        expected=f"{free} pods run",
        observed=f"all of them after {seconds:.1f} s",
        obj=f"Node {shares.node}",
    )
    if shares.strategy == CAPACITY:
        published.none_beyond(shares)
    room = shares.bench.left_by_others()
    _none_left(shares)
    more = crew.idle("one-more")
    window = max(shares.sandbox.settings.window_seconds, 3 * seconds)
    try:
        _is_refused(shares, crew, more)
        _waits(shares, crew, more, window)
    except Failure as error:
        _others_are_the_same(shares, room, error)
        raise
    crew.must_run(running)
    _none_left(shares)
    shares.sandbox.delete_pod(running[0])
    crew.run([more])
    shares.evidence.step("a unit was given back", expected="the pod that waited runs", observed="it runs")


def _none_left(shares: Shares) -> None:
    """Raise ``Unverified`` where units are counted as free although the check holds all: they have become more."""
    left = shares.bench.free()
    if left is None:
        raise Unknown("free units cannot be counted: pods or claims must not be listed", code="forbidden")
    if left:
        raise Unverified(f"{left} units of {shares.node} became free meanwhile", code="free_changed")


def _others_are_the_same(shares: Shares, room: int | None, seen: Failure) -> None:
    """Raise ``Unverified`` where others gave units back meanwhile: one of these may be what the pod was given."""
    now = shares.bench.left_by_others()
    if now != room:
        changed = f"others left {room} units of {shares.node} before and {now} now"
        raise Unverified(f"{seen.observed}; {changed}", code="free_changed") from seen


def _is_refused(shares: Shares, crew: Crew, more: Sent) -> None:
    """Wait until the scheduler has decided on the pod; one that is placed is beyond the limit."""
    name = more.made["metadata"]["name"]
    limit = shares.sandbox.limit(starting.REFUSAL_SECONDS)
    seen = starting.wait_decided(crew.api, crew.pods_path, name, limit=limit)
    if placed(seen):
        raise _beyond(seen)
    shares.evidence.step("one pod more was refused", observed=starting.describe(seen), obj=f"Pod {name}")


def _waits(shares: Shares, crew: Crew, more: Sent, seconds: float) -> None:
    """Watch the pod: it is not placed in so many seconds, and the watch lives to the end."""
    name = more.made["metadata"]["name"]
    current = crew.api.get(f"{crew.pods_path}/{name}")
    try:
        broken, watched, breaks = waiting.stays(
            crew.api, crew.pods_path, current, placed, seconds=seconds, what=f"pod {name} to wait"
        )
    except (waiting.HistoryLost, errors.WaitTimeout) as error:
        raise Unverified(
            f"the watch of pod {name} did not live through the window: {error}", code="watch_lost"
        ) from error
    now = crew.api.get(f"{crew.pods_path}/{name}")
    if broken or placed(now):
        raise _beyond(now)
    _holds_nothing(crew, more)
    seen = f"never placed in {watched:.1f} s; {breaks} broken watches, all continued"
    shares.evidence.step("watched the pod", expected=f"it waits for {seconds:.1f} s", observed=seen, obj=f"Pod {name}")


def _holds_nothing(crew: Crew, more: Sent) -> None:
    if more.claim is None:
        return
    claim = crew.api.get(f"{crew.claims_path}/{more.claim['metadata']['name']}")
    if claims.allocated(claim):
        raise Failure(
            "share_beyond_the_limit",
            observed=f"all units are held, and one claim more was {claims.describe(claim)}",
            expected="a claim beyond the units of the node is not allocated",
        )


def placed(pod: Object) -> str | None:
    """Where a pod was placed, or None while it waits."""
    node = pod["spec"].get("nodeName")
    return f"the pod was placed on {node}" if node else None


def _beyond(pod: Object) -> Failure:
    return Failure(
        "share_beyond_the_limit",
        observed=f"all units are held, and pod {pod['metadata']['name']} was placed on {pod['spec'].get('nodeName')}: "
        f"{starting.describe(pod)}",
        expected="one pod more than the node has units waits",
    )
