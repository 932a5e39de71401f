"""The same object in another version of its API: what is stored in the preferred version is shown in the one asked for."""

from collections.abc import Callable

from conformance.simulator.kinds import Kind
from conformance.simulator.objects import Obj

Turn = Callable[[Obj], Obj]


def convert(kind: Kind, obj: Obj) -> Obj:
    """The object as ``kind`` shows it; the object itself where nothing differs."""
    if obj.get("apiVersion") == kind.api_version and obj.get("kind") == kind.kind:
        return obj
    turn = _TURNS.get((obj.get("apiVersion", ""), kind.api_version))
    turned = turn(obj) if turn else dict(obj)
    return {**turned, "apiVersion": kind.api_version, "kind": kind.kind}


def _flat_requests(obj: Obj) -> Obj:
    """resource.k8s.io/v1 → v1beta1: requests without ``exactly``, devices in ``basic``."""
    return _map_spec(
        obj,
        lambda request: {"name": request["name"], **request["exactly"]} if "exactly" in request else request,
        lambda device: {"name": device["name"], "basic": {k: v for k, v in device.items() if k != "name"}},
    )


def _nested_requests(obj: Obj) -> Obj:
    """resource.k8s.io/v1beta1 → v1."""
    return _map_spec(
        obj,
        lambda request: (
            request
            if "firstAvailable" in request
            else {"name": request.get("name"), "exactly": {k: v for k, v in request.items() if k != "name"}}
        ),
        lambda device: {"name": device.get("name"), **device.get("basic", {})},
    )


def _map_spec(obj: Obj, request: Turn, device: Turn) -> Obj:
    spec = dict(obj.get("spec") or {})
    if obj.get("kind") == "ResourceClaimTemplate" and "spec" in spec:
        spec["spec"] = _map_requests(spec["spec"], request)
    elif obj.get("kind") == "ResourceClaim":
        spec = _map_requests(spec, request)
    elif obj.get("kind") == "ResourceSlice" and spec.get("devices"):
        spec["devices"] = [device(item) for item in spec["devices"]]
    return {**obj, "spec": spec}


def _map_requests(spec: Obj, request: Turn) -> Obj:
    devices = dict(spec.get("devices") or {})
    if devices.get("requests"):
        devices["requests"] = [request(item) for item in devices["requests"]]
    return {**spec, "devices": devices} if devices else spec


_EVENT_FIELDS = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}


def _new_event(obj: Obj) -> Obj:
    return {_EVENT_FIELDS.get(key, key): value for key, value in obj.items()}


def _old_event(obj: Obj) -> Obj:
    back = {new: old for old, new in _EVENT_FIELDS.items()}
    return {back.get(key, key): value for key, value in obj.items()}


_CPU = "targetCPUUtilizationPercentage"


def _new_autoscaler(obj: Obj) -> Obj:
    """autoscaling/v1 → v2: the one metric that v1 knows."""
    spec = dict(obj.get("spec") or {})
    percent = spec.pop(_CPU, None)
    if percent is not None:
        target = {"type": "Utilization", "averageUtilization": percent}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**obj, "spec": spec}


def _old_autoscaler(obj: Obj) -> Obj:
    """autoscaling/v2 → v1: other metrics than that of the CPU cannot be said there."""
    spec = {key: value for key, value in (obj.get("spec") or {}).items() if key not in ("metrics", "behavior")}
    for metric in (obj.get("spec") or {}).get("metrics") or ():
        resource = metric.get("resource") or {}
        percent = (resource.get("target") or {}).get("averageUtilization")
        if resource.get("name") == "cpu" and percent is not None:
            spec[_CPU] = percent
    status = {k: v for k, v in (obj.get("status") or {}).items() if k not in ("conditions", "currentMetrics")}
    return {**obj, "spec": spec, "status": status}


_TURNS: dict[tuple[str, str], Turn] = {
    ("resource.k8s.io/v1", "resource.k8s.io/v1beta1"): _flat_requests,
    ("resource.k8s.io/v1beta1", "resource.k8s.io/v1"): _nested_requests,
    ("autoscaling/v1", "autoscaling/v2"): _new_autoscaler,
    ("autoscaling/v2", "autoscaling/v1"): _old_autoscaler,
    ("v1", "events.k8s.io/v1"): _new_event,
    ("events.k8s.io/v1", "v1"): _old_event,
}
