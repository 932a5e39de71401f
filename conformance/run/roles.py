"""The exact roles for the chosen checks: every verb that they name, and not one more."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import yaml

from conformance.cluster.access import attributes

CLUSTER_SCOPED = frozenset(
    {
        "namespaces", "nodes", "deviceclasses", "resourceslices", "devicetaintrules", "runtimeclasses", "storageclasses",
        "clusterqueues", "resourceflavors", "queues", "apiservices", "nodepools", "nodeclaims", "priorityclasses",
    }
)  # fmt: skip
"""Resources that a Role in a namespace cannot grant."""
BY_NAME: tuple[dict[str, Any], ...] = (
    {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["cluster-autoscaler-status"], "verbs": ["get"]},
)
"""What the look at a cluster reads by name, in whatever namespace, and nothing else of its sort."""


def rules(needs: Iterable[str]) -> list[dict[str, Any]]:
    """Rules for needs such as ``create pods`` or ``get pods/log``, one for each set of resources with the same verbs."""
    verbs: dict[tuple[str, str], set[str]] = defaultdict(set)
    for need in needs:
        wanted = attributes(need, None)
        resource = "/".join(filter(None, (wanted["resource"], wanted.get("subresource", ""))))
        verbs[wanted["group"], resource].add(wanted["verb"])
    same: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (group, resource), found in sorted(verbs.items()):
        same[group, tuple(sorted(found))].append(resource)
    return [
        {"apiGroups": [group], "resources": resources, "verbs": list(found)}
        for (group, found), resources in same.items()
    ]


def manifests(needs: Iterable[str], *, name: str, namespace: str | None) -> str:
    """ClusterRole, and with ``namespace`` also a Role in it, as YAML."""
    wanted = list(needs)
    if namespace is None:
        return _yaml([_role("ClusterRole", name, [*rules(wanted), *BY_NAME], None)])
    inside = [need for need in wanted if attributes(need, None)["resource"] not in CLUSTER_SCOPED]
    across = [need for need in wanted if need not in inside]
    roles = [_role("ClusterRole", name, [*rules(across), *BY_NAME], None)]
    return _yaml([*roles, _role("Role", name, rules(inside), namespace)])


def _role(kind: str, name: str, granted: list[dict[str, Any]], namespace: str | None) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, "rules": granted}


def _yaml(documents: list[dict[str, Any]]) -> str:
    return yaml.safe_dump_all(documents, sort_keys=False, default_flow_style=None, width=120)
