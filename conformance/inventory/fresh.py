"""How many accelerators of a kind are free on some nodes at this moment; the inventory is as old as the run."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.inventory import device_plugin, dra, odd, taint_rules
from conformance.inventory import nodes as node_facts
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import DRA, Kind
from conformance.inventory.room import Room
from conformance.inventory.sharing import is_of

__all__ = ["FEW_NODES", "devices_on", "free_by_node", "free_everywhere", "free_on", "is_of", "pods_on"]

FEW_NODES = 4
"""Nodes whose pods are listed one by one; of more, all pods are listed at once."""


def free_on(api: Api, kind: Kind, descriptor: Descriptor, group_version: str, node: Object) -> int | None:
    """Free units of the kind on the node (whole devices, or shares where it has a strategy); None where claims or pods must not be listed."""
    if not node_facts.usable(node):
        return 0
    found = free_by_node(api, kind, descriptor, group_version, [node])
    return None if found is None else found[odd.name(node)]


def free_by_node(
    api: Api,
    kind: Kind,
    descriptor: Descriptor,
    group_version: str,
    nodes: Sequence[Object],
    *,
    own: Callable[[Object], bool] = lambda _holder: False,
) -> dict[str, int] | None:
    """Free units of the kind by node, for a kind with a strategy shares; None where claims or pods must not be listed.

    ``own`` tells pods and claims that count as holding nothing. A node that is not usable has none free.
    """
    good = [node for node in nodes if node_facts.usable(node)]
    none_free = {odd.name(node): 0 for node in nodes}
    try:
        count = _by_claims if kind.way == DRA else _by_pods
        return none_free | count(api, kind, descriptor, group_version, good, own)
    except errors.Forbidden:
        return None


def _by_claims(
    api: Api,
    kind: Kind,
    descriptor: Descriptor,
    group_version: str,
    nodes: Sequence[Object],
    own: Callable[[Object], bool],
) -> dict[str, int]:
    base = f"/apis/{group_version}"
    slices, _ = dra.current_slices(api.list(f"{base}/resourceslices", field_selector=f"spec.driver={kind.name}"))
    found = list(dra.devices(slices, list(nodes), taint_rules.readable(api)))
    claims = (claim for claim in api.list(f"{base}/resourceclaims") if not own(claim))
    fits = Room(slices, found, claims).by_node([d for d in found if is_of(kind, d, descriptor)], kind.unit)
    return {odd.name(node): fits[odd.name(node)] for node in nodes}


def free_everywhere(api: Api, kind: Kind, descriptor: Descriptor, group_version: str) -> int:
    """Free devices of a DRA kind that every node reaches: they belong to none, and a claim on any node can be given them."""
    base = f"/apis/{group_version}"
    slices, _ = dra.current_slices(api.list(f"{base}/resourceslices", field_selector=f"spec.driver={kind.name}"))
    found = [device for device in dra.devices(slices, [], taint_rules.readable(api)) if device.everywhere]
    room = Room(slices, found, api.list(f"{base}/resourceclaims") if found else ())
    return sum(room.takes(d) and not d.tainted and is_of(kind, d, descriptor) for d in found)


def devices_on(api: Api, kind: Kind, descriptor: Descriptor, group_version: str, node: Object) -> int:
    """Devices of a DRA kind that are published for the node, held or not."""
    path = f"/apis/{group_version}/resourceslices"
    slices, _ = dra.current_slices(api.list(path, field_selector=f"spec.driver={kind.name}"))
    name = node["metadata"]["name"]
    return sum(device.node == name and is_of(kind, device, descriptor) for device in dra.devices(slices, [node]))


def _by_pods(
    api: Api,
    kind: Kind,
    _descriptor: Descriptor,
    _group_version: str,
    nodes: Sequence[Object],
    own: Callable[[Object], bool],
) -> dict[str, int]:
    names = [odd.name(node) for node in nodes]
    others = (pod for pod in pods_on(api, names) if not own(pod))
    held: Mapping[str, Mapping[str, int]] = device_plugin.held(others)
    free = {}
    for name, node in zip(names, nodes, strict=True):
        _, allocatable = device_plugin.resources(node).get(kind.name, (0, 0))
        free[name] = max(0, allocatable - held.get(name, {}).get(kind.name, 0))
    return free


def pods_on(api: Api, nodes: Sequence[str]) -> Iterator[Object]:
    """Pods that are bound to these nodes."""
    if len(nodes) > FEW_NODES:
        yield from api.list("/api/v1/pods", field_selector="spec.nodeName!=")
        return
    for name in nodes:
        yield from api.list("/api/v1/pods", field_selector=f"spec.nodeName={name}")
