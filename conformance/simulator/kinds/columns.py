"""Table answers: the columns that ``kubectl get`` shows for each kind, and their cells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.simulator.kinds import Kind
from conformance.simulator.kinds.podcolumns import POD, pod_names
from conformance.simulator.kinds.printing import AGE, NAME, Column, since
from conformance.simulator.kinds.workloadcolumns import WORKLOADS
from conformance.simulator.objects import Obj, deleting, dig, labels_of, name_of

_ROLE = "node-role.kubernetes.io/"


def _text(*path: str, default: str = "<none>") -> Callable[[Obj], str]:
    return lambda obj: str(dig(obj, *path, default=default))


def _count(*fields: str) -> Callable[[Obj], int]:
    return lambda obj: sum(len(obj.get(field) or ()) for field in fields)


def _node_status(node: Obj) -> str:
    ready = next(
        (c["status"] for c in dig(node, "status", "conditions", default=[]) if c["type"] == "Ready"), "Unknown"
    )
    words = {"True": "Ready", "False": "NotReady"}.get(ready, "NotReady")
    return f"{words},SchedulingDisabled" if dig(node, "spec", "unschedulable") else words


def _roles(node: Obj) -> str:
    return ",".join(sorted(key.removeprefix(_ROLE) for key in labels_of(node) if key.startswith(_ROLE))) or "<none>"


def _address(kind: str) -> Callable[[Obj], str]:
    def cell(node: Obj) -> str:
        found = (a["address"] for a in dig(node, "status", "addresses", default=[]) if a["type"] == kind)
        return next(found, "<none>")

    return cell


def _claim_state(claim: Obj) -> str:
    states = ["deleted"] if deleting(claim) else []
    if not dig(claim, "status", "allocation"):
        states += [] if deleting(claim) else ["pending"]
    else:
        states += ["allocated", "reserved"] if dig(claim, "status", "reservedFor") else ["allocated"]
    return ",".join(states)


def _group_state(group: Obj) -> str:
    found = next(
        (c for c in dig(group, "status", "conditions", default=[]) if c.get("type") == "PodGroupInitiallyScheduled"),
        None,
    )
    if found is None:
        return "Pending"
    return "Scheduled" if found["status"] == "True" else "Unschedulable"


def _group_policy(group: Obj) -> str:
    return "Basic" if dig(group, "spec", "schedulingPolicy", "gang") is None else "Gang"


def _event_object(event: Obj) -> str:
    target = event.get("involvedObject") or {}
    return f"{str(target.get('kind', '')).lower()}/{target.get('name', '')}"


def _event_source(event: Obj) -> str:
    source = event.get("source") or {}
    parts = [source.get("component") or event.get("reportingComponent", ""), source.get("host", "")]
    return ", ".join(part for part in parts if part)


def _seen(*fields: str) -> Callable[[Obj], str]:
    return lambda event: since(next((event[f] for f in fields if event.get(f)), None))


def _quota(side: str) -> Callable[[Obj], str]:
    def cell(quota: Obj) -> str:
        hard, used = dig(quota, "status", "hard", default={}), dig(quota, "status", "used", default={})
        names = [name for name in sorted(hard) if name.startswith("limits.") is (side == "limits")]
        return ", ".join(f"{name}: {used.get(name, 0)}/{hard[name]}" for name in names)

    return cell


def _replicas(*path: str) -> Callable[[Obj], Any]:
    return lambda obj: dig(obj, *path, default=0)


def _ready_of(obj: Obj) -> str:
    return f"{dig(obj, 'status', 'readyReplicas', default=0)}/{dig(obj, 'spec', 'replicas', default=0)}"


COLUMNS: dict[str, tuple[Column, ...]] = {
    "pods": POD,
    "nodes": (
        NAME,
        Column("Status", _node_status),
        Column("Roles", _roles),
        AGE,
        Column("Version", _text("status", "nodeInfo", "kubeletVersion")),
        Column("Internal-IP", _address("InternalIP"), priority=1),
        Column("External-IP", _address("ExternalIP"), priority=1),
        Column("OS-Image", _text("status", "nodeInfo", "osImage"), priority=1),
        Column("Kernel-Version", _text("status", "nodeInfo", "kernelVersion"), priority=1),
        Column("Container-Runtime", _text("status", "nodeInfo", "containerRuntimeVersion"), priority=1),
    ),
    "namespaces": (NAME, Column("Status", _text("status", "phase")), AGE),
    "configmaps": (NAME, Column("Data", _count("data", "binaryData")), AGE),
    "secrets": (NAME, Column("Type", _text("type")), Column("Data", _count("data")), AGE),
    "serviceaccounts": (NAME, AGE),
    "events": (
        Column("Last Seen", _seen("lastTimestamp", "eventTime")),
        Column("Type", _text("type", default="")),
        Column("Reason", _text("reason", default="")),
        Column("Object", _event_object),
        Column("Subobject", _text("involvedObject", "fieldPath", default=""), priority=1),
        Column("Source", _event_source, priority=1),
        Column("Message", _text("message", default="")),
        Column("First Seen", _seen("firstTimestamp", "eventTime"), priority=1),
        Column("Count", lambda event: event.get("count") or 1, priority=1),
        Column("Name", name_of, format="name", priority=1),
    ),
    "leases.coordination.k8s.io": (NAME, Column("Holder", _text("spec", "holderIdentity", default="")), AGE),
    "resourcequotas": (NAME, Column("Request", _quota("requests")), Column("Limit", _quota("limits")), AGE),
    "resourceclaims.resource.k8s.io": (NAME, Column("State", _claim_state), AGE),
    "resourceclaimtemplates.resource.k8s.io": (NAME, AGE),
    "deviceclasses.resource.k8s.io": (NAME, AGE),
    "resourceslices.resource.k8s.io": (
        NAME,
        Column("Node", _text("spec", "nodeName", default="")),
        Column("Driver", _text("spec", "driver", default="")),
        Column("Pool", _text("spec", "pool", "name", default="")),
        AGE,
    ),
    "devicetaintrules.resource.k8s.io": (
        NAME,
        Column("Key", _text("spec", "taint", "key", default="")),
        Column("Value", _text("spec", "taint", "value", default="")),
        Column("Effect", _text("spec", "taint", "effect", default="")),
        Column("TimeAdded", lambda obj: since(dig(obj, "spec", "taint", "timeAdded"))),
        AGE,
    ),
    "priorityclasses.scheduling.k8s.io": (
        NAME,
        Column("Value", lambda obj: obj.get("value", 0), type="integer"),
        Column("Global-Default", lambda obj: bool(obj.get("globalDefault")), type="boolean"),
        AGE,
        Column("PreemptionPolicy", _text("preemptionPolicy")),
    ),
    "runtimeclasses.node.k8s.io": (NAME, Column("Handler", _text("handler", default="")), AGE),
    "customresourcedefinitions.apiextensions.k8s.io": (
        NAME,
        Column("Created At", _text("metadata", "creationTimestamp"), type="date"),
    ),
    "deployments.apps": (
        NAME,
        Column("Ready", _ready_of),
        Column("Up-to-date", _replicas("status", "updatedReplicas")),
        Column("Available", _replicas("status", "availableReplicas")),
        AGE,
        *pod_names(),
    ),
    "podgroups.scheduling.k8s.io": (
        NAME,
        Column("Policy", _group_policy),
        Column("Workload", _text("spec", "workloadRef", "workloadName")),
        Column("Status", _group_state),
        AGE,
    ),
    "replicasets.apps": (
        NAME,
        Column("Desired", _replicas("spec", "replicas"), type="integer"),
        Column("Current", _replicas("status", "replicas"), type="integer"),
        Column("Ready", _replicas("status", "readyReplicas"), type="integer"),
        AGE,
        *pod_names(),
    ),
}
COLUMNS |= WORKLOADS
_PLAIN = (NAME, AGE)


@dataclass(frozen=True)
class _Path:
    """A column of a CustomResourceDefinition: a simple JSON path."""

    path: str

    def __call__(self, obj: Obj) -> Any:
        node: Any = obj
        for step in self.path.strip(".").split("."):
            node = node.get(step) if isinstance(node, dict) else None
        return node


def columns_of(kind: Kind) -> tuple[Column, ...]:
    """The columns of a kind."""
    printed = (kind.custom or {}).get("additionalPrinterColumns")
    if printed:
        own = [Column(c["name"], _Path(c["jsonPath"]), type=c["type"], priority=c.get("priority", 0)) for c in printed]
        return (NAME, *own)
    return COLUMNS.get(kind.stored_as, _PLAIN)
