"""Columns of jobs, services, endpoints and autoscalers."""

from collections.abc import Callable
from typing import Any

from conformance.simulator.kinds.podcolumns import pod_names
from conformance.simulator.kinds.printing import AGE, NAME, Column, human, since
from conformance.simulator.objects import Obj, age, condition, dig, parse_time

_SHOWN = 3
"""So many endpoints are named; of the others only the number."""


def _job_status(job: Obj) -> str:
    for kind in ("Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet"):
        found = condition(job, kind)
        if found and found["status"] == "True":
            return kind
    return "Terminating" if job["metadata"].get("deletionTimestamp") else "Running"


def _completions(job: Obj) -> str:
    done, wanted = dig(job, "status", "succeeded", default=0), dig(job, "spec", "completions")
    if wanted is not None:
        return f"{done}/{wanted}"
    parallel = dig(job, "spec", "parallelism", default=1)
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def _duration(job: Obj) -> str:
    start, end = dig(job, "status", "startTime"), dig(job, "status", "completionTime")
    if not start:
        return ""
    return human((parse_time(end) - parse_time(start)).total_seconds() if end else age(start))


def _ports(service: Obj) -> str:
    return (
        ",".join(f"{p.get('port')}/{p.get('protocol', 'TCP')}" for p in dig(service, "spec", "ports", default=[]))
        or "<none>"
    )


def _selector(service: Obj) -> str:
    return ",".join(f"{k}={v}" for k, v in sorted(dig(service, "spec", "selector", default={}).items())) or "<none>"


def _several(words: list[str], none: str) -> str:
    more = f" + {len(words) - _SHOWN} more..." if len(words) > _SHOWN else ""
    return ",".join(words[:_SHOWN]) + more if words else none


def _endpoints(obj: Obj) -> str:
    pairs = [
        f"{address['ip']}:{port['port']}"
        for subset in obj.get("subsets") or ()
        for port in subset.get("ports") or ()
        for address in subset.get("addresses") or ()
    ]
    return _several(pairs, "<none>")


def _slice_ports(obj: Obj) -> str:
    return _several([str(port.get("port", "*")) for port in obj.get("ports") or ()], "<unset>")


def _slice_addresses(obj: Obj) -> str:
    return _several([a for endpoint in obj.get("endpoints") or () for a in endpoint.get("addresses") or ()], "<unset>")


def _reference(hpa: Obj) -> str:
    target = dig(hpa, "spec", "scaleTargetRef", default={})
    return f"{target.get('kind')}/{target.get('name')}"


def _targets(hpa: Obj) -> str:
    current = dig(hpa, "status", "currentMetrics", default=[])
    words = []
    for number, metric in enumerate(dig(hpa, "spec", "metrics", default=[])):
        seen = current[number] if number < len(current) else {}
        words.append(_target(metric, seen))
    shown = 2
    more = f" + {len(words) - shown} more..." if len(words) > shown else ""
    return ", ".join(words[:shown]) + more if words else "<none>"


def _target(metric: Obj, seen: Obj) -> str:
    kind = metric.get("type", "")
    part = kind[:1].lower() + kind[1:]
    wanted, now = dig(metric, part, "target", default={}), dig(seen, part, "current", default={})
    label = f"{dig(metric, part, 'name')}: " if kind == "Resource" else ""
    if "averageUtilization" in wanted:
        current = f"{now['averageUtilization']}%" if "averageUtilization" in now else "<unknown>"
        return f"{label}{current}/{wanted['averageUtilization']}%"
    key, average = ("averageValue", kind in ("External", "Object")) if "averageValue" in wanted else ("value", False)
    return f"{label}{now.get(key, '<unknown>')}/{wanted.get(key)}" + (" (avg)" if average else "")


def _count(*path: str, default: Any = 0) -> Callable[[Obj], Any]:
    return lambda obj: dig(obj, *path, default=default)


def _since_schedule(obj: Obj) -> str:
    moment = dig(obj, "status", "lastScheduleTime")
    return since(moment) if moment else "<none>"


def _available(service: Obj) -> str:
    found = condition(service, "Available") or {}
    status = str(found.get("status", "Unknown"))
    return status if status == "True" else f"{status} ({found.get('reason', '')})"


def _provider(obj: Obj) -> str:
    service = dig(obj, "spec", "service")
    return f"{service['namespace']}/{service['name']}" if service else "Local"


WORKLOADS: dict[str, tuple[Column, ...]] = {
    "jobs.batch": (
        NAME,
        Column("Status", _job_status),
        Column("Completions", _completions),
        Column("Duration", _duration),
        AGE,
        *pod_names(),
    ),
    "services": (
        NAME,
        Column("Type", _count("spec", "type", default="ClusterIP")),
        Column("Cluster-IP", _count("spec", "clusterIP", default="<none>")),
        Column("External-IP", lambda _: "<none>"),
        Column("Port(s)", _ports),
        AGE,
        Column("Selector", _selector, priority=1),
    ),
    "endpoints": (NAME, Column("Endpoints", _endpoints), AGE),
    "endpointslices.discovery.k8s.io": (
        NAME,
        Column("AddressType", _count("addressType", default="")),
        Column("Ports", _slice_ports),
        Column("Endpoints", _slice_addresses),
        AGE,
    ),
    "horizontalpodautoscalers.autoscaling": (
        NAME,
        Column("Reference", _reference),
        Column("Targets", _targets),
        Column("MinPods", _count("spec", "minReplicas", default="<unset>")),
        Column("MaxPods", _count("spec", "maxReplicas")),
        Column("Replicas", _count("status", "currentReplicas")),
        AGE,
    ),
    "apiservices.apiregistration.k8s.io": (
        NAME,
        Column("Service", _provider),
        Column("Available", _available),
        AGE,
    ),
}
