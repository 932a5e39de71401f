"""Accelerators are shared by several workloads at the same time, by at least one way (KAR 0003).

Each check runs once for every way of sharing that is found on a node: replicas of a device plugin (time-slicing, MPS, slices),
partitions, claims that several pods name, devices of which several claims take a part.
"""

from functools import partial

from conformance import (
    CLAIM_NEEDS,
    PROBE_NEEDS,
    Decides,
    Evidence,
    Grade,
    Shares,
    agrees_with_configuration,
    check,
    given_to_several,
    keeps_its_limit,
    parts_are_apart,
)

NEEDS = (*PROBE_NEEDS, "list pods")
ALL_FREE = "all free shares of one node, at most 32"

sharing_check = partial(
    check,
    accelerators=1,
    variants="shares",
    way_needs={"dra": CLAIM_NEEDS},
)


@sharing_check(
    decides=Decides.PROGRAMME,
    holds="one share more than a node has devices, at most 32; without a share: none",
    needs=NEEDS,
    longest=420,
    why_longest="image pull and the start of some pods at once; once more where their loads were not at the same time",
)
def test_devices_are_shared(shares: Shares, evidence: Evidence) -> None:
    """Several pods have shares of one device, run at the same time and compute correctly on it at the same time.

    Why: without sharing, a workload that needs a tenth of an accelerator holds all of it.

    Proven by: on one node, one pod more than it has devices is started, each with one share; at least two must open the same
    device, by its number and by the identity that is read through it, and put a verified load on it that overlaps in time.
    Two pods that name one claim must open one device, and a pod with another claim another one. Partitions must be two devices
    that are parts of one. A pod that opens more than one device has no share of it. Nothing is tried beside pods of others.

    Fix: configure a way of sharing (time-slicing, MPS, partitions, a claim that pods share); look at what the device plugin or
    driver injects, and at the scheduler's reason for pods that wait.
    """
    evidence.grade(given_to_several(shares))


@sharing_check(
    decides=Decides.PROGRAMME,
    holds=ALL_FREE,
    needs=(*NEEDS, "patch pods"),
    longest=600,
    why_longest="the start of a pod for every share at once, and a window of at least 10 s and three times that start",
)
def test_shares_end_at_the_limit(shares: Shares, evidence: Evidence) -> None:
    """A node has as many shares as its configuration says; as many pods run at the same time, and one more waits.

    Why: the scheduler believes the number that the node offers. A share too few stands idle; a share too many is a workload
    that fails on the device or takes memory from others.

    Proven by: the node's allocatable is compared with the labels that tell devices and replicas; for DRA, what partitions take
    of their device's counters, and the capacity of devices that several claims may hold, must not contradict what the device
    has. Then pods that do nothing take all free shares of the node and all run. One pod more is refused by the scheduler and
    is not placed for a watched window; one pod is deleted, and the one that waited starts, so that a dead scheduler cannot
    pass.

    Fix: look at the device plugin's configuration and log and at the feature discovery; look for a second scheduler, and for
    drivers that let claims take more than the capacity of a device.
    """
    shares.must_exist()
    agrees_with_configuration(shares)
    keeps_its_limit(shares)
    evidence.grade(Grade.CONTROLLED)


@sharing_check(
    decides=Decides.HARDENING,
    holds="one partition more than a node has divided devices, at most 32",
    needs=NEEDS,
    longest=420,
    why_longest="image pull and the start of some pods at once",
)
def test_partitions_see_their_part_only(shares: Shares, evidence: Evidence) -> None:
    """A pod in a partition of a device sees the memory of its partition and reaches no other one.

    Why: partitions are sold as walls between workloads; one that shows the whole device is only a name.

    Proven by: pods run at the same time in two partitions of one device. The memory that each sees through its own is what is
    advertised for it and less than the whole device has, and neither opens the other's device under any name.

    Fix: look at the partition layout on the node, and at what the device plugin or driver injects for a partition.
    """
    shares.must_exist()
    parts_are_apart(shares)
    evidence.grade(Grade.CONTROLLED)
