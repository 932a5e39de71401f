"""Accelerators that DRA drivers publish: devices of ResourceSlices, less what claims hold (resource.k8s.io)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from conformance.cluster.api import Object
from conformance.inventory import nodes as node_facts
from conformance.inventory.descriptors import Descriptor

Key = tuple[str, str, str]
"""Driver, pool and device name: what an allocation result names."""
_BLOCKING = {"NoSchedule", "NoExecute"}


@dataclass(frozen=True)
class Device:
    """One published device."""

    driver: str
    pool: str
    name: str
    attributes: dict[str, Any]
    """Attribute values by name; the domain is left off where it is the driver's."""
    node: str | None
    """The one node that can reach it; None for devices that several nodes reach."""
    tainted: bool

    @property
    def key(self) -> Key:
        """As an allocation result names it."""
        return (self.driver, self.pool, self.name)


def current_slices(slices: Iterable[Object]) -> tuple[list[Object], list[str]]:
    """Slices of the highest generation of complete pools, and notes on pools that are not complete."""
    pools: dict[tuple[str, str], list[Object]] = defaultdict(list)
    for item in slices:
        spec = item["spec"]
        pools[spec["driver"], spec["pool"]["name"]].append(item)
    good, notes = [], []
    for (driver, pool), members in pools.items():
        newest = max(int(m["spec"]["pool"].get("generation") or 0) for m in members)
        current = [m for m in members if int(m["spec"]["pool"].get("generation") or 0) == newest]
        wanted = int(current[0]["spec"]["pool"].get("resourceSliceCount") or 0)
        if len(current) == wanted:
            good += current
        else:
            notes.append(f"pool {pool} of {driver} is incomplete: {len(current)} of {wanted} slices")
    return good, notes


def _value(attribute: Any) -> Any:
    """The one value of a DeviceAttribute: string, int, bool or version."""
    return next(iter(attribute.values()), None) if isinstance(attribute, dict) else None


def devices(slices: Iterable[Object], nodes: list[Object]) -> Iterator[Device]:
    """Devices of the slices, with the node that reaches each."""
    for item in slices:
        spec = item["spec"]
        driver = spec["driver"]
        for entry in spec.get("devices") or []:
            body = entry.get("basic", entry)
            attributes = {k.removeprefix(f"{driver}/"): _value(v) for k, v in (body.get("attributes") or {}).items()}
            tainted = any(t.get("effect") in _BLOCKING for t in body.get("taints") or [])
            where = _node(body if spec.get("perDeviceNodeSelection") else spec, nodes)
            yield Device(driver, spec["pool"]["name"], entry["name"], attributes, where, tainted)


def _node(selection: Object, nodes: list[Object]) -> str | None:
    if selection.get("nodeName"):
        return str(selection["nodeName"])
    if selection.get("nodeSelector"):
        names = [n["metadata"]["name"] for n in nodes if node_facts.selects(selection["nodeSelector"], n)]
        return names[0] if len(names) == 1 else None
    return None


def held(claims: Iterable[Object]) -> set[Key]:
    """Devices that claims hold; admin access holds nothing."""
    return {
        (result["driver"], result["pool"], result["device"])
        for claim in claims
        for result in allocation_results(claim)
        if not result.get("adminAccess")
    }


def allocation_results(claim: Object) -> list[Object]:
    """Results of a claim's allocation, or none."""
    allocation = (claim.get("status") or {}).get("allocation") or {}
    return list((allocation.get("devices") or {}).get("results") or [])


def is_whole(device: Device, descriptor: Descriptor | None) -> bool:
    """Whether the descriptor counts the device as a whole one."""
    if descriptor is None or descriptor.whole is None:
        return True
    attribute, value = descriptor.whole
    return str(device.attributes.get(attribute)) == value


def per_node(found: Iterable[Device], taken: set[Key] | None) -> tuple[Counter[str], Counter[str] | None]:
    """Devices and free devices by node; free is None where claims cannot be listed."""
    usable = [d for d in found if d.node and not d.tainted]
    total = Counter(str(d.node) for d in usable)
    free = None if taken is None else Counter(str(d.node) for d in usable if d.key not in taken)
    return total, free
