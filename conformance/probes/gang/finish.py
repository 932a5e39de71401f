"""Whether a gang ran together: none of its members ended before the last one was placed, and all ended well."""

import time

from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.cluster.crowd import Members
from conformance.inventory import odd
from conformance.probes import starting
from conformance.probes.gang import members
from conformance.probes.gang.gangs import Gangs
from conformance.probes.gang.making import Gang
from conformance.probes.sandbox import LEAST_SECONDS
from conformance.probes.tenants import MAIN
from conformance.verdicts import Failure, Unverified

FINISH_SECONDS = 60.0
"""Limit for the end of pods that work for a few seconds, after all have started."""


def finish_together(gangs: Gangs, gang: Gang) -> bool:
    """Follow a gang of pods that work from its start to its end; the order of what the watch delivers decides.

    Returns whether a pod more was refused beside all of them.
    """

    def together(seen: Members) -> None:
        _together(gang, seen)

    began = time.monotonic()
    controlled = gangs.one_more_is_refused(gang, together)
    left = max(LEAST_SECONDS, starting.START_SECONDS - (time.monotonic() - began))
    try:
        gangs.starts(gang, "fitting_gang_not_started", limit=left, also=together)
    except Failure as error:
        _others_would_start(gangs, gang, error)
        raise
    try:
        limit = gangs.sandbox.deciding(FINISH_SECONDS)
        gang.crowd.until(lambda seen: _ended(gang, seen), limit=limit, what=f"{gang.name} to finish")
    except errors.WaitTimeout as error:
        mine = gang.mine(gang.crowd.members)
        if foreign := next(filter(None, map(kept_running, mine)), ""):
            raise Unverified(f"{foreign}; look for webhooks that add containers", code="pod_changed") from error
        if lost := next(filter(None, map(starting.disrupted, mine)), ""):
            raise Unverified(f"a probe pod was lost: {lost}", code="probe_lost") from error
        gangs.room.unchanged(gangs.api, gangs.sandbox.own)
        raise Failure(
            "gang_not_finished",
            observed=f"{error}; {members.describe(mine)}; {starting.describe(mine[0]) if mine else ''}",
            expected="every member works and ends well",
        ) from error
    seconds = time.monotonic() - gang.began
    gangs.evidence.step(
        "the gang finished", observed=f"{gang.size} pods succeeded after {seconds:.1f} s", obj=gang.name
    )
    return controlled


def _others_would_start(gangs: Gangs, gang: Gang, failure: Failure) -> None:
    """``Unverified`` where the same pods without a gang do not start either: CPU, room for pods or a policy keeps them away."""
    if failure.code != "fitting_gang_not_started":
        return
    gangs.end(gang)
    gangs.end(gangs.witness(gangs.plain("no-gang", gang.size)))


def _together(gang: Gang, seen: Members) -> None:
    mine = gang.mine(seen)
    ended = [pod for pod in mine if members.phase(pod) == "Succeeded"]
    if ended and sum(map(members.bound, mine)) < gang.size:
        raise Failure(
            "not_together",
            observed=f"{len(ended)} of {gang.size} members had ended when {members.describe(mine)}",
            expected="no member ends before all of them were placed",
        )


def _ended(gang: Gang, seen: Members) -> bool | None:
    mine = gang.mine(seen)
    return True if sum(members.phase(pod) == "Succeeded" for pod in mine) >= gang.size else None


def kept_running(pod: Object) -> str:
    """That the work of a pod ended well and a container that we did not send goes on; empty where that is not so."""
    states = {c.get("name"): odd.part(c, "state") for c in odd.entries(odd.part(pod, "status"), "containerStatuses")}
    ended = odd.part(states.pop(MAIN, {}), "terminated")
    others = sorted(str(name) for name, state in states.items() if "running" in state)
    if not others or not ended or ended.get("exitCode"):
        return ""
    return f"the work of {odd.name(pod)} ended well, and its container {', '.join(others)} keeps it running"
