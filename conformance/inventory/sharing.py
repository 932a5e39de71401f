"""As what a published DRA device counts: a whole one, a partition, one that several claims may hold, or nothing that is known."""

from conformance.inventory import odd
from conformance.inventory.amounts import amount
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.dra import Device
from conformance.inventory.kinds import Kind
from conformance.inventory.vendor import CAPACITY, MEMORY, PARTITIONS, SHARED_CLAIM, VIRTUAL

WHOLE = ""


def way(device: Device, descriptor: Descriptor | None) -> str | None:
    """The way of sharing by which a device is one (``partitions``, ``consumable-capacity``), ``WHOLE``, or None: neither.

    A descriptor that names whole devices or partitions decides. Else a device that takes a part of shared counters is a
    partition, and one that takes all of them is whole.
    """
    virtual = descriptor and descriptor.virtualization and descriptor.virtualization.is_one(device.attributes)
    if device.multiple or virtual:
        return CAPACITY if device.multiple else VIRTUAL
    if descriptor and descriptor.partition and descriptor.partition.having.holds(device.attributes):
        return PARTITIONS
    if descriptor and descriptor.whole:
        if descriptor.whole.holds(device.attributes):
            return WHOLE
        return PARTITIONS if device.consumes and descriptor.partition is None else None
    if not device.is_part:
        return WHOLE
    return None if descriptor and descriptor.partition else PARTITIONS


def model(device: Device, descriptor: Descriptor | None) -> str:
    """Model by the descriptor's attribute, or empty."""
    return str(device.attributes.get(descriptor.model_attribute, "")) if descriptor else ""


def memory(device: Device, descriptor: Descriptor | None) -> dict[str, str]:
    """The capacity that is the device's memory, by name; empty where it tells none."""
    name = descriptor.partition.memory if descriptor and descriptor.partition else MEMORY
    value = odd.part(device.capacity, name).get("value")
    return {name: str(value)} if amount(value) is not None else {}


def parent(device: Device, descriptor: Descriptor | None) -> str:
    """The physical device behind a device: by its attribute for the parent, else by its counters, else itself."""
    if descriptor and descriptor.partition and descriptor.partition.having.holds(device.attributes):
        told = device.attributes.get(descriptor.partition.parent)
        if told is not None:
            return str(told)
    return "/".join("/".join(key) for key in sorted(device.consumes)) or "/".join(device.key)


def is_of(kind: Kind, device: Device, descriptor: Descriptor) -> bool:
    """Whether a device is one of the kind: of its model, shared in its way, and as large as its unit says."""
    found = way(device, descriptor)
    wanted = WHOLE if kind.strategy == SHARED_CLAIM else kind.strategy
    if wanted == VIRTUAL and not (descriptor.virtualization and descriptor.virtualization.device):
        wanted = WHOLE  # a node's label makes them virtual, and they are published as whole ones
    if found != wanted or model(device, descriptor) != kind.model:
        return False
    if found == CAPACITY:
        return True
    return all(
        amount(odd.part(device.capacity, name).get("value")) == amount(value) for name, value in kind.unit.items()
    )
