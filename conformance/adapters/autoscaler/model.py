"""What every autoscaler's adapter offers, in one shape."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from conformance.adapters.look import Look
from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.inventory import nodes as node_facts
from conformance.inventory.solutions import Solution


@dataclass(frozen=True, kw_only=True)
class Group:
    """Nodes that an autoscaler adds and removes together."""

    name: str
    least: int | None = None
    most: int | None = None
    """Bounds of the number of nodes, where the autoscaler says them."""
    full: bool = False
    """Whether it has as many nodes as it may have."""
    fixed: bool = False
    """Whether it may neither grow nor shrink, by its own settings."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels by which its nodes are known; empty where nothing tells them."""

    def has(self, node: Object) -> bool:
        """Whether a node belongs to it."""
        have = node_facts.labels(node)
        return bool(self.labels) and all(have.get(key) == value for key, value in self.labels.items())

    def __str__(self) -> str:
        bounds = f"min {self.least}, max {self.most}" if self.most is not None else "no bounds told"
        return f"{self.name} ({bounds}{', fixed' if self.fixed else ', full' if self.full else ''})"


class Adapter(Protocol):
    """What the suite knows about one autoscaler."""

    @property
    def ID(self) -> str:  # noqa: N802 - a constant of a module
        """Slug of the solution."""

    @property
    def SOURCE(self) -> str:  # noqa: N802 - a constant of a module
        """Component that its events name; empty where it writes none."""

    def detect(self, look: Look, /) -> Solution | None:
        """The solution, if it is there."""

    def groups(self, look: Look, nodes: Sequence[Object], /) -> list[Group]:
        """Its node groups, as far as it says them."""

    def trouble(self, look: Look, group: Group | None, /) -> str:
        """Why it cannot add a node although it would, such as a quota; empty where it says nothing of the kind."""

    def state(self, look: Look, /) -> str:
        """What it says about itself at this moment, for the reader of a failure."""


def fetch(look: Look, path: str) -> Object | None:
    """An object; None where there is none or it must not be read, which is noted."""
    try:
        return look.api.get(path)
    except errors.Forbidden:
        look.notes.append(f"not allowed to get {path.rsplit('/', 1)[-1]}")
    except errors.NotFound:
        pass
    return None


def seen_events(look: Look, source: str) -> bool:
    """Whether a component has written events lately."""
    try:
        page = next(look.api.pages("/api/v1/events", field_selector=f"source={source}"), {})
    except errors.Forbidden:
        note = "not allowed to list events"
        look.notes += [] if note in look.notes else [note]
        return False
    return bool(page.get("items"))
