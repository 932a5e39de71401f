"""Kinds that DRA drivers publish: whole devices, partitions, devices that several claims may hold, claims that pods share."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.declaration import WITH
from conformance.inventory import dra, odd, sharing, taint_rules, virtual
from conformance.inventory import nodes as node_facts
from conformance.inventory.amounts import share
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import DRA, Kind, NodeShare, unique
from conformance.inventory.reading import Reading, ignored
from conformance.inventory.room import Room
from conformance.inventory.vendor import CAPACITY, PARTITIONS, SHARED_CLAIM

GROUP = "resource.k8s.io"
Group = tuple[str, str, str, str, str]
"""Driver, way of sharing, model, size of a partition, node pool."""


def kinds(reading: Reading, version: str) -> Iterable[Kind]:
    """Kinds of published devices, and of known DeviceClasses for which nobody publishes any."""
    base = f"/apis/{GROUP}/{version}"
    slices, broken = dra.current_slices(reading.list(f"{base}/resourceslices") or [])
    reading.notes += broken
    listed = reading.list(f"{base}/deviceclasses") or []
    classes = {odd.name(c) for c in listed}
    told = [(odd.part(c, "spec").get("extendedResourceName"), odd.name(c)) for c in listed]
    reading.backed = {name: cls for name, cls in told if isinstance(name, str) and name}
    claims = reading.list(f"{base}/resourceclaims")
    every = dra.devices(slices, reading.nodes, _rules(reading) if slices else ())
    found = [device for device in every if not ignored(device.driver)]
    reading.notes += _left_out(found)
    room, empty = None if claims is None else Room(slices, found, claims), Room(slices, found)
    groups = _groups(reading, found)
    for group, devices in sorted(groups.items()):
        kind = _kind(reading, group, devices, groups, classes)
        shares = _shares(reading, devices, kind, empty, room)
        yield replace(kind, nodes=shares)
        if not kind.strategy and shares and _can_be_shared(reading, kind):
            ending = f"{WITH}{SHARED_CLAIM}"
            whole = tuple(replace(node, physical=node.devices) for node in shares)
            given = unique(kind.id, reading.taken, ending)
            yield replace(kind, id=given, strategy=SHARED_CLAIM, nodes=whole)
        if not kind.strategy and shares:
            yield from virtual.of(reading, replace(kind, nodes=shares))
    yield from _silent_classes(reading, classes, {group[0] for group in groups})


def _rules(reading: Reading) -> list[Object]:
    try:
        return taint_rules.rules(reading.api)
    except errors.Forbidden:
        reading.notes.append(f"not allowed to list {taint_rules.PLURAL}: devices that a rule closes count as free")
        return []


def _groups(reading: Reading, found: Iterable[dra.Device]) -> dict[Group, list[dra.Device]]:
    by_driver = {driver: d for d in reading.descriptors for driver in d.drivers}
    pools = {odd.name(node): node_facts.pool(node) for node in reading.nodes}
    groups: dict[Group, list[dra.Device]] = defaultdict(list)
    judged = [(device, by_driver.get(device.driver)) for device in found]
    ways = [sharing.way(device, descriptor) for device, descriptor in judged]
    cut = {device.driver for (device, _), way in zip(judged, ways, strict=True) if way == PARTITIONS}
    neither: Counter[str] = Counter()
    for (device, descriptor), way in zip(judged, ways, strict=True):
        if way is None:
            neither[device.driver] += 1
            continue
        by_size = device.driver in cut and (way == PARTITIONS or _whole_by_size(way, descriptor))
        size = "-".join(sharing.memory(device, descriptor).values()) if by_size else ""
        model = sharing.model(device, descriptor)
        groups[device.driver, way, model, size, pools.get(device.node or "", "")].append(device)
    told = "are neither whole devices nor partitions by its descriptor"
    reading.notes += [f"{count} devices of {driver} {told}" for driver, count in sorted(neither.items())]
    return groups


def _whole_by_size(way: str, descriptor: Descriptor | None) -> bool:
    """Whether a whole device beside partitions is asked for by its size, because no rule tells it by an attribute."""
    return way == sharing.WHOLE and (descriptor is None or descriptor.whole is None)


def _left_out(found: Iterable[dra.Device]) -> Iterable[str]:
    """Notes on devices that count for no node."""
    found = list(found)
    tainted = Counter(device.driver for device in found if device.tainted)
    nowhere = Counter(device.driver for device in found if not device.tainted and device.node is None)
    yield from (f"{count} devices of {driver} are tainted" for driver, count in sorted(tainted.items()))
    for driver, count in sorted(nowhere.items()):
        yield f"{count} devices of {driver} are left out: no node reaches them, or several do"


def _kind(
    reading: Reading, group: Group, devices: Sequence[dra.Device], groups: Iterable[Group], classes: set[str]
) -> Kind:
    """The kind without its nodes."""
    driver, way, model, size, pool = group
    descriptor = next((d for d in reading.descriptors if driver in d.drivers), None)
    ways = {other[1] for other in groups if other[0] == driver}
    unit: dict[str, str] = {}
    if way == CAPACITY:
        unit = _request(devices[0])
    elif size:
        unit = sharing.memory(devices[0], descriptor)
    wanted = descriptor.classes_for(way) if descriptor else ()
    cls = next((c for c in wanted if c in classes), None)
    return reading.kind(
        DRA,
        driver,
        model,
        pool,
        descriptor,
        (),
        strategy=way,
        size=size if way else "",
        unit=unit,
        beside_shared=CAPACITY in ways,
        device_class=cls,
        extended_resource=next((name for name, given in sorted(reading.backed.items()) if given == cls), ""),
        note=_not_to_be_told_apart(group, descriptor, groups) if PARTITIONS in ways else "",
    )


def _request(device: dra.Device) -> dict[str, str]:
    """What one claim asks for of a device that several may hold."""
    told = {name: share(capacity) for name, capacity in device.capacity.items()}
    return {name: text for name, text in told.items() if text is not None}


def _not_to_be_told_apart(group: Group, descriptor: Descriptor | None, groups: Iterable[Group]) -> str:
    """Why no claim can ask for this kind and no other of its driver, or empty."""
    driver, way, model, size, _ = group
    rule = descriptor and (descriptor.partition if way == PARTITIONS else descriptor.whole)
    if rule or way not in (sharing.WHOLE, PARTITIONS):
        return ""
    twins = any(other[0] == driver and other[2:4] == (model, size) and other[1] != way for other in groups)
    if size and not twins:
        return ""
    return "published beside others, and neither a descriptor nor a capacity tells a claim which is which"


def _shares(
    reading: Reading, devices: Sequence[dra.Device], kind: Kind, empty: Room, room: Room | None
) -> tuple[NodeShare, ...]:
    """Units by node: all that fit at once, those that fit beside what is held, and physical devices behind shares."""
    known = {odd.name(node) for node in reading.nodes}
    here = [device for device in devices if device.node in known and not device.tainted]
    total, free = empty.by_node(here, kind.unit), None if room is None else room.by_node(here, kind.unit)
    behind: dict[str, set[str]] = defaultdict(set)
    descriptor = next((d for d in reading.descriptors if d.id == kind.descriptor), None)
    for device in here if kind.strategy else ():
        behind[str(device.node)].add(sharing.parent(device, descriptor))
    return tuple(
        NodeShare(
            name=name,
            devices=count,
            free=None if free is None else free[name],
            physical=len(behind[name]) if kind.strategy else None,
        )
        for name, count in sorted(total.items())
    )


def _can_be_shared(reading: Reading, kind: Kind) -> bool:
    """Whether pods may share a claim for such a device: not where the descriptor says that it cannot be shared."""
    return next((d.can_share for d in reading.descriptors if d.id == kind.descriptor), None) is not False


def _silent_classes(reading: Reading, classes: set[str], drivers: set[str]) -> Iterable[Kind]:
    """Known DeviceClasses for which nobody publishes a device: an accelerator that should be there and cannot be used."""
    for descriptor in reading.descriptors:
        cls = next((c for c in descriptor.device_classes if c in classes), None)
        if cls and not drivers & set(descriptor.drivers):
            note = f"DeviceClass {cls} exists and no driver publishes a device for it"
            yield reading.kind(DRA, descriptor.drivers[0], "", "", descriptor, (), device_class=cls, note=note)
