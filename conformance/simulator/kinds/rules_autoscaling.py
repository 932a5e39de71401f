"""Defaults and rules of HorizontalPodAutoscalers."""

from typing import Any

from conformance.simulator.api.errors import Cause, forbidden_field, invalid, required, unsupported
from conformance.simulator.kinds.hooks import defaults, validates
from conformance.simulator.objects import Obj, dig
from conformance.simulator.quantities import parse
from conformance.simulator.scaling.behaviour import rules

_HPAS = "horizontalpodautoscalers.autoscaling"
_TYPES = ("ContainerResource", "External", "Object", "Pods", "Resource")
_LONGEST_PERIOD, _LONGEST_WINDOW = 1800, 3600


@defaults(_HPAS)
def autoscaler(obj: Obj) -> None:
    """One replica at least; CPU where no metric is named; behaviour in full where a part of it is given."""
    spec = obj.setdefault("spec", {})
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics") and obj.get("apiVersion") == "autoscaling/v2":
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if isinstance(spec.get("behavior"), dict):
        for side in ("scaleUp", "scaleDown"):
            filled = rules(spec, side)
            if side == "scaleDown" and "stabilizationWindowSeconds" not in (spec["behavior"].get(side) or {}):
                del filled["stabilizationWindowSeconds"]
            spec["behavior"][side] = filled


def _number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@validates(_HPAS)
def autoscaler_rules(obj: Obj, _old: Obj | None) -> list[Cause]:
    """Replicas make sense, metrics have a source and a target, behaviour has policies."""
    spec = obj.get("spec") or {}
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas", 0)
    metrics = spec.get("metrics") or []
    causes = []
    zero = all(metric.get("type") in ("Object", "External") for metric in metrics) and bool(metrics)
    floor = 0 if zero else 1
    if least < floor:
        causes.append(invalid("spec.minReplicas", least, f"must be greater than or equal to {floor}"))
    if not _number(most) or most < 1:
        causes.append(invalid("spec.maxReplicas", most, "must be greater than 0"))
    elif most < least:
        causes.append(invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`"))
    reference = spec.get("scaleTargetRef") or {}
    causes += [required(f"spec.scaleTargetRef.{key}") for key in ("kind", "name") if not reference.get(key)]
    for n, metric in enumerate(metrics):
        causes += _metric(metric, f"spec.metrics[{n}]")
    for side in ("scaleUp", "scaleDown"):
        causes += _rules(dig(spec, "behavior", side, default={}), f"spec.behavior.{side}")
    return causes


def _metric(metric: Obj, path: str) -> list[Cause]:
    kind = metric.get("type", "")
    if kind not in _TYPES:
        return [unsupported(f"{path}.type", kind, _TYPES)]
    key = kind[0].lower() + kind[1:]
    part = metric.get(key)
    if not isinstance(part, dict):
        words = f"must populate information for the given metric source ({key})"
        return [required(f"{path}.{key}", words)]
    causes = [
        forbidden_field(f"{path}.{other}", "must populate the given metric source only")
        for other in ("containerResource", "external", "object", "pods", "resource")
        if other != key and other in metric
    ]
    if kind in ("Pods", "Object", "External") and not dig(part, "metric", "name"):
        causes.append(required(f"{path}.{key}.metric.name", "must specify a metric name"))
    return causes + _target(kind, part.get("target") or {}, f"{path}.{key}.target")


def _target(kind: str, target: Obj, path: str) -> list[Cause]:
    given = [name for name in ("value", "averageValue", "averageUtilization") if target.get(name) is not None]
    allowed = {
        "Pods": ("averageValue",),
        "Resource": ("averageUtilization", "averageValue"),
        "ContainerResource": ("averageUtilization", "averageValue"),
    }.get(kind, ("value", "averageValue"))
    if not target.get("type"):
        return [required(f"{path}.type", "must specify a metric target type")]
    if len(given) != 1 or given[0] not in allowed:
        return [required(f"{path}.{allowed[-1]}", f"must set exactly one of {', '.join(allowed)}")]
    if parse(target[given[0]]) <= 0:
        return [invalid(f"{path}.{given[0]}", target[given[0]], "must be positive")]
    return []


def _rules(chosen: Obj, path: str) -> list[Cause]:
    causes = []
    window = chosen.get("stabilizationWindowSeconds", 0)
    if not 0 <= window <= _LONGEST_WINDOW:
        words = f"must be greater than or equal to zero and less than or equal to {_LONGEST_WINDOW}"
        causes.append(invalid(f"{path}.stabilizationWindowSeconds", window, words))
    if chosen.get("selectPolicy", "Max") not in ("Max", "Min", "Disabled"):
        causes.append(unsupported(f"{path}.selectPolicy", chosen["selectPolicy"], ("Disabled", "Max", "Min")))
    if chosen and not chosen.get("policies"):
        causes.append(required(f"{path}.policies", "must specify at least one Policy"))
    for n, policy in enumerate(chosen.get("policies") or ()):
        place = f"{path}.policies[{n}]"
        if policy.get("type") not in ("Pods", "Percent"):
            causes.append(unsupported(f"{place}.type", policy.get("type"), ("Percent", "Pods")))
        if not _number(policy.get("value")) or policy["value"] <= 0:
            causes.append(invalid(f"{place}.value", policy.get("value", 0), "must be greater than zero"))
        if not 0 < policy.get("periodSeconds", 0) <= _LONGEST_PERIOD:
            words = f"must be greater than zero and less than or equal to {_LONGEST_PERIOD}"
            causes.append(invalid(f"{place}.periodSeconds", policy.get("periodSeconds", 0), words))
    return causes
