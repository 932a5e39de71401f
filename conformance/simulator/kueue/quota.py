"""Quota: what a workload asks for, what is used, and which flavors still have it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from conformance.simulator import podresources
from conformance.simulator.kueue import FLAVORS
from conformance.simulator.kueue.config import Config
from conformance.simulator.objects import Obj, condition, dig, namespace_of
from conformance.simulator.quantities import parse, show
from conformance.simulator.storage import Store

_CLAIMS, _TEMPLATES = "resourceclaims.resource.k8s.io", "resourceclaimtemplates.resource.k8s.io"
Usage = dict[tuple[str, str], Fraction]
"""Amounts by flavor and resource."""


class NoQuotaError(Exception):
    """The workload cannot be admitted now."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclass(frozen=True)
class Assigned:
    """What one pod set gets."""

    name: str
    count: int
    amounts: podresources.Amounts
    flavors: dict[str, str] = field(default_factory=dict)
    """Flavor by resource."""

    def shown(self) -> Obj:
        """As the Workload's admission has it."""
        usage = {name: show(amount) for name, amount in sorted(self.amounts.items()) if name in self.flavors}
        return {"name": self.name, "flavors": self.flavors, "resourceUsage": usage, "count": self.count}


def demand(store: Store, workload: Obj, config: Config) -> list[Assigned]:
    """What each pod set asks for in all."""
    found = []
    for podset in workload["spec"]["podSets"]:
        one = podresources.requests(podset["template"])
        one = podresources.add(one, _devices(store, namespace_of(workload), podset["template"]["spec"], config))
        count = podset.get("count", 1)
        amounts = {name: amount * count for name, amount in {**one, "pods": Fraction(1)}.items()}
        found.append(Assigned(podset.get("name", "main"), count, amounts))
    return found


def _devices(store: Store, space: str, spec: Obj, config: Config) -> podresources.Amounts:
    """Devices of a pod's claims, by the name that the configuration gives their class."""
    names, total = dict(config.mappings), Counter[str]()
    for entry in spec.get("resourceClaims") or ():
        template = store.get(_TEMPLATES, space, entry.get("resourceClaimTemplateName") or "")
        claim = store.get(_CLAIMS, space, entry.get("resourceClaimName") or "")
        devices = dig(template, "spec", "spec", "devices") or dig(claim, "spec", "devices", default={})
        for request in devices.get("requests") or ():
            form = request.get("exactly") or (request.get("firstAvailable") or [{}])[0]
            if form.get("deviceClassName") in names:
                total[names[form["deviceClassName"]]] += int(form.get("count", 1))
    return {name: Fraction(count) for name, count in total.items()}


def reserves(workload: Obj) -> bool:
    """Whether a workload holds quota."""
    states = (condition(workload, kind) for kind in ("QuotaReserved", "Finished"))
    held, over = (state is not None and state["status"] == "True" for state in states)
    return held and not over


def used(workloads: Iterable[Obj], queue: str) -> Usage:
    """What the workloads of a ClusterQueue hold."""
    total: Usage = {}
    for workload in workloads:
        if reserves(workload) and dig(workload, "status", "admission", "clusterQueue") == queue:
            for assigned in workload["status"]["admission"]["podSetAssignments"]:
                for name, flavor in assigned["flavors"].items():
                    amount = parse(assigned["resourceUsage"][name])
                    total[flavor, name] = total.get((flavor, name), Fraction()) + amount
    return total


def missing_flavors(store: Store, queue: Obj) -> list[str]:
    """Flavors that a ClusterQueue names and nobody made."""
    groups = dig(queue, "spec", "resourceGroups", default=[])
    names = [flavor["name"] for group in groups for flavor in group.get("flavors") or ()]
    return [name for name in names if store.get(FLAVORS, "", name) is None]


def assign(queue: Obj, wanted: list[Assigned], usage: Usage, *, force: bool = False) -> list[Assigned]:
    """Give every pod set its flavors; ``NoQuotaError`` says what is short. With ``force`` nothing is ever short."""
    usage, found = dict(usage), []
    for podset in wanted:
        flavors: dict[str, str] = {}
        groups = dig(queue, "spec", "resourceGroups", default=[])
        covered = {name for group in groups for name in group["coveredResources"]}
        for name in podset.amounts:
            if name not in covered and name != "pods" and podset.amounts[name]:
                words = f"couldn't assign flavors to pod set {podset.name}: resource {name} unavailable in ClusterQueue"
                raise NoQuotaError("NoMatchingFlavor", words)
        for group in groups:
            names = [name for name in group["coveredResources"] if name in podset.amounts]
            flavor = _flavor(group, names, podset, usage, force=force)
            for name in names:
                flavors[name] = flavor
                usage[flavor, name] = usage.get((flavor, name), Fraction()) + podset.amounts[name]
        found.append(Assigned(podset.name, podset.count, podset.amounts, flavors))
    return found


def _flavor(group: Obj, names: list[str], podset: Assigned, usage: Usage, *, force: bool) -> str:
    """The first flavor of a group that has enough of everything."""
    short: list[tuple[str, str]] = []
    for flavor in group.get("flavors") or ():
        quotas = {entry["name"]: parse(entry["nominalQuota"]) for entry in flavor.get("resources") or ()}
        problem = next((p for name in names if (p := _short(flavor["name"], name, quotas, podset, usage))), None)
        if problem is None or force:
            return str(flavor["name"])
        short.append(problem)
    reasons = {reason for reason, _ in short} or {"NoMatchingFlavor"}
    reason = "WaitingForQuota" if "WaitingForQuota" in reasons else min(reasons)
    words = ", ".join(message for _, message in short)
    raise NoQuotaError(reason, f"couldn't assign flavors to pod set {podset.name}: {words}")


def _short(
    flavor: str, name: str, quotas: podresources.Amounts, podset: Assigned, usage: Usage
) -> tuple[str, str] | None:
    have, need = quotas.get(name, Fraction()), podset.amounts[name]
    if need > have:
        words = f"insufficient quota for {name} in flavor {flavor}, request > maximum capacity ({show(need)} > {show(have)})"
        return "ExceedsMaxQuota", words
    lacking = usage.get((flavor, name), Fraction()) + need - have
    if lacking > 0:
        return (
            "WaitingForQuota",
            f"insufficient unused quota for {name} in flavor {flavor}, {show(lacking)} more needed",
        )
    return None
