"""Where a gang is tried: few nodes with few free devices, so that the ask stays small and what is free can be counted again.

Members are bound to these nodes by name. No autoscaler can help them with a new one, and free devices elsewhere do not count.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Protocol

from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.inventory import fresh, odd
from conformance.inventory import nodes as node_facts
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import DRA, Kind
from conformance.probes import pods
from conformance.probes.names import SANDBOX_LABEL
from conformance.probes.stage import CLAIM
from conformance.probes.tenants import MAIN
from conformance.verdicts import Unknown, Unverified

LEAST = 2
"""Free devices without which nothing can start in part."""
SMALL = 8
"""Free devices up to which two nodes are better than one."""
CANDIDATES = 20
"""Nodes that are counted, those that had fewest free when the run began."""


class Unit(Protocol):
    """What one member of a gang asks for."""

    @property
    def title(self) -> str:
        """In words."""

    @property
    def runtime_class(self) -> str | None:
        """RuntimeClass of pods that ask for it."""

    @property
    def groups(self) -> tuple[int, ...]:
        """Supplemental groups of pods that ask for it."""

    def count(self, api: Api, nodes: Sequence[Object], own: str) -> dict[str, int] | None:
        """How many of it are free by node, when what carries this sandbox label counts as nothing; None: must not be seen."""

    def container(self, arguments: Sequence[str]) -> pods.Container:
        """The container that asks for one."""

    def shape(self, pod: Object) -> Object:
        """The pod after what a plan cannot say."""


@dataclass(frozen=True)
class DeviceUnit:
    """One device of a kind."""

    kind: Kind
    descriptor: Descriptor
    group_version: str

    @property
    def title(self) -> str:
        """In words."""
        return self.kind.title

    @property
    def runtime_class(self) -> str | None:
        """RuntimeClass of pods that hold one."""
        return self.descriptor.runtime_class

    @property
    def groups(self) -> tuple[int, ...]:
        """Supplemental groups of pods that hold one."""
        return self.descriptor.supplemental_groups

    @property
    def by_claim(self) -> bool:
        """Whether it is asked for by a claim."""
        return self.kind.way == DRA

    def count(self, api: Api, nodes: Sequence[Object], own: str) -> dict[str, int] | None:
        """Free devices by node."""
        return fresh.free_by_node(
            api, self.kind, self.descriptor, self.group_version, nodes, own=lambda holder: is_own(holder, own)
        )

    def container(self, arguments: Sequence[str]) -> pods.Container:
        """By claim or by extended resource."""
        resources = {} if self.by_claim else {self.kind.name: 1}
        return pods.Container(
            name=MAIN, arguments=arguments, claims=[CLAIM] if self.by_claim else [], resources=resources
        )

    def shape(self, pod: Object) -> Object:
        """Nothing more."""
        return pod


def is_own(obj: Object, sandbox: str) -> bool:
    """Whether an object carries this sandbox label."""
    return odd.part(obj, "metadata", "labels").get(SANDBOX_LABEL) == sandbox


@dataclass(frozen=True)
class Room:
    """The chosen nodes and what is free on them."""

    unit: Unit
    nodes: tuple[str, ...]
    free: int
    """Devices that members can have, when nothing of ours runs."""
    tolerations: tuple[Object, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)

    def affinity(self) -> Object:
        """Affinity to the chosen nodes by name."""
        field = {"key": "metadata.name", "operator": "In"}
        terms = [{"matchFields": [{**field, "values": [name]}]} for name in self.nodes]
        return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}

    def now(self, api: Api, own: str) -> dict[str, int]:
        """Free devices at this moment by node, when nothing of ours counts."""
        found = self.unit.count(api, read_nodes(api, self.nodes), own)
        if found is None:
            raise Unknown("free devices cannot be counted: pods or claims must not be listed", code="forbidden")
        return found

    def unchanged(self, api: Api, own: str) -> None:
        """``Unverified`` where others took or gave back devices since the room was chosen: no count holds then."""
        found = self.now(api, own)
        if found != self.counts:
            raise Unverified(
                f"free devices changed during the check from {told(self.counts)} to {told(found)}", code="free_changed"
            )


def told(counts: dict[str, int]) -> str:
    """Counts by node in words."""
    return ", ".join(f"{name}: {count}" for name, count in sorted(counts.items())) or "none"


def read_nodes(api: Api, names: Iterable[str]) -> list[Object]:
    """The nodes of these names that exist."""
    found = []
    for name in names:
        try:
            found.append(api.get(f"/api/v1/nodes/{name}"))
        except errors.NotFound:
            continue
    return found


def choose(api: Api, unit: Unit, names: Sequence[str], own: str, *, everything: bool) -> Room:
    """Take nodes for gangs; ``everything`` takes all of them. ``Unknown`` with the counts where there is too little."""
    nodes = read_nodes(api, names if everything else names[:CANDIDATES])
    counts = unit.count(api, nodes, own)
    if counts is None:
        raise Unknown("free devices cannot be counted: pods or claims must not be listed", code="forbidden")
    chosen = sorted(name for name in counts if counts[name]) if everything else fewest(counts)
    free = sum(counts[name] for name in chosen)
    if free < LEAST:
        raise Unknown(f"{unit.title}: a gang needs {LEAST} free devices; free are {told(counts)}", code="too_few_free")
    tolerations = [t for node in nodes if odd.name(node) in chosen for t in node_facts.tolerations(node)]
    unique = tuple(t for index, t in enumerate(tolerations) if t not in tolerations[:index])
    return Room(unit, tuple(chosen), free, unique, {name: counts[name] for name in chosen})


def fewest(counts: dict[str, int]) -> tuple[str, ...]:
    """Two nodes where that keeps the number of devices small, else the one with fewest that is enough."""
    some = sorted((count, name) for name, count in counts.items() if count)
    pairs = [(a + b, (x, y)) for (a, x), (b, y) in combinations(some[:CANDIDATES], 2) if LEAST <= a + b <= SMALL]
    if pairs:
        return min(pairs)[1]
    single = next(((name,) for count, name in some if count >= LEAST), ())
    return single or tuple(name for _, name in some)
