"""Driver and container runtime fit the accelerators of each node, and the platform says so truthfully (KAR 0001)."""

from functools import partial

from conformance import (
    CLAIM_NEEDS,
    PROBE_NEEDS,
    Ask,
    Bench,
    Decides,
    Evidence,
    Grade,
    Holding,
    check,
    compare_versions,
    family,
    must_agree,
    must_identify,
    must_need_a_device,
    must_work,
    opens_its_own,
    reading_versions,
    record_injection,
    workload_of,
)

LONGEST, WHY = 240.0, "image pull, preparation of a device and the start of two pods"

driver_check = partial(
    check,
    accelerators=1,
    variants="kinds",
    needs=PROBE_NEEDS,
    way_needs={"dra": CLAIM_NEEDS},
)


@driver_check(
    decides=Decides.PROGRAMME,
    longest=LONGEST,
    why_longest=WHY,
)
def test_versions_agree(bench: Bench, evidence: Evidence) -> None:
    """The versions of driver and runtime that a pod reads on its device are those that the platform advertises.

    Why: workloads are placed by what labels and attributes say; a driver that was changed and not told breaks them where
    nobody looks.

    Proven by: a pod with one device reads the versions inside, from the device, the kernel or the vendor's library. They are
    compared, component by component, with the labels of its node and with the attributes of the very device that was
    allocated to it. One that agrees is enough where others cannot be read, and those are named; where none can be read on
    both sides, nothing is known.

    Fix: restart or update the feature discovery and the DRA driver of the node after the driver was changed; look whether two
    drivers are installed, one on the host and one by an operator.
    """
    must_identify(bench.descriptor)
    holder = bench.holder("reader", ask=reading_versions(bench.descriptor), how=Holding(ordinary=True))
    found = compare_versions(bench, holder)
    evidence.step(
        "compared the versions inside with those that are advertised",
        expected="each that is seen on both sides is the same",
        observed="; ".join(map(str, found)),
        obj=f"Pod {holder.name}, Node {bench.node}",
        not_read=[version.name for version in found if version.inside is None],
        not_advertised=[version.name for version in found if not version.advertised],
    )
    must_agree(found, bench.node)
    evidence.grade(Grade.BEHAVIOURAL)


@driver_check(
    decides=Decides.PROGRAMME,
    longest=LONGEST,
    why_longest=WHY,
)
def test_runtime_injects_the_device(bench: Bench, evidence: Evidence) -> None:
    """The container runtime gives a pod the device that was allocated to it, and none to a pod that asks for none.

    Why: an allocation is a word of the control plane; only the runtime of the node, by CDI or a hook, makes it a device.

    Proven by: on each node that is tried, a pod with one accelerator opens it, and it is the allocated one where that is
    told. The control is a pod on the same node that asks for none: it opens none. How the device came (ids of the kubelet,
    what the driver wrote on the claim, environment) is kept as evidence.

    Fix: look at the node's container runtime: CDI enabled and its specification directory, the vendor's runtime or hook, the
    RuntimeClass, and the logs of device plugin or DRA driver on that node.
    """
    must_identify(bench.descriptor)
    holder = bench.must_hold("holder", ask=Ask(environment=tuple(bench.visibility())))
    node = opens_its_own(bench, holder)
    record_injection(bench, holder, node)
    bench.opened_none(bench.bystander("control", numbers=family([node])), "control_opened_device")
    evidence.grade(Grade.CONTROLLED)


@driver_check(
    decides=Decides.HARDENING,
    holds="every accelerator of one node, where a pod gets all of a node's or none",
    longest=900.0,
    why_longest="pull of an image with the vendor's libraries, and its work, with a device and without",
)
def test_vendor_workload_computes(unplaced: Bench, evidence: Evidence) -> None:
    """The workload that the vendor's descriptor names computes with an accelerator, and cannot without one.

    Why: some vendors' libraries are in images of workloads only, so that no probe can compute on their devices; a device that
    opens and does not compute is of no use.

    Proven by: a pod with the workload's image and as many accelerators as a pod must ask for ends well and writes what the
    descriptor expects. The control is the same pod without an accelerator: it ends as well, and does not write it.

    Fix: read the log of the workload in the evidence; look at the driver of the node and at the vendor's device plugin or DRA
    driver.
    """
    workload_of(unplaced)
    count = unplaced.choose_unit()
    said = must_work(unplaced, count)
    must_need_a_device(unplaced)
    evidence.step("the vendor's workload computes", observed=said, obj=f"Node {unplaced.node}", accelerators=count)
    evidence.grade(Grade.CONTROLLED)
