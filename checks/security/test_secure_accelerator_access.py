"""Accelerators are reached through DRA or a device plugin and the container runtime, and in no other way (KAR 0049)."""

from functools import partial

from conformance import (
    CLAIM_NEEDS,
    PROBE_NEEDS,
    Bench,
    Decides,
    Evidence,
    Failure,
    Grade,
    Holding,
    Unknown,
    check,
    family,
    identity,
    must_be_its_own,
    must_be_published_once,
    must_identify,
)

REFUSALS = {"EPERM", "EACCES"}
"""What a device cgroup or a security module refuses an open with."""
LONGEST, WHY = 240.0, "image pull, preparation of a device and the start of two pods"

isolation_check = partial(
    check,
    variants="kinds",
    needs=PROBE_NEEDS,
    way_needs={"dra": CLAIM_NEEDS},
)


@isolation_check(
    decides=Decides.PROGRAMME,
    accelerators=1,
    longest=LONGEST,
    why_longest=WHY,
)
def test_own_device_only(bench: Bench, evidence: Evidence) -> None:
    """A pod that asks for one accelerator opens exactly the one that was allocated to it.

    Why: a pod that reaches more than its own device can read and disturb the work of others; one that reaches another
    device than the scheduler thinks makes every count wrong.

    Proven by: a pod asks for one accelerator, looks for device nodes in its whole file system, opens and reads each. It must
    open one, and that one must be the device named by the claim's allocation or by the kubelet. The control is a pod on the
    same node that asks for none: it must open none, with the same program and image.

    Fix: look at what the device plugin or DRA driver injects (CDI specification, ContainerAllocateResponse), whether the
    container is privileged by a mutating webhook, and at the runtime's default device rules.
    """
    must_identify(bench.descriptor)
    holder = bench.must_hold("holder")
    node = bench.opened_one(holder)
    seen = identity(node, bench.descriptor)
    allocated = bench.allocated(holder)
    evidence.step(
        "joined the opened device with the allocated one",
        expected=f"allocated: {', '.join(allocated) if allocated is not None else 'not told by the cluster'}",
        observed=f"{node}, identity {seen or 'not readable'}",
        obj=f"Pod {holder.name}",
    )
    if seen is None:
        raise Failure(
            "device_unusable",
            observed=f"{node} opened, and what was read through it names no device: {node.content!r}",
            expected="the device answers and says which one it is",
        )
    must_be_its_own(bench, holder, node)
    bench.opened_none(bench.bystander("control", numbers=family([node])), "control_opened_device")
    evidence.grade(Grade.CONTROLLED)


@isolation_check(
    decides=Decides.PROGRAMME,
    accelerators=1,
    longest=LONGEST,
    why_longest=WHY,
)
def test_unclaimed_pod_opens_none(bench: Bench, evidence: Evidence) -> None:
    """A pod that asks for no accelerator opens none on a node that has them.

    Why: a device that is open to everybody on the node is outside of scheduling, quota and isolation.

    Proven by: a pod with an accelerator shows that the node has working devices and which numbers they have. A pod on the
    same node that asks for none looks for these numbers and names in its whole file system and must open none.

    Fix: remove host device mounts and privileged defaults, and look at the device rules that the runtime gives every
    container.
    """
    must_identify(bench.descriptor)
    opened = bench.opened_some(bench.witness("holder"))
    bystander = bench.bystander("bystander", numbers=family(opened))
    bench.opened_none(bystander, "unclaimed_pod_opened_device")
    evidence.grade(Grade.CONTROLLED)


@isolation_check(
    decides=Decides.PROGRAMME,
    accelerators=1,
    longest=LONGEST,
    why_longest=WHY,
)
def test_sibling_container_opens_none(bench: Bench, evidence: Evidence) -> None:
    """A container without the claim opens no accelerator although its neighbour in the pod holds one.

    Why: sidecars (proxies, log shippers, agents) often run other people's code; the pod is no boundary for devices, the
    container is.

    Proven by: a pod of two containers of which one asks for an accelerator. That one must open it, the other must open none.

    Fix: the driver or the runtime injects per pod instead of per container; look at the CDI devices of each container.
    """
    must_identify(bench.descriptor)
    holder = bench.holder_with_sibling("shared-pod")
    bench.opened_some(holder)
    bench.opened_none(holder, "sibling_opened_device", container="sibling")
    evidence.grade(Grade.CONTROLLED)


