"""The accelerators of a cluster as kinds: one allocation way, one model, one node pool. Checks run once per kind."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from conformance.declaration import WITH

DRA = "dra"
DEVICE_PLUGIN = "device-plugin"
CPU = "cpu"
"""Stands for a pool in variants where a cluster has no accelerator at all."""
LONGEST = 40
"""Characters of an id, without number and strategy."""
WAYS = {DRA: "DRA", DEVICE_PLUGIN: "device plugin"}


@dataclass(frozen=True, kw_only=True)
class NodeShare:
    """Accelerators of one kind on one node."""

    name: str
    devices: int
    """Units that can be allocated at once: whole devices, healthy, untainted, of a complete pool; for shares, shares."""
    free: int | None
    """Of these, not held by anybody; None where pods or claims must not be listed."""
    physical: int | None = None
    """Physical devices of which these are shares; None for whole devices, and where nobody tells it."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of accelerator."""

    id: str
    """Slug, unique in the inventory: ``dra-t1000``, for shares with their strategy: ``dra-t1000+partitions``."""
    way: str
    name: str
    """DRA driver or extended resource."""
    model: str
    pool: str
    """Node pool by the provider's label, or empty."""
    descriptor: str | None
    device_class: str | None
    nodes: tuple[NodeShare, ...]
    strategy: str = ""
    """Way of sharing by which units are shares of devices (``time-slicing``); empty for whole devices."""
    unit: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Capacity by name. Of a shared device: what one claim asks for, so that several fit; empty: it takes any number of claims.

    Of a partition, and of a whole device beside partitions: what it has, by which a claim can tell it from others.
    """
    extended_resource: str = ""
    """Extended resource by which its DeviceClass can be asked for (``spec.extendedResourceName``), where there is one."""
    beside_shared: bool = False
    """Whether its DRA driver also publishes devices that several claims may hold (``allowMultipleAllocations``)."""
    untold: bool = False
    """Whether nobody tells if the units of whole devices are not shares: a node lacks the labels that would."""
    note: str = ""
    """What keeps the kind from being used, where something does."""

    @property
    def title(self) -> str:
        """The kind in words."""
        pool = f", pool {self.pool}" if self.pool else ""
        shared = f", {self.strategy}" if self.strategy else ""
        return f"{self.model or 'model not told'} by {WAYS[self.way]} ({self.name}{pool}{shared})"

    @property
    def devices(self) -> int:
        """Devices on all nodes."""
        return sum(node.devices for node in self.nodes)

    @property
    def physical(self) -> int | None:
        """Physical devices behind shares on all nodes, or None for whole devices and where nobody tells it."""
        told = [node.physical for node in self.nodes]
        return None if None in told or not told else sum(p or 0 for p in told)

    @property
    def free(self) -> int | None:
        """Free devices on all nodes, or None where that cannot be seen."""
        free = [node.free for node in self.nodes]
        return None if None in free else sum(f or 0 for f in free)

    def on(self, share: NodeShare) -> "Kind":
        """This kind on one node only, told apart in its id where there are others."""
        if len(self.nodes) <= 1:
            return self
        base, joined, strategy = self.id.partition(WITH)
        return replace(self, id=f"{base}@{slug(share.name)}{joined}{strategy}", nodes=(share,))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Kind":
        """Kind from what ``to_json`` gave."""
        return cls(**{**data, "nodes": tuple(NodeShare(**node) for node in data["nodes"])})


def slug(text: str) -> str:
    """Lower-case letters, digits and dashes, at most ``LONGEST``; untrusted names become safe ids."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:LONGEST].strip("-") or "unnamed"


def unique(wanted: str, taken: set[str], ending: str = "") -> str:
    """``wanted`` with its ending, with a number before the ending where that is taken."""
    name, n = f"{wanted}{ending}", 2
    while name in taken:
        name, n = f"{wanted}-{n}{ending}", n + 1
    taken.add(name)
    return name
