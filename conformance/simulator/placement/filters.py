"""Which nodes a pod may go to at all, and the words for those that it may not."""

from collections import Counter

from conformance.simulator.api.selectors import node_selector
from conformance.simulator.objects import Obj, condition, dig, labels_of

_UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_TAINTED = "node(s) had untolerated taint(s)"


def refusal(pod: Obj, node: Obj) -> str:
    """Why a node does not take a pod, however much room it has; nothing where it does."""
    spec = pod["spec"]
    if dig(node, "spec", "unschedulable") and not _tolerates(spec, _UNSCHEDULABLE):
        return "node(s) were unschedulable"
    for taint in dig(node, "spec", "taints", default=[]):
        if taint["effect"] in ("NoSchedule", "NoExecute") and not _tolerates(spec, taint):
            return _TAINTED
    labels = labels_of(node)
    wanted = dig(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    if any(labels.get(k) != v for k, v in (spec.get("nodeSelector") or {}).items()) or (
        wanted and not node_selector(wanted, node)
    ):
        return "node(s) didn't match Pod's node affinity/selector"
    ready = condition(node, "Ready")
    return "" if ready is not None and ready["status"] == "True" else _TAINTED


def _tolerates(spec: Obj, taint: Obj) -> bool:
    for toleration in spec.get("tolerations") or ():
        key = not toleration.get("key") or toleration["key"] == taint["key"]
        value = toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", "")
        if key and value and toleration.get("effect") in (None, "", taint["effect"]):
            return True
    return False


def words(reasons: "Counter[str]") -> str:
    """Reasons with the number of nodes that gave them, in the scheduler's order."""
    ordered = sorted(reasons.items(), key=lambda item: f"{item[1]} {item[0]}")
    return ", ".join(f"{n} {reason}" for reason, n in ordered)


def message(count: int, why: str) -> str:
    """What the scheduler says about a pod that no node takes."""
    return f"0/{count} nodes are available: {why}." if count else "no nodes available to schedule pods"


def without_preemption(count: int, said: str) -> str:
    """The same about a pod that is placed by itself: ending other pods would not help either."""
    helpless = f"preemption: 0/{count} nodes are available: {count} Preemption is not helpful for scheduling."
    return f"{said} {helpless}" if count else said
