"""ResourceClaims in the shape of the served version, and what their allocation says (resource.k8s.io)."""

import json
from collections.abc import Mapping
from typing import Any

from conformance.cluster.api import Api, Object
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.dra import Key, current_slices, devices
from conformance.inventory.kinds import Kind
from conformance.inventory.room import allocation_results, key_of
from conformance.inventory.vendor import CAPACITY, PARTITIONS, VIRTUAL

GROUP = "resource.k8s.io"
REQUEST = "accelerator"


def spec(
    version: str,
    device_class: str,
    *,
    count: int = 1,
    selectors: tuple[str, ...] = (),
    capacity: Mapping[str, str] | None = None,
) -> Object:
    """Claim spec for ``count`` devices of a class, with ``capacity`` of each where several claims may hold a device.

    v1beta1 has the request flat, later versions under ``exactly``.
    """
    body: Object = {"deviceClassName": device_class, "allocationMode": "ExactCount", "count": count}
    if selectors:
        body["selectors"] = [{"cel": {"expression": expression}} for expression in selectors]
    if capacity:
        body["capacity"] = {"requests": dict(capacity)}
    request = {"name": REQUEST, **body} if version == "v1beta1" else {"name": REQUEST, "exactly": body}
    return {"devices": {"requests": [request]}}


def claim(version: str, name: str, claim_spec: Object) -> Object:
    """ResourceClaim."""
    return {"apiVersion": f"{GROUP}/{version}", "kind": "ResourceClaim", "metadata": {"name": name}, "spec": claim_spec}


def template(version: str, name: str, claim_spec: Object) -> Object:
    """ResourceClaimTemplate."""
    kind = {"apiVersion": f"{GROUP}/{version}", "kind": "ResourceClaimTemplate", "metadata": {"name": name}}
    return {**kind, "spec": {"spec": claim_spec}}


def selectors(kind: Kind, descriptor: Descriptor) -> tuple[str, ...]:
    """CEL selectors that mean this kind's devices and no other; guarded, because a missing attribute is an error."""
    wanted = {}
    if kind.model and descriptor.model_attribute:
        wanted[descriptor.model_attribute] = kind.model
    rule = descriptor.partition.having if kind.strategy == PARTITIONS and descriptor.partition else None
    rule = descriptor.whole if kind.strategy not in {PARTITIONS, CAPACITY} else rule
    if kind.strategy == VIRTUAL and descriptor.virtualization:
        rule = descriptor.virtualization.device or rule
    if rule:
        wanted[rule.attribute] = rule.equals
    chosen = [_equals(kind.name, attribute, value) for attribute, value in wanted.items()]
    if kind.strategy == CAPACITY:
        return (*chosen, "device.allowMultipleAllocations")
    chosen += [_as_large(kind.name, name, value) for name, value in kind.unit.items()]
    return (*chosen, *(("!device.allowMultipleAllocations",) if kind.beside_shared else ()))


def unit(kind: Kind) -> Mapping[str, str]:
    """Capacity that a claim for one unit asks for: of a device that several claims may hold, a share of it."""
    return kind.unit if kind.strategy == CAPACITY else {}


def _as_large(driver: str, capacity: str, value: str) -> str:
    domain, _, name = capacity.rpartition("/")
    held, quoted = f"device.capacity[{json.dumps(domain or driver)}]", json.dumps(name)
    return f"{quoted} in {held} && {held}[{quoted}].compareTo(quantity({json.dumps(value)})) == 0"


def _equals(driver: str, attribute: str, value: str) -> str:
    domain, _, name = attribute.rpartition("/")
    held = f"device.attributes[{json.dumps(domain or driver)}]"
    quoted = json.dumps(name)
    return f"{quoted} in {held} && {held}[{quoted}] == {json.dumps(value)}"


def allocated(found: Object) -> list[Key]:
    """Devices that a claim holds: driver, pool, device."""
    return [key_of(result) for result in allocation_results(found)]


def reserved_for(found: Object) -> list[str]:
    """UIDs of the consumers of a claim."""
    return [str(entry.get("uid")) for entry in (found.get("status") or {}).get("reservedFor") or []]


def describe(found: Object) -> str:
    """Allocation and reservation in one line."""
    devices = ", ".join("/".join(key) for key in allocated(found)) or "nothing"
    return f"allocated {devices}; reserved for {len(reserved_for(found))}"


def device_attributes(api: Api, version: str, key: Key) -> dict[str, Any]:
    """Attributes of one published device by name; empty where no slice has it."""
    slices, _ = current_slices(api.list(f"/apis/{GROUP}/{version}/resourceslices"))
    return next((device.attributes for device in devices(slices, []) if device.key == key), {})
