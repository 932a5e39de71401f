"""Ask for permissions before checks run: what may not be done makes a check unknown, and says which verbs are missing.

A forbidden verb is a finding about the account that runs the suite, not about the cluster, so it never stops a run.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from conformance.run.plan import Planned, Withheld
from conformance.verdicts import Impact, Verdict

FORBIDDEN = "forbidden"
LEASE_NEEDS = tuple(f"{verb} leases.coordination.k8s.io" for verb in ("create", "patch", "delete"))
NAMESPACE_NEEDS = (*(f"{verb} namespaces" for verb in ("create", "get", "watch", "delete")), "create resourcequotas")
SWEEP_NEEDS = ("list namespaces", "list leases.coordination.k8s.io")
"""What sweeping after dead runs needs besides; without it they are left alone."""
LOOK_NEEDS = (
    "list nodes",
    "list pods",
    "list deviceclasses.resource.k8s.io",
    "list resourceclaims.resource.k8s.io",
    "list resourceslices.resource.k8s.io",
    "list runtimeclasses.node.k8s.io",
    "list events",
    "list deployments.apps",
    "list apiservices.apiregistration.k8s.io",
    "list services",
    "get pods.custom.metrics.k8s.io/vllm_num_requests_waiting",
    "get pods.custom.metrics.k8s.io/vllm_generation_tokens_per_second",
    "list vllm_num_requests_waiting.external.metrics.k8s.io",
    "list vllm_generation_tokens_per_second.external.metrics.k8s.io",
    "list s0-prometheus.external.metrics.k8s.io",
    *(f"{verb} podmonitors.monitoring.coreos.com" for verb in ("create", "get", "watch", "delete")),
)
"""What the inventory and the checks use if they may: RuntimeClasses to try, events that explain a pod, a monitor for our pods.
What must not be read is noted, and checks that rest on it become unknown."""


def run_needs(namespace: str | None) -> tuple[str, ...]:
    """What a run needs for itself, whatever its checks are; in a namespace that was given it makes none of its own."""
    return LEASE_NEEDS if namespace else NAMESPACE_NEEDS + LEASE_NEEDS


def with_removal(needs: Iterable[str], namespace: str | None) -> list[str]:
    """The needs of a check; in a given namespace, which is not deleted, also those for removing what it creates."""
    needs = list(needs)
    made = [need.removeprefix("create ") for need in needs if namespace and need.startswith("create ")]
    return list(dict.fromkeys([*needs, *(f"{verb} {what}" for what in made for verb in ("get", "watch", "delete"))]))


def needs_of(planned: Iterable[Planned], namespace: str | None) -> list[str]:
    """Every permission that the run asks for, sorted by resource."""
    entries = [entry for entry in planned if not entry.withheld]
    own = run_needs(namespace) if any(_touches(entry) for entry in entries) else ()
    found = {need for entry in entries for need in with_removal(entry.needs, namespace)} | set(own)
    return sorted(found, key=lambda need: need.split(" ")[::-1])


def apply(planned: Sequence[Planned], allowed: Mapping[str, bool], namespace: str | None) -> list[Planned]:
    """The plan with every check withheld that lacks a permission."""
    return [_apply(entry, allowed, namespace) for entry in planned]


def _touches(entry: Planned) -> bool:
    return entry.impact != Impact.OBSERVE


def _apply(entry: Planned, allowed: Mapping[str, bool], namespace: str | None) -> Planned:
    if entry.withheld:
        return entry
    needs = (*with_removal(entry.needs, namespace), *(run_needs(namespace) if _touches(entry) else ()))
    missing = [need for need in dict.fromkeys(needs) if not allowed.get(need, False)]
    if not missing:
        return entry
    cure = "`ai-conformance rbac` prints the roles"
    if "create namespaces" in missing:
        cure += ", --namespace works inside one that exists"
    reason = f"the account may not {', '.join(missing)}; {cure}"
    return replace(entry, withheld=Withheld(verdict=Verdict.UNKNOWN, code=FORBIDDEN, reason=reason))
