"""Taking the inventory: a handful of lists, grouped into kinds (DESIGN 6, 9)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.cluster.discovery import Discovery
from conformance.declaration import WITH
from conformance.inventory import device_plugin, dra, odd
from conformance.inventory import nodes as node_facts
from conformance.inventory.descriptors import Descriptor, other_devices
from conformance.inventory.kinds import DEVICE_PLUGIN, DRA, Kind, NodeShare, slug, unique
from conformance.inventory.solutions import Solution

GROUP = "resource.k8s.io"
NODES_PER_KIND = 4
"""Nodes on which the checks of one kind of accelerator are tried, those with most free devices."""
DRA_TYPES = ("deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices")
"""Types of resource.k8s.io that DRA needs (KAR 0051); where one is not served, that is found by its check."""
MORE_DRA_TYPES = ("devicetaintrules",)
"""Types that are tried where they are served."""


@dataclass(frozen=True)
class Inventory:
    """What a cluster has."""

    kinds: tuple[Kind, ...]
    dra_version: str | None
    """Best served version of resource.k8s.io (``v1``), or None."""
    dra_types: tuple[str, ...]
    """Types that a check has to try, by plural, whether they are served or not."""
    nodes: int
    notes: tuple[str, ...]
    """What was seen and could not be used."""
    pools: tuple[Kind, ...] = ()
    """The kinds over all their nodes, where ``kinds`` has one for each node."""
    solutions: tuple[Solution, ...] = ()
    """What is installed for scheduling and scaling."""
    shares: tuple[Kind, ...] = ()
    """Kinds whose units are shares of devices, one for each way of sharing."""

    def of_family(self, family: str) -> tuple[Solution, ...]:
        """Solutions of one family (``gang``, ``metrics``, ``autoscaler``)."""
        return tuple(solution for solution in self.solutions if solution.family == family)

    def why_none(self, *, by_dra: bool = False) -> str:
        """One sentence on why there is no kind, or none that DRA hands out."""
        api = f"{GROUP}/{self.dra_version} is served" if self.dra_version else f"{GROUP} is not served"
        seen = "; ".join((api, *self.notes))
        if by_dra:
            others = ", ".join(kind.title for kind in self.kinds) or "none either"
            return f"no driver publishes an accelerator on {self.nodes} nodes ({seen}); by other ways: {others}"
        return f"no accelerator found on {self.nodes} nodes: no ResourceSlice and no extended resource ({seen})"

    def by_node(self) -> "tuple[Inventory, list[str]]":
        """The same with a kind for each node, because one broken node must not hide behind another of its kind.

        At most ``NODES_PER_KIND`` nodes of a kind; the second value says which kinds have more.
        """
        split, left_out = [], []
        for kind in self.kinds:
            tried = sorted(kind.nodes, key=lambda share: (-(share.free or 0), share.name))[:NODES_PER_KIND]
            split += [kind.on(share) for share in sorted(tried, key=lambda share: share.name)] or [kind]
            if len(kind.nodes) > len(tried):
                left_out.append(f"{kind.title}: {len(tried)} of {len(kind.nodes)} nodes are tried")
        shares = [kind.on(share) for kind in self.shares for share in kind.nodes[:NODES_PER_KIND]]
        return replace(self, kinds=tuple(split), pools=self.kinds, shares=tuple(shares)), left_out

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        kinds = {name: [kind.to_json() for kind in getattr(self, name)] for name in ("kinds", "pools", "shares")}
        return {**vars(self), **kinds, "solutions": [solution.to_json() for solution in self.solutions]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Inventory":
        """Inventory from what ``to_json`` gave."""
        return cls(
            kinds=tuple(Kind.from_json(kind) for kind in data["kinds"]),
            dra_version=data["dra_version"],
            dra_types=tuple(data["dra_types"]),
            nodes=data["nodes"],
            notes=tuple(data["notes"]),
            pools=tuple(Kind.from_json(kind) for kind in data["pools"]),
            solutions=tuple(Solution.from_json(entry) for entry in data["solutions"]),
            shares=tuple(Kind.from_json(share) for share in data["shares"]),
        )


def take(api: Api, descriptors: Sequence[Descriptor]) -> Inventory:
    """Read nodes, slices, classes, claims and pods and group what they say. Forbidden lists are noted, not fatal."""
    notes: list[str] = []
    discovery = Discovery(api)
    version = next(iter(discovery.versions(GROUP)), None)
    served = discovery.resources(f"{GROUP}/{version}") if version else {}
    nodes = _list(api, "/api/v1/nodes", notes) or []
    good = [node for node in nodes if node_facts.usable(node)]
    if len(good) < len(nodes):
        notes.append(f"{len(nodes) - len(good)} of {len(nodes)} nodes are not ready or not schedulable")
    taken: set[str] = set()
    kinds = [
        *(_dra_kinds(api, version, good, descriptors, notes, taken) if version else ()),
        *_plugin_kinds(api, good, descriptors, notes, taken),
    ]
    types = (*DRA_TYPES, *(t for t in MORE_DRA_TYPES if t in served))
    whole, shares = ([kind for kind in kinds if bool(kind.strategy) == shared] for shared in (False, True))
    return Inventory(tuple(whole), version, types, len(nodes), tuple(notes), shares=tuple(shares))


def _list(api: Api, path: str, notes: list[str]) -> list[Object] | None:
    try:
        return api.list(path)
    except errors.Forbidden:
        notes.append(f"not allowed to list {path.rsplit('/', 1)[-1]}")
    except errors.NotFound:
        notes.append(f"{path.rsplit('/', 1)[-1]} is not served")
    return None


def _dra_kinds(
    api: Api, version: str, nodes: list[Object], descriptors: Sequence[Descriptor], notes: list[str], taken: set[str]
) -> Iterable[Kind]:
    base = f"/apis/{GROUP}/{version}"
    slices, broken = dra.current_slices(_list(api, f"{base}/resourceslices", notes) or [])
    notes += broken
    classes = {odd.name(c) for c in _list(api, f"{base}/deviceclasses", notes) or []}
    claims = _list(api, f"{base}/resourceclaims", notes)
    held = None if claims is None else dra.held(claims)
    by_driver = {driver: d for d in descriptors for driver in d.drivers}
    pools = {node["metadata"]["name"]: node_facts.pool(node) for node in nodes}
    groups: dict[tuple[str, str, str], list[dra.Device]] = defaultdict(list)
    for device in dra.devices(slices, nodes):
        descriptor = by_driver.get(device.driver)
        if _ignored(device.driver) or not dra.is_whole(device, descriptor):
            continue
        model = str(device.attributes.get(descriptor.model_attribute, "")) if descriptor else ""
        groups[device.driver, model, pools.get(device.node or "", "")].append(device)
    for (driver, model, pool), found in sorted(groups.items()):
        descriptor = by_driver.get(driver)
        total, free = dra.per_node((d for d in found if d.node in pools), held)
        shares = tuple(
            NodeShare(name=n, devices=c, free=None if free is None else free[n]) for n, c in sorted(total.items())
        )
        cls = next((c for c in descriptor.device_classes if c in classes), None) if descriptor else None
        yield _kind(DRA, driver, model, pool, descriptor, shares, taken, device_class=cls)
    yield from _silent_classes(classes, descriptors, {driver for driver, _, _ in groups}, taken)


def _silent_classes(
    classes: set[str], descriptors: Sequence[Descriptor], drivers: set[str], taken: set[str]
) -> Iterable[Kind]:
    """Known DeviceClasses for which nobody publishes a device: an accelerator that should be there and cannot be used."""
    for descriptor in descriptors:
        cls = next((c for c in descriptor.device_classes if c in classes), None)
        if cls and not drivers & set(descriptor.drivers):
            note = f"DeviceClass {cls} exists and no driver publishes a device for it"
            yield _kind(DRA, descriptor.drivers[0], "", "", descriptor, (), taken, device_class=cls, note=note)


def _plugin_kinds(
    api: Api, nodes: list[Object], descriptors: Sequence[Descriptor], notes: list[str], taken: set[str]
) -> Iterable[Kind]:
    by_resource = {resource: d for d in descriptors for resource in d.resources}
    groups: dict[tuple[str, str, str, str], list[tuple[Object, int, int | None]]] = defaultdict(list)
    meant: dict[str, Descriptor | None] = {}
    for node in nodes:
        have = node_facts.labels(node)
        for resource, (_capacity, allocatable) in device_plugin.resources(node).items():
            if _ignored(resource):
                continue
            shared = device_plugin.share_rule(resource, node, descriptors)
            descriptor = shared[0] if shared else by_resource.get(resource)
            meant[resource] = descriptor
            model = have.get(descriptor.model_label, "") if descriptor else ""
            strategy = shared[1].strategy if shared else ""
            physical = device_plugin.physical(resource, node, shared[1]) if shared else None
            groups[resource, model, node_facts.pool(node), strategy].append((node, allocatable, physical))
    if not groups:
        return
    pods = _list(api, "/api/v1/pods", notes)
    held = None if pods is None else device_plugin.held(pods)
    for (resource, model, pool, strategy), members in sorted(groups.items()):
        shares = tuple(_share(node, count, resource, held, physical) for node, count, physical in members)
        yield _kind(DEVICE_PLUGIN, resource, model, pool, meant[resource], shares, taken, strategy=strategy)


def _share(
    node: Object, allocatable: int, resource: str, held: dict[str, Any] | None, physical: int | None
) -> NodeShare:
    name = node["metadata"]["name"]
    free = None if held is None else max(0, allocatable - held.get(name, {}).get(resource, 0))
    return NodeShare(name=name, devices=allocatable, free=free, physical=physical)


def _ignored(name: str) -> bool:
    return any(fnmatchcase(name, glob) for glob in other_devices())


def _kind(
    way: str,
    name: str,
    model: str,
    pool: str,
    descriptor: Descriptor | None,
    shares: tuple[NodeShare, ...],
    taken: set[str],
    *,
    device_class: str | None = None,
    note: str = "",
    strategy: str = "",
) -> Kind:
    unit = name.rpartition("/")[2] if strategy and way == DEVICE_PLUGIN and model else ""
    return Kind(
        id=unique(
            slug("-".join(filter(None, (way, model or name, unit, pool)))),
            taken,
            f"{WITH}{strategy}" if strategy else "",
        ),
        strategy=strategy,
        way=way,
        name=name,
        model=model,
        pool=pool,
        descriptor=descriptor.id if descriptor else None,
        device_class=device_class,
        nodes=shares,
        note=note,
    )
