"""How a gang that does not fit is refused: by the scheduler, by a queue, or by a queue that admits and evicts it again."""

import time

from conformance.adapters.gang import State, kueue
from conformance.cluster import errors, waiting
from conformance.cluster.crowd import Crowd, Members
from conformance.probes.gang import members
from conformance.probes.gang.gangs import REFUSAL_SECONDS, Gangs, decided
from conformance.probes.gang.making import Gang
from conformance.verdicts import Failure, Unverified

EVICTION_SLACK = 60.0
"""Seconds that an eviction may take after its time-out."""
WORDS_SECONDS = 10.0
SETTLE_SECONDS = 10.0
"""Time for the rest of a gang to be bound, once one member was."""


def is_refused(gangs: Gangs, gang: Gang) -> None:
    """Wait until scheduler or queue has written why the gang does not start, and it holds nothing.

    ``Failure`` where it got something; a queue that admitted it may take its stated time to evict it.
    """
    if gang.made[0][1]["kind"] == "Job" and not _admitted(gangs, gang):
        gangs.evidence.step("the queue refuses the gang", observed=gangs.words(gang), obj=f"Job {gang.name}")
        return
    looked_at(gangs, gang)
    if gangs.queue.timeout:
        await_eviction(gangs, gang)
    elif any(map(members.bound, gang.mine(gang.crowd.members))):
        raise got_something(gangs, gang, "it was placed in spite of that")
    else:
        _await_words(gangs, gang)
    told = members.describe(gang.mine(gang.crowd.members))
    gangs.evidence.step("the gang is refused", observed=f"{told}; {gangs.words(gang)}".rstrip("; "), obj=gang.name)


def _admitted(gangs: Gangs, gang: Gang) -> bool:
    """Whether the queue let the Job in, so that its pods are with the scheduler."""
    job, solution = gang.made[0][1], gangs.adapter.solution
    path = gangs.sandbox.path("workloads", namespace=gangs.namespace, group_version=solution.group_version)
    crowd = Crowd(gangs.api, path, f"{kueue.JOB_UID}={job['metadata']['uid']}")
    limit = gangs.sandbox.limit(REFUSAL_SECONDS)
    try:
        crowd.until(_told, limit=limit, what=f"the queue's word about {gang.name}")
    except errors.WaitTimeout as error:
        raise Unverified(
            f"Kueue wrote nothing about Job {gang.name}: {error}; {solution.seen}", code="scheduler_silent"
        ) from error
    gang.by_queue = not _let_in(gangs, gang, crowd)
    return not gang.by_queue


def _let_in(gangs: Gangs, gang: Gang, crowd: Crowd) -> bool:
    """Whether the queue admits it after all: its first word may only say that it has not looked yet."""

    def admitted(workloads: Members) -> bool | None:
        state = _told(workloads)
        return True if state and state.phase in ("admitted", "started") else None

    try:
        return crowd.until(
            admitted, limit=gangs.sandbox.limit(SETTLE_SECONDS), what=f"the queue to let {gang.name} in or not"
        )
    except errors.WaitTimeout:
        return False


def _told(workloads: Members) -> State | None:
    states = (kueue.of_workload(workload) for workload in workloads.values())
    return next((state for state in states if state.phase != "unknown"), None)


def looked_at(gangs: Gangs, gang: Gang) -> None:
    """Wait until the scheduler has looked at the whole gang; the group's own word counts where the pods have none."""
    try:
        gang.crowd.until(
            lambda seen: decided(gang.mine(seen), gang.size),
            limit=gangs.sandbox.limit(REFUSAL_SECONDS),
            what=f"the refusal of {gang.name}",
            show=lambda seen: members.describe(gang.mine(seen)),
        )
    except errors.WaitTimeout as error:
        state, solution = gangs.adapter.state(gangs.api, gang.ask), gangs.adapter.solution
        if state.phase == "waiting" and state.words:
            return
        raise Unverified(
            f"{solution.title} wrote no refusal on {gang.name}: {error}; {solution.seen}", code="scheduler_silent"
        ) from error


def _await_words(gangs: Gangs, gang: Gang) -> None:
    """Wait for the reason on the group object, which may be written a little after that on the pods."""
    path, group = gang.made[0]
    if group.get("kind") != "PodGroup" or not gangs.adapter.explains:
        return
    collection, _, name = path.rpartition("/")
    try:
        waiting.wait_for(
            gangs.api,
            collection,
            name,
            lambda _group: True if gangs.adapter.state(gangs.api, gang.ask).words else None,
            limit=gangs.sandbox.limit(WORDS_SECONDS),
            what=f"the reason on PodGroup {name}",
        )
    except errors.WaitTimeout as error:
        gangs.evidence.step("the group object gives no reason", observed=str(error), obj=f"PodGroup {name}")


def await_eviction(gangs: Gangs, gang: Gang) -> None:
    """Wait until a gang that was admitted and not placed whole holds nothing any more; ``Failure`` where it goes on."""
    began, limit = time.monotonic(), gangs.sandbox.deciding(EVICTION_SLACK) + float(gangs.queue.wait)
    try:
        gang.crowd.until(
            lambda seen: None if any(map(members.holds, gang.mine(seen))) else True,
            limit=limit,
            what=f"{gang.name} to be evicted",
            show=lambda seen: members.describe(gang.mine(seen)),
        )
    except errors.WaitTimeout as error:
        raise gangs.in_part(f"{error}; {gangs.words(gang)}") from error
    waited = time.monotonic() - began
    held = f"{gangs.words(gang)}; devices were held for {waited:.0f} s, the stated limit is {gangs.queue.wait} s"
    gangs.evidence.step("the gang was evicted", observed=held, obj=gang.name)


def got_something(gangs: Gangs, gang: Gang, broken: str) -> Failure:
    """What it means that a member got a node or a device: let the rest of the gang come, then count.

    Raises ``Unverified`` where others gave devices back meanwhile, or the pod that blocks one is lost.
    """
    try:
        gang.crowd.until(
            lambda seen: True if sum(map(members.bound, gang.mine(seen))) >= gang.size else None,
            limit=gangs.sandbox.limit(SETTLE_SECONDS),
            what=f"the rest of {gang.name}",
        )
        whole = True
    except errors.WaitTimeout:
        whole = False
    gangs.still_blocked()
    gangs.room.unchanged(gangs.api, gangs.sandbox.own)
    seen = f"{broken}; {members.describe(gang.mine(gang.crowd.members))}; {gangs.words(gang)}".rstrip("; ")
    seen = f"{gang.size} members, one more than can be placed: {seen}"
    return beyond_room(seen) if whole else gangs.in_part(seen)


def beyond_room(seen: str) -> Failure:
    """The failure of pods that were bound to more devices than there are."""
    return Failure(
        "gang_beyond_room", observed=seen, expected="no more pods are bound to nodes than these have devices for"
    )