@isolation_check(
    decides=Decides.PROGRAMME,
    accelerators=2,
    longest=LONGEST,
    why_longest=WHY,
)
def test_two_pods_get_different_devices(bench: Bench, evidence: Evidence) -> None:
    """Two pods that each ask for an accelerator on one node open two different devices.

    Why: one device given to two pods means that they read each other's memory and share its speed without knowing.

    Proven by: two pods run at the same time on one node, each with one accelerator. The devices that they open must differ
    by number and by identity; the control is that neither reaches the other's number under any name. Where a driver
    publishes devices, no identity may stand there twice: two claims would be given one device.

    Fix: the scheduler or the kubelet handed one device out twice, or the driver prepares another device than the allocated
    one; compare the claims' allocations with what the driver injects.
    """
    must_identify(bench.descriptor)
    must_be_published_once(bench)
    first, second = bench.witness("first"), bench.witness("second")
    bench.different(first, second)
    evidence.grade(Grade.CONTROLLED)


@isolation_check(
    decides=Decides.PROGRAMME,
    accelerators=1,
    longest=LONGEST + 160,
    why_longest=WHY + ", once more with a number and for each RuntimeClass, of which some may not run there",
)
def test_environment_opens_none(bench: Bench, evidence: Evidence) -> None:
    """A pod that names all devices in its environment opens no more than it asked for: one, or none.

    Why: some runtimes obey a variable of the image or the pod, so that anybody gets every device of the node without asking
    the scheduler.

    Proven by: a pod that asks for one accelerator and sets the variables of every vendor to 'all' must open its own and no
    other. A pod on the same node that asks for none and sets them, under the default runtime and under each RuntimeClass that
    admits it, must open none, and so must one that sets them to the number of the first device: a policy against 'all'
    alone does not close the way. Of more than five RuntimeClasses those called like a vendor are tried first, the others are
    named, and the grade is lower.

    Fix: make the runtime obey device mounts or CDI only (for NVIDIA: accept-nvidia-visible-devices-envvar-when-unprivileged
    false), and do not make a vendor's runtime the default.
    """
    must_identify(bench.descriptor)
    greedy = bench.witness("greedy", environment=bench.visibility())
    numbers = family(bench.opened_some(greedy))
    bystander = bench.bystander("attacker", numbers=numbers, environment=bench.visibility())
    bench.opened_none(bystander, "environment_opened_device")
    numbered = bench.try_numbered("attacker-numbered", numbers=numbers)
    if numbered is not None:
        bench.opened_none(numbered, "environment_opened_device")
    classes, every = bench.runtime_classes()
    for runtime_class in classes:
        attacker = bench.try_runtime_class(f"attacker-{runtime_class}"[:50], runtime_class, numbers=numbers)
        if attacker is not None:
            bench.opened_none(attacker, "environment_opened_device")
    bench.opened_one(greedy)
    evidence.grade(Grade.CONTROLLED if every else Grade.BEHAVIOURAL)


@isolation_check(
    decides=Decides.HARDENING,
    accelerators=2,
    longest=LONGEST,
    why_longest=WHY,
)
def test_handmade_node_is_refused(bench: Bench, evidence: Evidence) -> None:
    """A container that makes device nodes by hand opens its own accelerator and no other.

    Why: that no device node lies in /dev proves little; root with CAP_MKNOD, which Pod Security 'baseline' allows, can make
    one. Only the device cgroup stands in the way then.

    Proven by: two pods hold two accelerators of a node. One of them runs as root with CAP_MKNOD and
    makes nodes for its own number and for the other's. Its own must open, which shows that the attack works; the
    other's must be refused.

    Fix: the runtime's device rules allow a whole major number or everything; give each container its own devices only.
    """
    must_identify(bench.descriptor)
    victims = {node.number for node in bench.opened_some(bench.witness("victim"))}
    attacker = bench.holder("attacker", how=Holding(make=sorted(victims), root=True))
    own = bench.opened_one(attacker)
    made = {node.number: node for node in attacker.report.made}
    evidence.step(
        "made device nodes by hand as root with CAP_MKNOD",
        expected=f"{own.number} opens, {', '.join(sorted(victims))} is refused by the device cgroup (EPERM at open)",
        observed=", ".join(map(str, made.values())),
        obj=f"Pod {attacker.name}",
    )
    if own.number in victims:
        raise bench.one_for_two([own.number])
    attacks = [made[number] for number in sorted(victims) if number in made]
    opened = [attack for attack in attacks if attack.reached]
    if opened:
        raise Failure(
            "handmade_node_opened",
            observed=f"pod {attacker.name}, which holds {own.number}, opened by hand {', '.join(map(str, opened))}",
            expected="only the own device opens, under whatever name",
        )
    if own.number not in made or not made[own.number].opened:
        raise Unknown(
            f"the attack does not work here: the node for the own device was refused as well ({made.get(own.number)})",
            code="attack_not_possible",
        )
    if len(attacks) < len(victims) or any(attack.refusal not in REFUSALS for attack in attacks):
        raise Unknown(
            f"the attack was not refused but did not work either: {', '.join(map(str, attacks)) or 'it was not tried'}",
            code="attack_not_possible",
        )
    bench.still_run()
    evidence.grade(Grade.CONTROLLED)
