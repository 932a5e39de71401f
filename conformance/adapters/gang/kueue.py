"""Kueue: suspended Jobs that name a LocalQueue, and the Workload that Kueue makes of each.

Jobs are managed by every Kueue; pods only where its configuration says so. Kueue admits by quota and leaves the placing to the
scheduler, so a gang may be admitted and then stand in part until ``waitForPodsReady`` evicts it.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

import yaml

from conformance.adapters.gang import base
from conformance.adapters.gang.base import Ask, Piece, State
from conformance.adapters.look import Look
from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.inventory import odd
from conformance.inventory.solutions import Solution

GROUP, PLURAL = "kueue.x-k8s.io", "workloads"
CONTROLLERS = ("kueue-controller-manager",)
NAMESPACE = "kueue-system"
CONFIG = "kueue-manager-config"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
JOB_UID = "kueue.x-k8s.io/job-uid"
DEFAULT_TIMEOUT = 300.0
"""Kueue's own default of ``waitForPodsReady.timeout``, in seconds."""
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)")


def detect(look: Look) -> Solution | None:
    """The API is served; the controller is that of Kueue's manifests."""
    found = base.installed(look, title="Kueue", group=GROUP, plural=PLURAL, controllers=CONTROLLERS)
    return found and replace(found, namespace=found.namespace or NAMESPACE)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What Kueue's configuration says about gangs."""

    timeout: float | None
    """Seconds after which a gang that does not start as a whole is evicted; None: never."""
    classes: dict[str, str]
    """Resource name in quotas by DeviceClass."""
    seen: str
    read: bool = True


def configuration(api: Api, namespace: str) -> Config:
    """Read the controller's ConfigMap; where that is not allowed or not possible, Kueue's defaults."""
    path = f"/api/v1/namespaces/{namespace or NAMESPACE}/configmaps/{CONFIG}"
    try:
        data = odd.part(api.get(path), "data")
    except (errors.Forbidden, errors.NotFound) as error:
        cure = f"allow to get configmaps in namespace {namespace or NAMESPACE}"
        taken = f"Kueue's default of {DEFAULT_TIMEOUT:.0f} s is taken"
        seen = f"ConfigMap {CONFIG} cannot be read ({error.reason}; {cure}); {taken}"
        return Config(timeout=DEFAULT_TIMEOUT, classes={}, seen=seen, read=False)
    return parse(next((text for text in data.values() if isinstance(text, str)), ""))


def parse(text: str) -> Config:
    """The parts of Kueue's Configuration that matter here."""
    try:
        told = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = f"ConfigMap {CONFIG} is no YAML ({type(error).__name__}); Kueue's default of {DEFAULT_TIMEOUT:.0f} s is taken"
        return Config(timeout=DEFAULT_TIMEOUT, classes={}, seen=where, read=False)
    config = told if isinstance(told, dict) else {}
    classes = {
        str(cls): entry["name"]
        for entry in odd.entries(odd.part(config, "resources"), "deviceClassMappings")
        if isinstance(entry.get("name"), str) and isinstance(entry.get("deviceClassNames"), list)
        for cls in entry["deviceClassNames"]
    }
    waits = config.get("waitForPodsReady")
    if not isinstance(waits, dict) or waits.get("enable") is False:
        return Config(timeout=None, classes=classes, seen="waitForPodsReady is not configured")
    timeout = seconds(waits.get("timeout"))
    return Config(timeout=timeout, classes=classes, seen=f"waitForPodsReady.timeout is {timeout:.0f} s")


def seconds(text: Any) -> float:
    """Seconds of a Go duration such as ``5m0s``; Kueue's default where it is none."""
    found = _DURATION.findall(text) if isinstance(text, str) else []
    return sum(float(number) * _UNITS[unit] for number, unit in found) or DEFAULT_TIMEOUT


class Kueue:
    """Adapter of Kueue."""

    explains = True

    def __init__(self, solution: Solution) -> None:
        self.solution = solution

    def pieces(self, ask: Ask) -> tuple[Piece, ...]:
        """A suspended Job of as many pods as the gang has members."""
        first = ask.pods[0]
        template = {"metadata": {k: v for k, v in first["metadata"].items() if k != "name"}, "spec": first["spec"]}
        spec = {
            "suspend": True,
            "parallelism": ask.size,
            "completions": ask.size,
            "backoffLimit": 0,
            "template": template,
        }
        body = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": ask.name, "labels": {QUEUE_LABEL: ask.queue}},
            "spec": spec,
        }
        return (Piece(plural="jobs", body=body, group_version="batch/v1"),)

    def alone(self, pod: Object) -> Object:
        """The pod as it is: without a queue Kueue leaves it alone."""
        return pod

    def kept(self, pod: Object) -> str:
        """Pods are made by the Job controller."""
        del pod
        return ""

    def state(self, api: Api, ask: Ask) -> State:
        """By the conditions of the Job's Workload."""
        job = base.read(api, f"/apis/batch/v1/namespaces/{ask.namespace}/jobs/{ask.name}")
        uid = odd.part(job or {}, "metadata").get("uid")
        if not uid:
            return State(phase="unknown", object=job)
        collection = f"/apis/{self.solution.group_version}/namespaces/{ask.namespace}/{PLURAL}"
        return of_workload(next((w for w in api.list(collection) if _owned(w, str(uid))), None))


def _owned(workload: Object, uid: str) -> bool:
    return any(owner.get("uid") == uid for owner in odd.entries(odd.part(workload, "metadata"), "ownerReferences"))


def of_workload(workload: Object | None) -> State:
    """What a Workload says, the strongest condition first."""
    have = {str(c.get("type")): c for c in odd.entries(odd.part(workload or {}, "status"), "conditions")}

    def says(kind: str, status: str = "True") -> bool:
        return have.get(kind, {}).get("status") == status

    found, phase = {}, "unknown"
    if says("Evicted") and not says("QuotaReserved"):
        found, phase = have["Evicted"], "waiting"
    elif says("PodsReady"):
        found, phase = have["PodsReady"], "started"
    elif says("Admitted"):
        found, phase = have["Admitted"], "admitted"
    elif says("QuotaReserved", "False"):
        found, phase = have["QuotaReserved"], "waiting"
    told = base.words(found) if found else ""
    return State(phase=phase, words=told, since=str(found.get("lastTransitionTime", "")), object=workload)  # type: ignore[arg-type]


def queue_pieces(version: str, name: str, namespace: str, covers: dict[str, str]) -> tuple[tuple[str, Object], ...]:
    """Flavor, cluster queue and local queue of our own, by plural, with quota for these resources."""
    api_version = f"{GROUP}/{version}" if "/" not in version else version
    resources = [{"name": resource, "nominalQuota": quota} for resource, quota in covers.items()]
    flavors = [{"name": name, "resources": resources}]
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    cluster_queue = {
        "namespaceSelector": selector,
        "queueingStrategy": "BestEffortFIFO",
        "resourceGroups": [{"coveredResources": list(covers), "flavors": flavors}],
    }

    def made(kind: str, spec: Object) -> Object:
        return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}

    return (
        ("resourceflavors", made("ResourceFlavor", {})),
        ("clusterqueues", made("ClusterQueue", cluster_queue)),
        ("localqueues", made("LocalQueue", {"clusterQueue": name})),
    )
