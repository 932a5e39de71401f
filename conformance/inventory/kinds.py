"""The accelerators of a cluster as kinds: one allocation way, one model, one node pool. Checks run once per kind."""

import re
from dataclasses import asdict, dataclass, replace
from typing import Any

DRA = "dra"
DEVICE_PLUGIN = "device-plugin"
CPU = "cpu"
"""Stands for a pool in variants where a cluster has no accelerator at all."""
WAYS = {DRA: "DRA", DEVICE_PLUGIN: "device plugin"}


@dataclass(frozen=True, kw_only=True)
class NodeShare:
    """Accelerators of one kind on one node."""

    name: str
    devices: int
    """Whole devices that can be allocated: healthy, untainted, of a complete pool."""
    free: int | None
    """Of these, not held by anybody; None where pods or claims must not be listed."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of accelerator."""

    id: str
    """Slug, unique in the inventory: ``dra-t1000``."""
    way: str
    name: str
    """DRA driver or extended resource."""
    model: str
    pool: str
    """Node pool by the provider's label, or empty."""
    descriptor: str | None
    device_class: str | None
    nodes: tuple[NodeShare, ...]
    note: str = ""
    """What keeps the kind from being used, where something does."""

    @property
    def title(self) -> str:
        """The kind in words."""
        pool = f", pool {self.pool}" if self.pool else ""
        return f"{self.model or 'model not told'} by {WAYS[self.way]} ({self.name}{pool})"

    @property
    def devices(self) -> int:
        """Devices on all nodes."""
        return sum(node.devices for node in self.nodes)

    @property
    def free(self) -> int | None:
        """Free devices on all nodes, or None where that cannot be seen."""
        free = [node.free for node in self.nodes]
        return None if None in free else sum(f or 0 for f in free)

    def on(self, share: NodeShare) -> "Kind":
        """This kind on one node only, told apart in its id where there are others."""
        return replace(self, id=f"{self.id}@{slug(share.name)}", nodes=(share,)) if len(self.nodes) > 1 else self

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Kind":
        """Kind from what ``to_json`` gave."""
        return cls(**{**data, "nodes": tuple(NodeShare(**node) for node in data["nodes"])})


def slug(text: str) -> str:
    """Lower-case letters, digits and dashes, at most 40 characters; untrusted names become safe ids."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40] or "unnamed"


def unique(wanted: str, taken: set[str]) -> str:
    """``wanted``, with a number where it is taken."""
    name, n = wanted, 2
    while name in taken:
        name, n = f"{wanted}-{n}", n + 1
    taken.add(name)
    return name
