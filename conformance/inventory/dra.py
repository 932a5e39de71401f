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
    good: list[Object] = []
    notes: list[str] = []
    for item in slices:
        flaw = _flaw(item)
        if flaw:
            notes.append(f"a ResourceSlice is left out: {flaw}")
            continue
        spec = item["spec"]
        pools[spec["driver"], spec["pool"]["name"]].append(item)
    for (driver, pool), members in pools.items():
        newest = max(m["spec"]["pool"].get("generation") or 0 for m in members)
        current = [m for m in members if (m["spec"]["pool"].get("generation") or 0) == newest]
        wanted = current[0]["spec"]["pool"].get("resourceSliceCount") or 0
        if len(current) == wanted:
            good += current
        else:
            notes.append(f"pool {pool} of {driver} is incomplete: {len(current)} of {wanted} slices")
    return good, notes


def _flaw(item: Object) -> str | None:
    """What makes a slice unusable: the server stores no such slice, a proxy or an aggregated API may give one."""
    spec = item.get("spec")
    pool = spec.get("pool") if isinstance(spec, dict) else None
    if not isinstance(spec, dict) or not isinstance(pool, dict):
        return "it has no spec with a pool"
    if not isinstance(spec.get("driver"), str) or not isinstance(pool.get("name"), str):
        return "it names no driver or no pool"
    if not all(isinstance(pool.get(key) or 0, int) for key in ("generation", "resourceSliceCount")):
        return "its pool's generation or resourceSliceCount is no number"
    entries = spec.get("devices") or []
    if not isinstance(entries, list) or not all(
        isinstance(e, dict) and isinstance(e.get("name"), str) for e in entries
    ):
        return "it has a device without a name"
    bodies = [e.get("basic", e) for e in entries]
    if not all(isinstance(b, dict) and isinstance(b.get("attributes") or {}, dict) for b in bodies):
        return "it has a device whose attributes are no object"
    taints = [t for b in bodies for t in b.get("taints") or []]
    return None if all(isinstance(t, dict) for t in taints) else "it has a taint that is no object"


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
        (str(result.get("driver")), str(result.get("pool")), str(result.get("device")))
        for claim in claims
        for result in allocation_results(claim)
        if not result.get("adminAccess")
    }


def allocation_results(claim: Object) -> list[Object]:
    """Results of a claim's allocation, or none."""
    found: Any = claim
    for key in ("status", "allocation", "devices", "results"):
        found = (found.get(key) or {}) if isinstance(found, dict) else {}
    return [result for result in found if isinstance(result, dict)] if isinstance(found, list) else []


def is_whole(device: Device, descriptor: Descriptor | None) -> bool:
    """Whether the descriptor counts the device as a whole one."""
    return descriptor is None or descriptor.whole is None or descriptor.whole.holds(device.attributes)


def per_node(found: Iterable[Device], taken: set[Key] | None) -> tuple[Counter[str], Counter[str] | None]:
    """Devices and free devices by node; free is None where claims cannot be listed."""
    usable = [d for d in found if d.node and not d.tainted]
    total = Counter(str(d.node) for d in usable)
    free = None if taken is None else Counter(str(d.node) for d in usable if d.key not in taken)
    return total, free
