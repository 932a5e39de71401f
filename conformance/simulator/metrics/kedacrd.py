"""What a ScaledObject is: its definition, the autoscaler that it stands for, and how its status reads."""

import re

from conformance.simulator.kinds import Kind
from conformance.simulator.metrics.keda import LABEL
from conformance.simulator.objects import Obj, condition, dig, name_of

_NUMERAL = re.compile(r"\d+(\.\d+)?")
_NUMBER: Obj = {"type": "integer", "format": "int32"}
_TEXT: Obj = {"type": "string"}
_FREE: Obj = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_CONDITION: Obj = {
    "type": "object",
    "required": ["status", "type"],
    "properties": dict.fromkeys(("type", "status", "reason", "message"), _TEXT),
}
_TRIGGER: Obj = {
    "type": "object",
    "required": ["metadata", "type"],
    "properties": {
        "type": _TEXT,
        "name": _TEXT,
        "useCachedMetrics": {"type": "boolean"},
        "metadata": {"type": "object", "additionalProperties": _TEXT},
        "metricType": _TEXT,
        "authenticationRef": {"type": "object", "required": ["name"], "properties": {"name": _TEXT, "kind": _TEXT}},
    },
}
_SPEC: Obj = {
    "type": "object",
    "required": ["scaleTargetRef", "triggers"],
    "properties": {
        "scaleTargetRef": {
            "type": "object",
            "required": ["name"],
            "properties": dict.fromkeys(("apiVersion", "envSourceContainerName", "kind", "name"), _TEXT),
        },
        **dict.fromkeys(
            (
                "pollingInterval",
                "initialCooldownPeriod",
                "cooldownPeriod",
                "idleReplicaCount",
                "minReplicaCount",
                "maxReplicaCount",
            ),
            _NUMBER,
        ),
        "advanced": _FREE,
        "fallback": _FREE,
        "triggers": {"type": "array", "items": _TRIGGER},
    },
}
_STATUS: Obj = {
    "type": "object",
    "properties": {
        **dict.fromkeys(
            ("scaleTargetKind", "hpaName", "lastActiveTime", "triggersTypes", "authenticationsTypes"), _TEXT
        ),
        "scaleTargetGVKR": _FREE,
        "originalReplicaCount": _NUMBER,
        "pausedReplicaCount": _NUMBER,
        "externalMetricNames": {"type": "array", "items": _TEXT},
        "resourceMetricNames": {"type": "array", "items": _TEXT},
        "conditions": {"type": "array", "items": _CONDITION},
        "health": _FREE,
        "triggersActivity": _FREE,
    },
}
_COLUMNS = (
    ("ScaleTargetKind", "string", ".status.scaleTargetKind"),
    ("ScaleTargetName", "string", ".spec.scaleTargetRef.name"),
    ("Min", "integer", ".spec.minReplicaCount"),
    ("Max", "integer", ".spec.maxReplicaCount"),
    ("Triggers", "string", ".status.triggersTypes"),
)
DEFINITION: Obj = {
    "metadata": {"name": "scaledobjects.keda.sh", "labels": {"app.kubernetes.io/part-of": "keda-operator"}},
    "spec": {
        "group": "keda.sh",
        "scope": "Namespaced",
        "names": {
            "kind": "ScaledObject",
            "listKind": "ScaledObjectList",
            "plural": "scaledobjects",
            "singular": "scaledobject",
            "shortNames": ["so"],
        },
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "additionalPrinterColumns": [{"name": n, "type": t, "jsonPath": p} for n, t, p in _COLUMNS],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {"spec": _SPEC, "status": _STATUS},
                    }
                },
            }
        ],
    },
}


def target(found: Obj) -> dict[str, str]:
    """What a ScaledObject scales."""
    reference = found["spec"]["scaleTargetRef"]
    return {
        "apiVersion": reference.get("apiVersion") or "apps/v1",
        "kind": reference.get("kind") or "Deployment",
        "name": reference["name"],
    }


