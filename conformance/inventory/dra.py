"""Accelerators that DRA drivers publish: devices of ResourceSlices (resource.k8s.io)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from conformance.cluster.api import Object
from conformance.inventory import nodes as node_facts
from conformance.inventory import odd, taint_rules
from conformance.inventory.amounts import amount

Key = tuple[str, str, str]
"""Driver, pool and device name, which an allocation result names; or driver, pool and counter set."""
Counters = dict[Key, dict[str, Fraction]]
"""Amounts by counter set and counter."""


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
    """Whether a taint of its driver, or of a rule that was asked for, keeps claims away."""
    capacity: Mapping[str, Any] = field(default_factory=dict)
    """DeviceCapacity by name; the domain is left off where it is the driver's."""
    consumes: Counters = field(default_factory=dict)
    """What it takes of shared counters; empty where it shares with no other device."""
    is_part: bool = False
    """Whether it takes a part of its counters and leaves the rest to other devices."""
    multiple: bool = False
    """Whether several claims may hold it at once (``allowMultipleAllocations``)."""
    everywhere: bool = False
    """Whether every node reaches it (``allNodes``)."""

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
    taints = [b.get("taints") or [] for b in bodies]
    good = all(isinstance(own, list) and all(isinstance(t, dict) for t in own) for own in taints)
    return None if good else "it has a taint that is no object"


def _value(attribute: Any) -> Any:
    """The one value of a DeviceAttribute: string, int, bool or version."""
    return next(iter(attribute.values()), None) if isinstance(attribute, dict) else None


def devices(slices: Iterable[Object], nodes: list[Object], rules: Sequence[Object] = ()) -> Iterator[Device]:
    """Devices of the slices, with the node that reaches each. The slices of a pool are given together.

    ``rules`` are DeviceTaintRules, which close devices as their drivers' own taints do.
    """
    every = list(slices)
    limits, index = counter_sets(every), node_facts.Index(nodes)
    for item in every:
        spec = item["spec"]
        each = bool(spec.get("perDeviceNodeSelection"))
        for entry in spec.get("devices") or []:
            body = entry.get("basic", entry)
            selection = body if each else spec
            device = _device(spec["driver"], spec["pool"]["name"], entry["name"], body, _node(selection, index), limits)
            tainted = device.tainted or taint_rules.close(rules, device.key)
            yield replace(device, tainted=tainted, everywhere=selection.get("allNodes") is True)


def _device(driver: str, pool: str, name: str, body: Object, node: str | None, limits: Counters) -> Device:
    consumes = {
        (driver, pool, str(entry.get("counterSet"))): _counters(entry)
        for entry in odd.entries(body, "consumesCounters")
    }
    return Device(
        driver=driver,
        pool=pool,
        name=name,
        attributes={k.removeprefix(f"{driver}/"): _value(v) for k, v in (body.get("attributes") or {}).items()},
        node=node,
        tainted=any(str(t.get("effect")) in taint_rules.BLOCKING for t in body.get("taints") or []),
        capacity={k.removeprefix(f"{driver}/"): v for k, v in odd.part(body, "capacity").items()},
        consumes=consumes,
        is_part=any(limits.get(key) != taken for key, taken in consumes.items()),
        multiple=body.get("allowMultipleAllocations") is True,
    )


def counter_sets(slices: Iterable[Object]) -> Counters:
    """Shared counters of pools: what all devices together can take."""
    return {
        (item["spec"]["driver"], item["spec"]["pool"]["name"], str(entry.get("name"))): _counters(entry)
        for item in slices
        for entry in odd.entries(item["spec"], "sharedCounters")
    }


def _counters(entry: Object) -> dict[str, Fraction]:
    """Amounts by counter; what is no quantity is nothing."""
    told = odd.part(entry, "counters")
    return {str(name): amount(odd.part(told, name).get("value")) or Fraction(0) for name in told}


def _node(selection: Object, index: node_facts.Index) -> str | None:
    if selection.get("nodeName"):
        return str(selection["nodeName"])
    return index.only(selection["nodeSelector"]) if selection.get("nodeSelector") else None
