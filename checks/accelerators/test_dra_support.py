"""Dynamic Resource Allocation is there and works (KAR 0051).

The programme asks for the API only; what a driver and the scheduler make of it goes beyond its words and decides readiness.
"""

from functools import partial

from conformance import (
    ALLOCATION_NEEDS,
    CLAIM_NEEDS,
    PROBE_NEEDS,
    Allocation,
    Bench,
    Crud,
    Decides,
    Evidence,
    Failure,
    Grade,
    Unverified,
    check,
    not_published,
    stays_held,
    used_again,
)

CRUD_NEEDS = {
    plural: tuple(
        f"{verb} {plural}.resource.k8s.io" for verb in ("create", "get", "list", "update", "patch", "delete", "watch")
    )
    for plural in ("deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices", "devicetaintrules")
}
NEEDS = (*PROBE_NEEDS, *CLAIM_NEEDS, *ALLOCATION_NEEDS)

claim_check = partial(
    check,
    decides=Decides.READINESS,
    accelerators=1,
    variants="dra_kinds",
    needs=NEEDS,
)


@check(
    decides=Decides.PROGRAMME,
    variants="dra_types",
    needs=("create configmaps", "list serviceaccounts", "watch serviceaccounts"),
    way_needs=CRUD_NEEDS,
    longest=60,
    why_longest="a few calls and the deletion of one object",
)
def test_type_is_usable(crud: Crud, evidence: Evidence) -> None:
    """The API server creates, updates, lists, patches and deletes objects of the DRA type and refuses invalid ones.

    Why: drivers, the scheduler and every workload with a claim need these types; a server that accepts anything stores
    claims that nobody can serve.

    Proven by: one object that harms nobody (its driver exists in this run only) goes through all five verbs, each seen by
    reading back. The control is an invalid object of the type, sent as a dry run: it must be refused.

    Fix: serve resource.k8s.io (--runtime-config) and look for admission webhooks or an aggregated API that stand in the way.
    """
    crud.invalid_is_refused()
    made = crud.create()
    crud.update(made)
    crud.listed(made)
    crud.patch(made)
    crud.delete(made)
    evidence.grade(Grade.CONTROLLED)


@claim_check(
    longest=240,
    why_longest="image pull, preparation of a device and the start of one pod",
)
def test_claim_is_allocated(bench: Bench, allocation: Allocation, evidence: Evidence) -> None:
    """A pod with a claim runs on the node of the device that its claim was given.

    Why: this is the way from 'I need one accelerator' to a running workload; everything else in DRA builds on it.

    Proven by: a claim generated from a template is allocated one device that the driver publishes on that very node, is
    reserved for the pod, and the pod runs there.

    Fix: read the claim's status and the events of the pod; look at the driver's ResourceSlices and its kubelet plugin.
    """
    running = allocation.must_run("template-user", allocation.template("template"))
    allocation.is_held(running)
    wrong = not_published(bench, running.claim, running.pod["spec"]["nodeName"])
    if wrong:
        raise Failure(
            "allocation_not_published",
            observed=wrong,
            expected=f"one device that the driver publishes for {running.pod['spec']['nodeName']}",
        )
    evidence.grade(Grade.BEHAVIOURAL)


@claim_check(
    longest=420,
    why_longest="two pods that start one after the other, and a window of at least 10 s and three times the first start",
)
def test_unsatisfiable_claim_waits(bench: Bench, allocation: Allocation, evidence: Evidence) -> None:
    """A claim for more devices than are free is not allocated, and its pod waits with the scheduler's reason.

    Why: a scheduler that hands out what is not there starts pods that fail or share a device unawares.

    Proven by: a pod with one device starts and shows how long that takes. A claim for one device more than are free, on the
    same node, is refused by the scheduler and stays so for a watched window; then a pod with one device starts again, so
    that a dead scheduler cannot pass. Free devices are counted before and after.

    Fix: look for a second scheduler or controller that writes allocations, and for drivers that publish devices twice.
    """
    first = allocation.run("first-twin", allocation.claim("first-twin"))
    bench.sandbox.delete_pod(first.pod)
    allocation.released(first.claim)
    free = allocation.free()
    too_many = allocation.one_too_many("too-many", free)
    pod = allocation.submit("waits", too_many)
    allocation.refused(pod, too_many)
    allocation.stays_held_back(pod, too_many, seconds=max(bench.sandbox.settings.window_seconds, 3 * first.seconds))
    if (now := allocation.free()) != free:
        raise Unverified(f"free devices on {bench.node} changed from {free} to {now} meanwhile", code="free_changed")
    allocation.run("second-twin", allocation.claim("second-twin"))
    evidence.grade(Grade.CONTROLLED)


@claim_check(
    longest=420,
    why_longest="four pods that start one after the other, a window, and the release of their claims",
)
def test_claim_is_released(bench: Bench, allocation: Allocation, evidence: Evidence) -> None:
    """A claim is held while its pod lives and is released when the pod is gone.

    Why: a device that is never released is lost until somebody notices; one that is released early is given out twice.

    Proven by: while the pod runs, its claim is allocated and reserved for a watched window (the control); after the pod is
    gone the claim holds nothing, and another pod starts with the same claim: where two devices are free, a third pod has
    taken the first one meanwhile, and what opens must be the device of the new allocation. A claim generated from a
    template is deleted with its pod.

    Fix: look at the resourceclaim controller of kube-controller-manager and at finalizers of the driver.
    """
    claim = allocation.claim("reused")
    first = allocation.run("first-user", claim)
    allocation.is_held(first)
    stays_held(bench, first)
    bench.sandbox.delete_pod(first.pod)
    allocation.released(claim)
    second = used_again(bench, allocation, first)
    allocation.is_held(second)
    bench.sandbox.delete_pod(second.pod)
    generated = allocation.run("template-user", allocation.template("template"))
    bench.sandbox.delete_pod(generated.pod)
    allocation.generated_is_gone(generated.claim)
    evidence.grade(Grade.CONTROLLED)
