"""How many accelerators of a kind are free on one node at this moment; the inventory is as old as the run."""

from collections.abc import Mapping

from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.inventory import device_plugin, dra
from conformance.inventory import nodes as node_facts
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import DRA, Kind


def free_on(api: Api, kind: Kind, descriptor: Descriptor, group_version: str, node: Object) -> int | None:
    """Free whole devices of the kind on the node; None where claims or pods must not be listed."""
    if not node_facts.usable(node):
        return 0
    try:
        return _by_claims(api, kind, descriptor, group_version, node) if kind.way == DRA else _by_pods(api, kind, node)
    except errors.Forbidden:
        return None


def _by_claims(api: Api, kind: Kind, descriptor: Descriptor, group_version: str, node: Object) -> int:
    base = f"/apis/{group_version}"
    slices, _ = dra.current_slices(api.list(f"{base}/resourceslices", field_selector=f"spec.driver={kind.name}"))
    held = dra.held(api.list(f"{base}/resourceclaims"))
    name = node["metadata"]["name"]
    return sum(
        device.node == name and not device.tainted and device.key not in held and is_of(kind, device, descriptor)
        for device in dra.devices(slices, [node])
    )


def devices_on(api: Api, kind: Kind, descriptor: Descriptor, group_version: str, node: Object) -> int:
    """Whole devices of a DRA kind that are published for the node, held or not."""
    path = f"/apis/{group_version}/resourceslices"
    slices, _ = dra.current_slices(api.list(path, field_selector=f"spec.driver={kind.name}"))
    name = node["metadata"]["name"]
    return sum(device.node == name and is_of(kind, device, descriptor) for device in dra.devices(slices, [node]))


def is_of(kind: Kind, device: dra.Device, descriptor: Descriptor) -> bool:
    """Whether a device is a whole one of the kind's model."""
    model = str(device.attributes.get(descriptor.model_attribute, ""))
    return dra.is_whole(device, descriptor) and model == kind.model


def _by_pods(api: Api, kind: Kind, node: Object) -> int:
    name = node["metadata"]["name"]
    _, allocatable = device_plugin.resources(node).get(kind.name, (0, 0))
    held: Mapping[str, Mapping[str, int]] = device_plugin.held(
        api.list("/api/v1/pods", field_selector=f"spec.nodeName={name}")
    )
    return max(0, allocatable - held.get(name, {}).get(kind.name, 0))
