"""Rules and defaults of ``scheduling.k8s.io``: what makes a PodGroup or a Workload acceptable."""

from typing import Any

from conformance.simulator.api.errors import Cause, duplicate, forbidden_field, invalid, required, too_many
from conformance.simulator.kinds.hooks import defaults, validates
from conformance.simulator.objects import Obj, dig

GROUPS, WORKLOADS = "podgroups.scheduling.k8s.io", "workloads.scheduling.k8s.io"
MOST_TEMPLATES = 8
_GATED = ("schedulingConstraints", "resourceClaims", "preemptionPolicy", "parentCompositePodGroupName")
"""Fields of other gates, all off: they are dropped as a real server drops them."""
_FIXED = ("workloadRef", "disruptionMode", "priorityClassName", "priority")


@defaults(GROUPS)
def pod_group(obj: Obj) -> None:
    """Fields whose gates are off are not kept; pods are disrupted one by one unless they say otherwise."""
    spec = obj.setdefault("spec", {})
    for name in _GATED:
        spec.pop(name, None)
    spec.setdefault("disruptionMode", {"single": {}})
    obj.setdefault("status", {})


@defaults(WORKLOADS)
def workload(obj: Obj) -> None:
    """The same in the templates of a Workload."""
    for template in dig(obj, "spec", "podGroupTemplates", default=[]):
        for name in _GATED:
            template.pop(name, None)


@validates(GROUPS)
def group(obj: Obj, old: Obj | None) -> list[Cause]:
    """One policy, a count that can be met, and nothing changed but the count."""
    spec, before = obj.get("spec") or {}, (old or {}).get("spec") or {}
    causes = _policy(spec.get("schedulingPolicy") or {}, "spec.schedulingPolicy")
    causes += _one_of(spec.get("disruptionMode"), "spec.disruptionMode", ("single", "all"))
    if old is not None:
        causes += [_immutable(f"spec.{name}") for name in _FIXED if spec.get(name) != before.get(name)]
        if dig(spec, "schedulingPolicy", "basic") != dig(before, "schedulingPolicy", "basic"):
            causes.append(_immutable("spec.schedulingPolicy.basic"))
        if dig(before, "schedulingPolicy", "gang") and not dig(spec, "schedulingPolicy", "gang"):
            causes.append(invalid("spec.schedulingPolicy.gang", None, "field cannot be cleared once set"))
    return causes


@validates(WORKLOADS)
def templates(obj: Obj, old: Obj | None) -> list[Cause]:
    """One to eight templates with names of their own; they stay as many as they were."""
    spec, path = obj.get("spec") or {}, "spec.podGroupTemplates"
    listed = spec.get("podGroupTemplates") or []
    if spec.get("compositePodGroupTemplates"):
        return [forbidden_field("spec.compositePodGroupTemplates", "")]
    if not listed:
        return [invalid("spec", "", "must specify one of: `podGroupTemplates`, `compositePodGroupTemplates`")]
    causes = [too_many(path, len(listed), MOST_TEMPLATES)] if len(listed) > MOST_TEMPLATES else []
    names: list[str] = []
    for n, template in enumerate(listed):
        name = str(template.get("name", ""))
        causes += [duplicate(f"{path}[{n}]", template)] if name in names else []
        causes += _policy(template.get("schedulingPolicy") or {}, f"{path}[{n}].schedulingPolicy")
        names.append(name)
    if old is not None:
        before = [str(t.get("name", "")) for t in dig(old, "spec", "podGroupTemplates", default=[])]
        causes += [] if sorted(names) == sorted(before) else [_immutable(path)]
        fixed = dig(old, "spec", "controllerRef")
        causes += [] if spec.get("controllerRef") == fixed else [_immutable("spec.controllerRef")]
    return causes


def _policy(policy: Obj, path: str) -> list[Cause]:
    causes = _one_of(policy, path, ("basic", "gang"))
    if policy.get("gang") is not None:
        count = policy["gang"].get("minCount")
        if not count:
            causes.append(required(f"{path}.gang.minCount"))
        elif count < 1:
            causes.append(invalid(f"{path}.gang.minCount", count, "must be greater than or equal to 1"))
    return causes


def _one_of(union: Any, path: str, members: tuple[str, ...]) -> list[Cause]:
    if union is None:
        return []
    words = ", ".join(f"`{name}`" for name in members)
    given = [name for name in members if union.get(name) is not None]
    if not given:
        return [invalid(path, "", f"must specify one of: {words}")]
    if len(given) > 1:
        return [invalid(path, f"{{{', '.join(given)}}}", f"must specify exactly one of: {words}")]
    return []


def _immutable(path: str) -> Cause:
    return invalid(path, None, "field is immutable")
