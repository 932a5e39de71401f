"""A gang scheduler starts distributed jobs as a whole or not at all (KAR 0053).

A workload of N pods that got N - 1 accelerators holds all of them and does nothing. Every check runs with each gang scheduler
that is installed and each kind of accelerator; one scheduler that passes them all decides.
"""

import time
from functools import partial

from conformance import (
    GANG_NEEDS,
    GANG_WAY_NEEDS,
    Decides,
    Evidence,
    Gangs,
    Grade,
    Tally,
    another_gets_one,
    check,
    finish_together,
    frees_its_devices,
    holds_nothing,
    is_refused,
    second_follows,
    waits,
    winner_of,
)

WORK_SECONDS = 3
HOLDS = "all free ones of one node, or of two with few; with --gang-nodes all, of every node"

gang_check = partial(
    check,
    decides=Decides.PROGRAMME,
    accelerators=2,
    holds=HOLDS,
    variants="gang",
    needs=GANG_NEEDS,
    way_needs=GANG_WAY_NEEDS,
)


@gang_check(
    longest=600,
    why_longest="image pull on two nodes and the work itself; where the gang does not start, the same pods without a gang",
)
def test_fitting_gang_starts_and_finishes(gangs: Gangs, evidence: Evidence) -> None:
    """A gang for which there is room starts together on accelerators and finishes.

    Why: a gang scheduler that holds back what fits is as useless as none.

    Proven by: as many pods as devices are free on the chosen nodes, each asking for one, are submitted as one gang. All of
    them start, none ends before the last was placed, and all end well. The time between first and last start is recorded.
    The control is one pod more, which is refused beside the gang.

    Fix: read the group object's conditions and the events of the pods; look at the scheduler's or the queue's log.
    """
    gang = gangs.submit("fitting", gangs.room.free, work=WORK_SECONDS)
    controlled = finish_together(gangs, gang)
    evidence.grade(gangs.grade(gang) if controlled else Grade.BEHAVIOURAL)


@gang_check(
    longest=900,
    why_longest="a queue that admits by quota evicts a gang that does not start after five minutes",
)
def test_gang_that_does_not_fit_holds_nothing(gangs: Gangs, evidence: Evidence) -> None:
    """A gang that asks for one accelerator more than is free gets none at all.

    Why: what it held would stand idle, and nobody else could use it.

    Proven by: a pod of ours holds one device of the chosen nodes, and a gang asks for all of them. After the scheduler or the
    queue has written its refusal, no member is bound and no claim is allocated on a watch that lived through the window.
    Before and after it a gang that is one smaller starts. The control is the same pods without a gang: they start in part.

    Fix: make sure that pods reach the gang scheduler with their group; with Kueue configure waitForPodsReady or
    topology-aware scheduling, because quota alone does not know where devices are free.
    """
    gangs.block()
    fits, asked = gangs.room.free - 1, gangs.room.free
    twin = gangs.twin("twin", fits)
    gang = gangs.submit("too-large", asked)
    is_refused(gangs, gang)
    holds_nothing(gangs, gang, gangs.window(twin))
    gangs.end(gang)
    gangs.twin("twin-after", fits)
    gangs.starts_in_part("no-gang", asked)
    evidence.grade(gangs.grade(gang))


@gang_check(
    longest=900,
    why_longest="a scheduler tries a waiting gang again after five minutes at the latest",
)
def test_waiting_gang_starts_when_room_appears(gangs: Gangs, evidence: Evidence) -> None:
    """A gang that waits for its last accelerator starts as a whole when that one is given back.

    Why: a gang that is refused once and then forgotten leaves the devices idle just the same.

    Proven by: a pod of ours holds one device, and a gang that needs all of them is refused and waits. The pod is deleted, and every
    member of the gang runs.

    Fix: look at the scheduler's queueing of groups, and at back-off and requeuing of the queue.
    """
    blocker = gangs.block()
    gang = gangs.submit("waiting", gangs.room.free)
    waits(gangs, gang)
    gangs.end(blocker)
    gangs.follows(gang)
    evidence.grade(gangs.grade(gang))


@gang_check(
    longest=900,
    why_longest="a queue resolves a deadlock by eviction after five minutes",
)
def test_two_gangs_do_not_deadlock(gangs: Gangs, evidence: Evidence) -> None:
    """Of two gangs that fit one at a time, one gets all of its accelerators and the other follows.

    Why: two half-started gangs wait for each other for ever, and all devices that they hold stand idle.

    Proven by: two gangs of more than half of the free devices each are submitted at the same moment, a pod of each in turn.
    One is placed whole; when it is ended the other is. What incomplete gangs hold meanwhile is measured in device-seconds.

    Fix: make the scheduler place gangs one after the other; with Kueue configure waitForPodsReady with blockAdmission.
    """
    twin = gangs.twin("twin", gangs.room.free // 2 + 1)
    first, second = gangs.submit_together([(name, twin.size) for name in ("gang-one", "gang-two")])
    everyone, tally = gangs.everyone(), Tally((first, second))
    winner, other = winner_of(gangs, (first, second), tally, everyone, gangs.window(twin))
    seconds = time.monotonic() - first.began
    gangs.end(winner)
    followed = second_follows(gangs, other, tally, everyone)
    evidence.step(
        "two gangs of more than half of the devices each",
        expected="one after the other",
        observed=f"{winner.name} was whole after {seconds:.1f} s, {other.name} {followed:.1f} s after its end",
        idle_device_seconds=round(tally.idle, 2),
        longest_held_in_part_seconds=round(tally.longest, 2),
        gang_size=twin.size,
        devices=gangs.room.free,
    )
    evidence.grade(gangs.grade(first, second))


@gang_check(
    longest=960,
    why_longest="two starts with image pull, and pods and claims that may take minutes to go",
)
def test_deleted_gang_frees_its_devices(gangs: Gangs, evidence: Evidence) -> None:
    """A gang that is deleted while it runs gives all of its accelerators back.

    Why: devices that a dead job keeps are lost until somebody finds out.

    Proven by: a gang holds every free device of the chosen nodes, and one pod more is refused. The gang is deleted. Its pods
    and claims go, the devices are counted free, and as many new pods get them.

    Fix: look for finalizers of pods, groups and claims, and at the controllers that remove them.
    """
    gang = gangs.witness(gangs.submit("deleted", gangs.room.free))
    controlled = gangs.one_more_is_refused(gang)
    frees_its_devices(gangs, gang)
    another_gets_one(gangs, "after", gang.size)
    evidence.grade(gangs.grade(gang) if controlled else Grade.BEHAVIOURAL)