def trigger_problem(found: Obj) -> str:
    """What makes a trigger impossible, or nothing."""
    for index, trigger in enumerate(found["spec"].get("triggers") or ()):
        meta = trigger.get("metadata") or {}
        missing = [key for key in ("serverAddress", "query", "threshold") if not meta.get(key)]
        if trigger.get("type") != "prometheus":
            return f"no scaler found for type: {trigger.get('type')}; the stand-in knows prometheus alone"
        if missing:
            return f"error parsing prometheus metadata of trigger {index}: missing {', '.join(missing)}"
        for key in ("threshold", "activationThreshold"):
            if meta.get(key) and not _NUMERAL.fullmatch(meta[key]):
                return f"error parsing prometheus metadata of trigger {index}: {key} is {meta[key]!r}, want a number"
    return ""


def autoscaler_name(found: Obj) -> str:
    """Name of the autoscaler."""
    return str(dig(found, "spec", "advanced", "horizontalPodAutoscalerConfig", "name") or f"keda-hpa-{name_of(found)}")


def autoscaler_spec(found: Obj, metrics: list[str]) -> Obj:
    """The autoscaler that a ScaledObject stands for."""
    spec = found["spec"]
    made: Obj = {
        "scaleTargetRef": target(found),
        "minReplicas": max(spec.get("minReplicaCount", 0), 1),
        "maxReplicas": spec.get("maxReplicaCount", 100),
        "metrics": [_metric(found, name, trigger) for name, trigger in zip(metrics, spec["triggers"], strict=True)],
    }
    behavior = dig(spec, "advanced", "horizontalPodAutoscalerConfig", "behavior")
    if behavior:
        made["behavior"] = behavior
    return made


def _metric(found: Obj, name: str, trigger: Obj) -> Obj:
    kind = trigger.get("metricType") or "AverageValue"
    key = "value" if kind == "Value" else "averageValue"
    wanted = {"type": kind, key: str(trigger["metadata"]["threshold"])}
    metric = {"name": name, "selector": {"matchLabels": {LABEL: name_of(found)}}}
    return {"type": "External", "external": {"metric": metric, "target": wanted}}


def describe(obj: Obj, hpa: Obj, kind: Kind | None) -> None:
    """Write what a ScaledObject has become."""
    status, triggers = obj["status"], obj["spec"]["triggers"]
    status["hpaName"] = name_of(hpa)
    status["externalMetricNames"] = [m["external"]["metric"]["name"] for m in hpa["spec"]["metrics"]]
    status["triggersTypes"] = ",".join(sorted({trigger["type"] for trigger in triggers}))
    if kind is not None:
        status["scaleTargetKind"] = f"{kind.api_version}.{kind.kind}"
        parts = {"group": kind.group, "version": kind.version, "kind": kind.kind, "resource": kind.plural}
        status["scaleTargetGVKR"] = parts


def autoscaler_state(hpa: Obj) -> tuple[str, str, str]:
    """Status, reason and message of the condition HPAActive."""
    found = condition(hpa, "ScalingActive")
    if found is None:
        return "Unknown", "", ""
    if found["status"] == "True":
        return "True", "HPAActive", str(found.get("message", ""))
    off = found.get("reason") == "ScalingDisabled"
    return "False", "ScalingDisabled" if off else "HPAMetricsUnavailable", str(found.get("message", ""))


def say(obj: Obj, kind: str, status: str, reason: str = "", message: str = "") -> None:
    """Write a condition; those of ScaledObjects know no time."""
    conditions = obj.setdefault("status", {}).setdefault("conditions", [])
    new = {"type": kind, "status": status, **({"reason": reason, "message": message} if reason else {})}
    for place, old in enumerate(conditions):
        if old["type"] == kind:
            conditions[place] = new
            return
    conditions.append(new)
