"""What DRA hands out beside whole devices, and by other words than a claim: partitions, capacity, admin access, resources."""

from functools import partial

from conformance import (
    ALLOCATION_NEEDS,
    CLAIM_NEEDS,
    CLASS_NEEDS,
    PROBE_NEEDS,
    TRIAL_NEEDS,
    AdminAccess,
    Decides,
    Evidence,
    Extended,
    Grade,
    Trial,
    capacity_consumed,
    check,
    divided_device,
    partition_family,
)

NEEDS = (*PROBE_NEEDS, *CLAIM_NEEDS, *TRIAL_NEEDS, *CLASS_NEEDS)
WINDOW = "pods that start one after the other, and a window of at least 10 s and three times the first start"

shares_check = partial(
    check,
    decides=Decides.READINESS,
    accelerators=1,
    variants="dra_pools",
    longest=400,
)


@shares_check(
    needs=NEEDS,
    why_longest=f"two {WINDOW}",
)
def test_partitions_exclude_the_whole(driver_trial: Trial, evidence: Evidence) -> None:
    """While a partition of a device is held, the whole device is given to nobody, and afterwards it is.

    Why: the two are one piece of hardware; a scheduler that does not count gives somebody's memory away twice.

    Proven by: a pod holds a partition that shares counters with a whole device. The control is a claim for that device: it
    is refused and stays so for a watched window; when the partition is released, the waiting pod is given the device. Not
    applicable where no driver publishes devices that share counters.

    Fix: look at the DRAPartitionableDevices gate of the scheduler and at the sharedCounters in the driver's ResourceSlices.
    """
    trial, family = driver_trial, partition_family(driver_trial)
    trial.must_wait("counters_ignored", "the whole device is not given out while a partition of it is held")
    holder = trial.get(
        "holds-part", family.of_part, code="partition_refused", expected=f"{family.part.name}", needs=[family.part]
    )
    trial.must_mean(holder, family.part)
    trial.waits("wants-whole", family.of_whole)
    trial.still_wait(holder)
    trial.give_back(holder)
    trial.now_runs(family.whole, code="whole_stays_closed", expected="the whole device once its partition is released")
    evidence.grade(Grade.CONTROLLED)


@shares_check(
    needs=NEEDS,
    why_longest=f"three {WINDOW}",
)
def test_capacity_is_counted(driver_trial: Trial, evidence: Evidence) -> None:
    """Several claims hold one device while its capacity lasts; a claim for more than is left waits.

    Why: sharing by capacity is safe only while somebody counts; else the last workload finds no memory.

    Proven by: claims that each ask for the largest part of which a device has two are given that device, each with a share
    of its own. The control is one claim more: it is refused and stays so for a watched window, and is given the device when
    another is released. Not applicable where no device allows several claims, or the server drops what a claim asks for.

    Fix: look at the DRAConsumableCapacity gate of the scheduler and at the requestPolicy of the device's capacity.
    """
    trial, shared = driver_trial, divided_device(driver_trial)
    trial.must_wait("capacity_ignored", "a claim for more than is left of a device is not allocated")
    holders = shared.all_held(trial)
    evidence.step("read what each claim consumes", observed="; ".join(map(capacity_consumed, holders)))
    trial.waits("one-too-many", shared.spec)
    trial.still_wait(holders[0])
    trial.give_back(holders[0])
    trial.now_runs(shared.device, code="capacity_not_returned", expected="the share that was released")
    evidence.grade(Grade.CONTROLLED)


@check(
    decides=Decides.HARDENING,
    needs=(
        "create configmaps",
        "list serviceaccounts",
        "watch serviceaccounts",
        "create resourceclaims.resource.k8s.io",
        "create resourceclaimtemplates.resource.k8s.io",
    ),
    longest=60,
    why_longest="a few dry runs in two namespaces",
)
def test_admin_access_needs_the_label(admin_access: AdminAccess, evidence: Evidence) -> None:
    """Claims with admin access are refused in a namespace that is not labelled for it.

    Why: such a claim is given devices that others hold; who may write claims could look into every accelerator.

    Proven by: claims and templates with adminAccess are sent as dry runs to a namespace without the label and must be
    refused, while the same without the field are taken. The control is a namespace of the run that has the label: the same
    claim is taken there with its field. Where none may be made, the grade is lower. Not applicable where the server drops
    the field.

    Fix: remove what sets resource.kubernetes.io/admin-access on namespaces, and admission that rewrites claims.
    """
    admin_access.is_refused()
    evidence.grade(Grade.CONTROLLED if admin_access.is_served() else Grade.BEHAVIOURAL)


@shares_check(
    needs=(*NEEDS, *ALLOCATION_NEEDS, "patch pods"),
    why_longest=f"two {WINDOW}",
)
def test_extended_resource_by_dra(trial: Trial, evidence: Evidence) -> None:
    """A pod that asks for the extended resource of a DeviceClass is given one device by DRA, and no more than there are.

    Why: workloads written for a device plugin run unchanged on a cluster whose devices are handed out by DRA.

    Proven by: a DeviceClass of the run's own, with a resource name of its own, means the kind's devices. A pod that asks for
    one runs, its status names a claim that is marked as its own and holds one published device, and it opens the device.
    The control asks for one more than is free: it is refused and stays so for a watched window; then a pod with one runs.
    Not applicable where the server drops extendedResourceName.

    Fix: look at the DRAExtendedResource gate of API server, scheduler and kubelet; they must agree.
    """
    extended = Extended(trial)
    first, seconds = extended.timed("asks-for-one")
    claim = extended.claim_of(first)
    opened = extended.opens(first)
    extended.gives_back(first, claim)
    extended.too_many_wait("asks-for-too-many", max(trial.sandbox.settings.window_seconds, 3 * seconds))
    extended.gets_one("asks-again")
    evidence.grade(Grade.CONTROLLED if opened else Grade.BEHAVIOURAL)
