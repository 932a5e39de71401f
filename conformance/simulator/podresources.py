"""What a pod asks for: the sums that the scheduler, the kubelet and quotas all need."""

from fractions import Fraction

from conformance.simulator.objects import Obj, dig, finished
from conformance.simulator.quantities import parse

Amounts = dict[str, Fraction]


def _of(container: Obj, side: str) -> Amounts:
    return {name: parse(value) for name, value in dig(container, "resources", side, default={}).items()}


def add(left: Amounts, right: Amounts) -> Amounts:
    """Sum of two sets of amounts."""
    return {name: left.get(name, Fraction()) + right.get(name, Fraction()) for name in {**left, **right}}


def requests(pod: Obj, side: str = "requests") -> Amounts:
    """Amounts of a pod: its containers together, or one init container where that is more."""
    total: Amounts = {}
    for container in pod["spec"].get("containers") or ():
        total = add(total, _of(container, side))
    for container in pod["spec"].get("initContainers") or ():
        for name, value in _of(container, side).items():
            total[name] = max(total.get(name, Fraction()), value)
    return total


def holds_resources(pod: Obj) -> bool:
    """Whether the pod still counts on its node and in its quota."""
    return not finished(pod)


def qos(pod: Obj) -> str:
    """Quality of service class."""
    containers = [*(pod["spec"].get("containers") or ()), *(pod["spec"].get("initContainers") or ())]
    resources = [{side: dig(c, "resources", side, default={}) for side in ("requests", "limits")} for c in containers]
    counted = [{side: {k: v for k, v in r[side].items() if k in ("cpu", "memory")} for side in r} for r in resources]
    if not any(r["requests"] or r["limits"] for r in counted):
        return "BestEffort"
    full = all(set(r["limits"]) == {"cpu", "memory"} and (r["requests"] or r["limits"]) == r["limits"] for r in counted)
    return "Guaranteed" if full else "Burstable"
