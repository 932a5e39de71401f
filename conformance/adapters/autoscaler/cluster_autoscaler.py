"""Cluster Autoscaler: known by its Deployment, its status ConfigMap, its events and what it writes on nodes.

Managed control planes hide its pod and often keep the ConfigMap. Source of names: ``pkg/clusterstate/api/types.go``.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from conformance.adapters.autoscaler.model import Group, fetch, seen_events
from conformance.adapters.look import Look, available
from conformance.cluster.api import Object
from conformance.inventory import nodes as node_facts
from conformance.inventory import odd
from conformance.inventory.solutions import AUTOSCALER, Solution

ID = SOURCE = "cluster-autoscaler"
STATUS = "cluster-autoscaler-status"
_UPDATED = "cluster-autoscaler.kubernetes.io/last-updated"
_TAINTS = ("ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler")
_CRDS = "autoscaling.x-k8s.io"


def detect(look: Look) -> Solution | None:
    """Found by any of its signs."""
    deployments = _deployments(look)
    status = _status_map(look)
    signs = [f"Deployment {_where(d)}" for d in deployments]
    signs += [f"ConfigMap {_where(status)}"] if status else []
    signs += ["events that it wrote"] if seen_events(look, SOURCE) else []
    signs += ["its taints on nodes"] if _on_nodes(look) else []
    signs += [f"API group {_CRDS}"] if look.served(_CRDS, "provisioningrequests") else []
    if not signs:
        return None
    alive = any(map(available, deployments)) if deployments else None
    dead = "" if alive is not False else "; no replica of it is available"
    namespace = str(odd.part(deployments[0], "metadata").get("namespace", "")) if deployments else ""
    return Solution(
        family=AUTOSCALER,
        id=ID,
        title="Cluster Autoscaler",
        alive=alive,
        seen=f"seen by {', '.join(signs)}{dead}",
        namespace=namespace,
    )


def groups(look: Look, nodes: Sequence[Object]) -> list[Group]:
    """Node groups of the status ConfigMap; their nodes are known by a label that has the group's name."""
    status = _status(look)
    return [group for entry in odd.entries(status, "nodeGroups") if (group := _group(entry, nodes)) is not None]


def trouble(look: Look, group: Group | None) -> str:
    """Back-off of the group (of any, where it is not known which), with the provider's error."""
    told = []
    for entry in odd.entries(_status(look), "nodeGroups"):
        up = odd.part(entry, "scaleUp")
        if up.get("status") == "Backoff" and (group is None or entry.get("name") == group.name):
            info = odd.part(up, "backoffInfo")
            told.append(f"{entry.get('name')} is backed off: {info.get('errorCode')} {info.get('errorMessage')}")
    return "; ".join(told)


def state(look: Look) -> str:
    """Time and scale-up state of its report."""
    found = _status_map(look)
    if found is None:
        return f"no ConfigMap {STATUS} can be read"
    updated = odd.part(found, "metadata", "annotations").get(_UPDATED, "never")
    up = odd.part(_status(look), "clusterWide", "scaleUp").get("status", "not told")
    return f"ConfigMap {STATUS} was last updated {updated}; scale-up {up}"


def _group(entry: Object, nodes: Sequence[Object]) -> Group | None:
    name, health = entry.get("name"), odd.part(entry, "health")
    if not isinstance(name, str) or not name:
        return None
    least, most, size = (_number(health.get(key)) for key in ("minSize", "maxSize", "cloudProviderTarget"))
    fixed = most is not None and least is not None and least >= most
    full = most is not None and size is not None and size >= most
    return Group(name=name, least=least, most=most, full=full, fixed=fixed, labels=_label(name, nodes))


def _number(value: Any) -> int | None:
    """A count; zero is left out of the YAML by some versions, so only other types are no count."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0 if value is None else None


def _label(name: str, nodes: Sequence[Object]) -> dict[str, str]:
    """A label whose value is the group's name, or a provider's pool label whose value is a part of it."""
    for node in nodes:
        for key, value in node_facts.labels(node).items():
            if value == name and not key.endswith("kubernetes.io/hostname"):
                return {key: value}
    for node in nodes:
        have = node_facts.labels(node)
        for key in node_facts.POOL_LABELS:
            if key in have and f"-{have[key]}-" in f"-{name}-":
                return {key: have[key]}
    return {}


def _deployments(look: Look) -> list[Object]:
    """Deployments with its name or its image, available ones first."""
    found = [d for d in look.deployments or () if ID in odd.name(d) or any(ID in image for image in _images(d))]
    return sorted(found, key=lambda d: not available(d))


def _images(deployment: Object) -> Iterator[str]:
    for container in odd.entries(odd.part(deployment, "spec", "template", "spec"), "containers"):
        yield str(container.get("image", "")).rpartition("/")[2]


def _status_map(look: Look) -> Object | None:
    spaces = ["kube-system", *(str(odd.part(d, "metadata").get("namespace", "")) for d in _deployments(look))]
    for space in dict.fromkeys(filter(None, spaces)):
        found = fetch(look, f"/api/v1/namespaces/{space}/configmaps/{STATUS}")
        if found is not None:
            return found
    return None


def _status(look: Look) -> Object:
    text = odd.part(_status_map(look), "data").get("status")
    try:
        found = yaml.safe_load(text) if isinstance(text, str) else None
    except yaml.YAMLError:
        return {}  # before 1.30 it was prose
    return found if isinstance(found, dict) else {}


def _on_nodes(look: Look) -> bool:
    nodes = look.some_nodes
    return any(taint.get("key") in _TAINTS for node in nodes for taint in odd.entries(odd.part(node, "spec"), "taints"))


def _where(obj: Object) -> str:
    return f"{odd.part(obj, 'metadata').get('namespace')}/{odd.name(obj)}"
