"""Taking the inventory: a handful of lists, grouped into kinds (DESIGN 6, 9)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from conformance.cluster.api import Api
from conformance.cluster.discovery import Discovery
from conformance.inventory import by_dra, by_plugin, virtual
from conformance.inventory import nodes as node_facts
from conformance.inventory.by_dra import GROUP
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import Kind
from conformance.inventory.reading import Reading
from conformance.inventory.solutions import Solution
from conformance.inventory.vendor import VIRTUAL

NODES_PER_KIND = 4
"""Nodes on which the checks of one kind of accelerator are tried, those with most free devices."""
DRA_TYPES = ("deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices")
"""Types of resource.k8s.io that DRA needs (KAR 0051); where one is not served, that is found by its check."""
_KINDS = ("kinds", "pools", "shares", "share_pools", "virtual", "virtual_pools")
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
    virtual: tuple[Kind, ...] = ()
    """Kinds whose units are virtual devices."""
    virtual_pools: tuple[Kind, ...] = ()
    """These over all their nodes, where ``virtual`` has one for each node."""
    share_pools: tuple[Kind, ...] = ()
    """The shares over all their nodes, where ``shares`` has one for each node."""

    def of_family(self, family: str) -> tuple[Solution, ...]:
        """Solutions of one family (``gang``, ``metrics``, ``autoscaler``)."""
        return tuple(solution for solution in self.solutions if solution.family == family)

    def virtualizable(self) -> tuple[Kind, ...]:
        """Virtual kinds, and one kind of each vendor of which there is no virtual one: whether it can be is to be judged."""
        offered = {kind.descriptor for kind in self.virtual}
        rest: dict[str, Kind] = {}
        for kind in (*(self.pools or self.kinds), *(self.share_pools or self.shares)):
            if kind.descriptor is None or kind.descriptor not in offered:
                rest.setdefault(kind.descriptor or kind.name, kind)
        return (*self.virtual, *rest.values())

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
        left_out = [
            f"{kind.title}: {NODES_PER_KIND} of {len(kind.nodes)} nodes are tried"
            for kind in (*self.kinds, *self.shares, *self.virtual)
            if len(kind.nodes) > NODES_PER_KIND
        ]
        kinds = tuple(one for kind in self.kinds for one in _by_node(kind) or [kind])
        shares, virtually = (
            tuple(one for kind in found for one in _by_node(kind)) for found in (self.shares, self.virtual)
        )
        made = replace(self, kinds=kinds, shares=shares, virtual=virtually)
        return replace(made, pools=self.kinds, share_pools=self.shares, virtual_pools=self.virtual), left_out

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        kinds = {name: [kind.to_json() for kind in getattr(self, name)] for name in _KINDS}
        return {**vars(self), **kinds, "solutions": [solution.to_json() for solution in self.solutions]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Inventory":
        """Inventory from what ``to_json`` gave."""
        return cls(
            **{name: tuple(map(Kind.from_json, data[name])) for name in _KINDS},
            dra_version=data["dra_version"],
            dra_types=tuple(data["dra_types"]),
            nodes=data["nodes"],
            notes=tuple(data["notes"]),
            solutions=tuple(Solution.from_json(entry) for entry in data["solutions"]),
        )


def _by_node(kind: Kind) -> list[Kind]:
    """The kind on each node that is tried, those with most units free."""
    tried = sorted(kind.nodes, key=lambda share: (-(share.free or 0), share.name))[:NODES_PER_KIND]
    return [kind.on(share) for share in sorted(tried, key=lambda share: share.name)]


def take(api: Api, descriptors: Sequence[Descriptor]) -> Inventory:
    """Read nodes, slices, classes, claims and pods and group what they say. Forbidden lists are noted, not fatal."""
    discovery = Discovery(api)
    version = next(iter(discovery.versions(GROUP)), None)
    served = discovery.resources(f"{GROUP}/{version}") if version else {}
    reading = Reading(api=api, nodes=[], descriptors=tuple(descriptors), notes=[])
    nodes = reading.list("/api/v1/nodes") or []
    reading.nodes = [node for node in nodes if node_facts.usable(node)]
    if len(reading.nodes) < len(nodes):
        reading.notes.append(
            f"{len(nodes) - len(reading.nodes)} of {len(nodes)} nodes are not ready or not schedulable"
        )
    kinds = [*(by_dra.kinds(reading, version) if version else ()), *by_plugin.kinds(reading)]
    types = (*DRA_TYPES, *(t for t in MORE_DRA_TYPES if t in served))
    whole = virtual.without_names((kind for kind in kinds if not kind.strategy), descriptors)
    virtually = tuple(kind for kind in kinds if kind.strategy == VIRTUAL)
    shares = tuple(kind for kind in kinds if kind.strategy not in ("", VIRTUAL))
    return Inventory(whole, version, types, len(nodes), tuple(reading.notes), shares=shares, virtual=virtually)
