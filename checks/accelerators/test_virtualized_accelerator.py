"""Accelerators that can be virtualized are offered as virtual devices, asked for like all others (KAR 0004).

Several pods that take turns on one device (time-slicing, MPS) are sharing and no virtualization: they do not count here.
"""

from functools import partial

from conformance import (
    CLAIM_NEEDS,
    PROBE_NEEDS,
    Decides,
    Evidence,
    Grade,
    Virtual,
    burning,
    check,
    family,
    must_compute,
    must_identify,
)

NEEDS = (*PROBE_NEEDS, "list resourceslices.resource.k8s.io")
WHY = "image pull, preparation of a device, a short load and the start of two pods"

virtual_check = partial(
    check,
    decides=Decides.PROGRAMME,
    variants="virtual",
    needs=NEEDS,
    way_needs={"dra": CLAIM_NEEDS},
)


@virtual_check(
    accelerators=1,
    longest=270,
    why_longest=WHY,
)
def test_virtual_device_computes(virtual: Virtual, evidence: Evidence) -> None:
    """A pod that asks for a virtual device gets exactly that one, which computes and is less than the whole device.

    Why: a virtual device lets several tenants have one accelerator with walls between them; one that is the whole device
    under another name has none.

    Proven by: a pod asks for one virtual device, opens exactly one device, which is the allocated one where that is told, puts
    a verified load on it and sees less memory than the whole device has, where both are told. The control is a pod on the
    same node that asks for none: it opens none.

    Fix: install the vendor's virtualization (vGPU manager and guest driver, SR-IOV virtual functions, template-made devices)
    and its device plugin or DRA driver on nodes; time-slicing does not count.
    """
    virtual.must_be_offered()
    must_identify(virtual.descriptor)
    ask = burning(virtual.descriptor)
    holder = virtual.must_hold("holder", ask=ask)
    node = virtual.opens_one(holder)
    grade = virtual.must_be_smaller(holder, node, must_compute(virtual, holder, node))
    virtual.opened_none(virtual.bystander("control", numbers=family([node])), "control_opened_device")
    evidence.grade(grade)


@virtual_check(
    accelerators=2,
    longest=240,
    why_longest="image pull, preparation of two devices and the start of two pods",
)
def test_virtual_devices_are_apart(virtual: Virtual, evidence: Evidence) -> None:
    """Two pods with a virtual device each reach neither each other's device nor the whole one behind it.

    Why: tenants buy a part of a device because nobody else reaches it.

    Proven by: two pods on one node hold one virtual device each at the same time. Each opens exactly one device, the allocated
    one where that is told, and the two differ by number and by identity.

    Fix: the device plugin or DRA driver gives the device node of the physical device, or one virtual device twice; look at
    what it injects.
    """
    virtual.must_be_offered(2)
    must_identify(virtual.descriptor)
    first, second = virtual.must_hold("first"), virtual.must_hold("second")
    for holder in (first, second):
        virtual.opens_one(holder)
    virtual.different(first, second)
    evidence.grade(Grade.CONTROLLED)
