"""Which node a check works on: one with enough accelerators free at this moment, counted again because a run takes time."""

from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.inventory import fresh
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import Kind
from conformance.probes.sandbox import Sandbox
from conformance.verdicts import Unknown

CANDIDATES = 10
"""Nodes that are looked at, those that had most free when the run began."""
VERSIONS = ("kubeletVersion", "containerRuntimeVersion", "kernelVersion", "osImage", "architecture")
"""Fields of ``status.nodeInfo`` that are kept as evidence."""


def choose(sandbox: Sandbox, kind: Kind, descriptor: Descriptor, group_version: str, count: int) -> Object:
    """The node with most free devices of the kind; ``Unknown`` with the counts where none has ``count``."""
    seen: dict[str, int | None] = {}
    best: tuple[int, Object] | None = None
    for share in sorted(kind.nodes, key=lambda n: (n.free or 0, n.name), reverse=True)[:CANDIDATES]:
        node = _read(sandbox, share.name)
        if node is None:
            continue
        free = fresh.free_on(sandbox.api, kind, descriptor, group_version, node)
        seen[share.name] = free
        counted = share.devices if free is None else free
        if counted >= count and (best is None or counted > best[0]):
            best = (counted, node)
    if best is None:
        told = ", ".join(f"{name}: {free}" for name, free in seen.items()) or "no node has any"
        raise Unknown(f"{kind.title}: needs {count} free on one node; free are {told}", code="too_few_free")
    _record(sandbox, best[1], count, seen[best[1]["metadata"]["name"]])
    return best[1]


def _read(sandbox: Sandbox, name: str) -> Object | None:
    try:
        return sandbox.api.get(f"/api/v1/nodes/{name}")
    except errors.NotFound:
        return None


def _record(sandbox: Sandbox, node: Object, count: int, free: int | None) -> None:
    told = (node.get("status") or {}).get("nodeInfo") or {}
    sandbox.evidence.step(
        "chose a node",
        expected=f"{count} free",
        observed=f"{'an unknown number' if free is None else free} free",
        obj=f"Node {node['metadata']['name']}",
        **{name: told.get(name) for name in VERSIONS if name in told},
    )
