"""Kinds that device plugins hand out: extended resources of nodes, whole and shared."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from conformance.cluster.api import Object
from conformance.inventory import device_plugin, virtual
from conformance.inventory import nodes as node_facts
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import DEVICE_PLUGIN, Kind, NodeShare
from conformance.inventory.reading import Reading, ignored
from conformance.inventory.vendor import PARTITIONS


@dataclass
class _Group:
    """Nodes with one resource, model and pool."""

    descriptor: Descriptor | None
    members: list[tuple[Object, int, int | None]] = field(default_factory=list)
    """Node, allocatable units, physical devices behind them."""


def kinds(reading: Reading) -> Iterable[Kind]:
    """Kinds of extended resources, and a kind with a note for units that are shared nobody knows how."""
    groups: dict[tuple[str, str, str, str], _Group] = {}
    strange: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    meant: dict[str, Descriptor] = {}
    for node in reading.nodes:
        have = node_facts.labels(node)
        for resource, (_capacity, allocatable) in device_plugin.resources(node).items():
            if ignored(resource) or (resource in reading.backed and not allocatable) or _left(resource, node, reading):
                continue
            odd_label = device_plugin.strange_sharing(resource, node, reading.descriptors)
            if odd_label:
                meant[resource] = odd_label[0]
                model = have.get(odd_label[0].model_label, "")
                strange[resource, model, node_facts.pool(node)][odd_label[1]] += 1
                continue
            shared = device_plugin.share_rule(resource, node, reading.descriptors)
            descriptor = shared[0] if shared else _known(resource, reading.descriptors)
            model = have.get(descriptor.model_label, "") if descriptor else ""
            behind = (
                shared and shared[1].strategy != PARTITIONS
            )  # a label counts partitions, not what they are parts of
            physical = device_plugin.physical(resource, node, shared[1]) if shared and behind else None
            key = (resource, model, node_facts.pool(node), shared[1].strategy if shared else "")
            groups.setdefault(key, _Group(descriptor)).members.append((node, allocatable, physical))
    yield from _grouped(reading, groups)
    for (resource, model, pool), labels in sorted(strange.items()):
        told = ", ".join(f"{label} on {count} nodes" for label, count in sorted(labels.items())[:5])
        note = f"units are shared in a way that no descriptor knows: {told}"
        yield reading.kind(DEVICE_PLUGIN, resource, model, pool, meant[resource], (), note=note)


def _left(resource: str, node: Object, reading: Reading) -> bool:
    """Whether a resource of which the node has none is only a name that its kubelet keeps until it is registered anew.

    So it is after a device plugin was told to call its units otherwise (shared, partitions): another resource of the vendor
    has the devices then. A label that counts just these units says that there should be some.
    """
    amounts = device_plugin.resources(node)
    descriptor, shared = _owner(resource, node, reading), device_plugin.share_rule(resource, node, reading.descriptors)
    if amounts[resource][0] or descriptor is None:
        return False
    if shared and "*" in shared[1].devices and device_plugin.physical(resource, node, shared[1]):
        return False
    return any(capacity and _owner(name, node, reading) is descriptor for name, (capacity, _) in amounts.items())


def _owner(resource: str, node: Object, reading: Reading) -> Descriptor | None:
    """The descriptor of a resource, of shares or of whole devices."""
    shared = device_plugin.share_rule(resource, node, reading.descriptors)
    return shared[0] if shared else _known(resource, reading.descriptors)


def _known(resource: str, descriptors: Iterable[Descriptor]) -> Descriptor | None:
    """The descriptor that knows a resource as one of whole or of virtual devices; the last one, which is the user's, wins."""
    found = [
        d for d in descriptors if resource in d.resources or (d.virtualization and d.virtualization.names(resource))
    ]
    return found[-1] if found else None


def _grouped(reading: Reading, groups: dict[tuple[str, str, str, str], _Group]) -> Iterable[Kind]:
    if not groups:
        return
    pods = reading.list("/api/v1/pods")
    held = None if pods is None else device_plugin.held(pods)
    for (resource, model, pool, strategy), group in sorted(groups.items(), key=lambda entry: entry[0]):
        shares = tuple(_share(node, count, resource, held, physical) for node, count, physical in group.members)
        kind = reading.kind(DEVICE_PLUGIN, resource, model, pool, group.descriptor, shares, strategy=strategy)
        kind = replace(kind, untold=not strategy and _untold(group))
        yield kind
        if not strategy or virtual.is_named(kind, group.descriptor):
            yield from virtual.of(reading, kind)


def _untold(group: _Group) -> bool:
    """Whether units that can be shared may be shares without a word, because a node has none of the labels that tell it."""
    descriptor = group.descriptor
    if descriptor is None or not descriptor.can_share or descriptor.sharing_told is None:
        return False
    telling = set(descriptor.sharing_told)
    return any(telling.isdisjoint(node_facts.labels(node)) for node, _, _ in group.members)


def _share(
    node: Object, allocatable: int, resource: str, held: dict[str, Any] | None, physical: int | None
) -> NodeShare:
    name = node["metadata"]["name"]
    free = None if held is None else max(0, allocatable - held.get(name, {}).get(resource, 0))
    return NodeShare(name=name, devices=allocatable, free=free, physical=physical)
