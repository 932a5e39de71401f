"""Which device a claim is given: selectors, lists of alternatives, constraints and taints of DRA hold.

All of it is the scheduler's work, and the scheduler is one for all nodes: one node for each kind of accelerator is enough.
"""

from functools import partial

from conformance import (
    CLAIM_NEEDS,
    PROBE_NEEDS,
    TAINT_NEEDS,
    TRIAL_NEEDS,
    Constraints,
    Decides,
    Evidence,
    Grade,
    Trial,
    Unknown,
    check,
    close_device,
    falls_back,
    first_and_last,
    met_by_nobody,
    take_device,
    takes_the_first,
)

NEEDS = (*PROBE_NEEDS, *CLAIM_NEEDS, *TRIAL_NEEDS)
TWO_PODS = "two pods that start one after the other, and a window of at least 10 s and three times the first start"

choice_check = partial(
    check,
    decides=Decides.READINESS,
    variants="dra_pools",
    longest=400,
)


@choice_check(
    accelerators=1,
    needs=NEEDS,
    why_longest=TWO_PODS,
)
def test_selector_chooses_the_device(trial: Trial, evidence: Evidence) -> None:
    """A claim's CEL selectors on attributes and capacity choose the device that meets them and no other.

    Why: workloads ask for a model, a memory size or a place; a scheduler that looks away gives them some device.

    Proven by: a claim that only the last free device of a node meets, then one that only the first meets; each is given that
    device, which a scheduler that always takes the same one cannot do. The controls are claims by an attribute and by a
    capacity that no device meets: they are refused and stay so for a watched window. With one free device the grade is lower.

    Fix: look for a scheduler that does not know resource.k8s.io, and at the scheduler's words on the pod.
    """
    first, last = first_and_last(trial)
    trial.must_wait("selector_ignored", "a claim whose selector no device meets is not allocated")
    chosen = take_device(trial, "takes-last", last)
    trial.give_back(chosen)
    for name, nobody in met_by_nobody(trial):
        trial.waits(name, trial.one(nobody))
    trial.still_wait(chosen)
    take_device(trial, "takes-first", first)
    evidence.grade(Grade.CONTROLLED if first != last else Grade.BEHAVIOURAL)


@choice_check(
    accelerators=1,
    needs=NEEDS,
    why_longest="some pods that start one after the other",
)
def test_prioritized_list_falls_back(trial: Trial, evidence: Evidence) -> None:
    """A request with a list of alternatives is given the first that can be had, and a later one only where it must.

    Why: this is how a workload takes a big accelerator where there is one and a small one elsewhere.

    Proven by: a list whose first alternative no device meets is given the second, by name; the control is a list of which
    both can be had: several claims with it, one after the other, are given the first, so that neither a scheduler passes that
    only knows the first, nor one that only knows the last, nor one that takes any.

    Fix: look at the DRAPrioritizedList gate of the scheduler, and for schedulers that do not know firstAvailable.
    """
    first, last = first_and_last(trial)
    fallen = falls_back(trial, first)
    if first == last:
        trial.give_back(fallen)
    takes_the_first(trial, last)
    evidence.grade(Grade.CONTROLLED)


@choice_check(
    accelerators=2,
    needs=NEEDS,
    why_longest=TWO_PODS,
)
def test_constraint_holds(driver_trial: Trial, evidence: Evidence) -> None:
    """A claim for two devices is given two that meet its constraint: equal or different in the attribute it names.

    Why: two accelerators on one PCIe root talk fast; a workload that asked for that and got others is slow, and nobody
    sees why.

    Proven by: a claim with matchAttribute and one with distinctAttribute are given two devices, whose published values are
    compared: by place in the machine (pcieRoot, numaNode) where that is published, and with a first device whose next free
    neighbour would break the constraint where the node has one. The controls are constraints that no two devices of the
    node can meet, one of them about an attribute that no device has: they are refused and stay so for a watched window.
    Not applicable where no node has two devices.

    Fix: read the ResourceSlices for the attribute; look for schedulers that do not know constraints.
    """
    trial, constraints = driver_trial, Constraints(driver_trial)
    trial.must_wait("constraint_ignored", "a claim whose constraint no two devices meet is not allocated")
    pairs, impossible = constraints.to_try()
    if not impossible and not any(pair.trap for pair in pairs):
        raise Unknown("no attribute tells the devices of the node apart", code="nothing_tells_apart")
    running = constraints.first(pairs)
    for n, (rule, attribute) in enumerate((*impossible, *constraints.lacking(impossible)), 1):
        trial.waits(f"{rule.lower()}-waits-{n}", constraints.spec(rule, attribute))
    trial.still_wait(running)
    constraints.rest(pairs)
    if not pairs:
        raise Unknown("no two free devices of the node meet a constraint that could be asked for", code="no_pair")
    evidence.grade(Grade.CONTROLLED if impossible else Grade.BEHAVIOURAL)


@choice_check(
    accelerators=1,
    needs=(*NEEDS, *TAINT_NEEDS),
    why_longest=TWO_PODS,
)
def test_tainted_device_is_kept(trial: Trial, evidence: Evidence) -> None:
    """A tainted device is given to no claim that does not tolerate the taint, and to one that does.

    Why: taints are how a broken accelerator is taken out of service; a scheduler that ignores them keeps handing it out.

    Proven by: one free device is tainted by a rule that names it alone, so that nobody else can claim it for some seconds. A
    pod whose claim means this device and tolerates the taint is given it. The control is the same claim without the
    toleration: it is refused and stays so for a watched window; then a pod starts with another device, or with this one
    and the toleration.

    Fix: look at the DRADeviceTaints and DRADeviceTaintRules gates of the scheduler, and at the rules that exist.
    """
    first, last = first_and_last(trial)
    trial.must_wait("taint_ignored", "a device with a taint is not given to a claim that does not tolerate it")
    closed = close_device(trial, first, last)
    witness = closed.witness()
    trial.waits("kept-away", trial.one(*trial.means(closed.device)))
    trial.still_wait(witness)
    closed.twin()
    evidence.grade(Grade.CONTROLLED)
