"""What a claim is to its pod over time: it stays while the pod lives, and gives its new device when it is used again."""

from conformance.cluster import errors, waiting
from conformance.cluster.api import Object
from conformance.probes import claims, pods, reading, starting, tenants
from conformance.probes.allocation import Allocation, Running
from conformance.probes.ask import DEVICES
from conformance.probes.bench import Bench
from conformance.probes.stage import CLAIM
from conformance.probes.tenants import MAIN, Tenant
from conformance.verdicts import Failure, Unverified


def stays_held(bench: Bench, running: Running) -> None:
    """Watch the claim of a running pod for the window: it is allocated and reserved for the pod all the time."""
    sandbox, uid, name = bench.sandbox, running.pod["metadata"]["uid"], running.pod["metadata"]["name"]
    collection = sandbox.path("resourceclaims", group_version=bench.group_version)

    def lost(claim: Object) -> str | None:
        return None if claims.allocated(claim) and uid in claims.reserved_for(claim) else claims.describe(claim)

    seconds, what = sandbox.settings.window_seconds, "the claim to stay with its pod"
    try:
        broken, watched, breaks = waiting.stays(
            sandbox.api, collection, running.claim, lost, seconds=seconds, what=what
        )
    except (waiting.HistoryLost, errors.WaitTimeout) as error:
        raise Unverified(
            f"the watch of the claim did not live through the window: {error}", code="watch_lost"
        ) from error
    starting.must_still_run(sandbox.api, sandbox.path("pods"), running.pod, "with its claim")
    if broken:
        raise Failure(
            "claim_not_held",
            observed=f"while pod {name} runs: {broken}",
            expected="the claim is allocated and reserved for the pod as long as that runs",
        )
    seen = f"held for {watched:.1f} s; {breaks} broken watches, all continued"
    sandbox.evidence.step("watched the claim", expected="it stays with its pod", observed=seen, obj=f"Pod {name}")


def used_again(bench: Bench, allocation: Allocation, before: Running) -> Running:
    """Another pod with a claim that was released, which is given another device where one is free, and must open that one.

    A driver that remembers what a claim had would give it the device of before, which a third pod holds now: the control, as
    it opens its own.
    """
    try:
        between = _hold(bench, "between", allocation.claim("between")) if allocation.free() > 1 else None
        holder = _hold(bench, "second-user", before.claim)
    except Failure as error:
        raise Unverified(f"{error.observed}; without a pod that runs nothing is proven", code="no_witness") from error
    if between:
        _opens_the_new_one(bench, holder, between, before)
        bench.sandbox.delete_pod(between.pod)
    return Running(holder.pod, holder.claim or {}, before.seconds)


def _hold(bench: Bench, name: str, claim: Object) -> Tenant:
    """Start a pod with a claim that is there, which opens what it is given."""
    container = pods.Container(name=MAIN, arguments=bench.arguments(DEVICES), claims=[CLAIM])
    plan = bench.plan(name, [container], claims=[{"name": CLAIM, "resourceClaimName": claim["metadata"]["name"]}])
    made = tenants.submit(bench.sandbox, plan, bench.sandbox.namespace())
    limit = starting.START_SECONDS
    tenant = tenants.arrived(bench.sandbox, plan, made, bench.descriptor, limit=limit, holds_device=True)
    collection = bench.sandbox.path("resourceclaims", group_version=bench.group_version)
    now = bench.sandbox.api.get(f"{collection}/{claim['metadata']['name']}")
    return Tenant(tenant.pod, tenant.reports, now)


def _opens_the_new_one(bench: Bench, holder: Tenant, between: Tenant, before: Running) -> None:
    """``Failure`` where the pod opens another device than its claim has now, while the pod beside it opens its own."""
    had, has = (claims.allocated(claim) for claim in (before.claim, holder.claim or {}))
    own, witness = _own(bench, holder), _own(bench, between)
    seen = f"{claims.describe(holder.claim or {})}; opened {own[1] if own else 'nothing that tells which device it is'}"
    bench.sandbox.evidence.step(
        "a claim was used again" if had != has else "a claim was used again, and was given the same device",
        expected="the pod opens the device that the claim has now",
        observed=seen,
        obj=f"Pod {holder.name}",
    )
    if had != has and own and witness and witness[0] == witness[1] and own[0] != own[1]:
        raise Failure(
            "wrong_device",
            observed=f"pod {holder.name} on {bench.node} opened {own[1]} with a claim that was released and given {own[0]}",
            expected="a claim that is used again gives the device that it has now",
            hint="look at what the driver remembers of claims (its checkpoint, CDI specifications that stay)",
        )


def _own(bench: Bench, tenant: Tenant) -> tuple[str, str] | None:
    """What was allocated to a pod and what it opened; None where it opened another number or either does not tell."""
    opened = tenant.report.opened(bench.descriptor) if bench.descriptor.can_identify else []
    told = bench.identified(tenant)
    seen = reading.identity(opened[0], bench.descriptor) if len(opened) == 1 else None
    return (told[0], seen) if told and len(told) == 1 and seen is not None else None
