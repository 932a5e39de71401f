"""Pools of nodes as a world's file has them: who adds nodes to them, how many there may be, and what a new one is like."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conformance.simulator import hardware
from conformance.simulator.hardware import Make
from conformance.simulator.objects import Obj

if TYPE_CHECKING:
    from conformance.simulator.places import Place

CLUSTER_AUTOSCALER, KARPENTER = "cluster-autoscaler", "karpenter"
NODEPOOL_LABEL = "karpenter.sh/nodepool"
_KEYS = ("name", "autoscaler", "min", "max", "label", "nodes", "idle", "template")
_TEMPLATE_KEYS = ("labels", "taints", "cpu", "memory", "pods", "make", "model", "dra", "devicePlugin")


@dataclass(frozen=True, kw_only=True)
class Template:
    """What every new node of a pool is like."""

    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[Obj, ...] = ()
    cpu: str = "8"
    memory: str = "16Gi"
    pods: int = 110
    make: Make = field(default_factory=hardware.make)
    model: str = ""
    """Empty: the first of the make."""
    dra: int = 0
    """Accelerators that the DRA driver publishes for it."""
    plugin: int = 0
    """Accelerators that its device plugin registers."""


@dataclass(frozen=True, kw_only=True)
class PoolSpec:
    """One pool."""

    name: str
    autoscaler: str
    min: int
    max: int
    label: tuple[str, str]
    """Label and value that every node of the pool has."""
    nodes: tuple[str, ...]
    """Nodes of the world that belong to it; no autoscaler takes them away, because checks are pinned to them."""
    idle: float = 1.5
    """Seconds after which a node that nobody needs goes."""
    template: Template

    @property
    def labels(self) -> dict[str, str]:
        """Labels by which the nodes of the pool are known."""
        key, value = self.label
        return {key: value, **({NODEPOOL_LABEL: self.name} if self.autoscaler == KARPENTER else {})}

    def seed_annotations(self) -> dict[str, str]:
        """What keeps the autoscaler from taking the nodes of the world away."""
        keep = {
            CLUSTER_AUTOSCALER: "cluster-autoscaler.kubernetes.io/scale-down-disabled",
            KARPENTER: "karpenter.sh/do-not-disrupt",
        }
        return {keep[self.autoscaler]: "true"}


def parse(place: "Place", nodes: tuple[str, ...]) -> PoolSpec:
    """A pool of a file; its nodes must be nodes of the world."""
    top = place.mapping(*_KEYS)
    for key in ("name", "autoscaler", "min", "max", "template"):
        if key not in top:
            raise place.error(f"{key!r} is missing")
    name, autoscaler = top["name"].text(), top["autoscaler"].text()
    if autoscaler not in (CLUSTER_AUTOSCALER, KARPENTER):
        raise top["autoscaler"].error(f"found {autoscaler!r}, want {CLUSTER_AUTOSCALER} or {KARPENTER}")
    members = top["nodes"].words() if "nodes" in top else ()
    for member in members:
        if member not in nodes:
            raise top["nodes"].error(f"{member!r} is no node of this world; there are {', '.join(nodes)}")
    least, most = top["min"].number(), top["max"].number()
    if not 0 <= least <= most or not len(members) <= most:
        raise place.error(f"found min {least}, max {most} and {len(members)} nodes, want min <= max and nodes <= max")
    return PoolSpec(
        name=name,
        autoscaler=autoscaler,
        min=least,
        max=most,
        label=_label(top.get("label"), autoscaler, name),
        nodes=members,
        idle=top["idle"].number() if "idle" in top else 1.5,
        template=_template(top["template"]),
    )


def _label(place: "Place | None", autoscaler: str, name: str) -> tuple[str, str]:
    if place is None:
        return (NODEPOOL_LABEL, name) if autoscaler == KARPENTER else ("sim.dev/pool", name)
    key, equals, value = place.text().partition("=")
    if not (key and equals and value):
        raise place.error(f"found {place.value!r}, want LABEL=VALUE")
    return key, value


def _template(place: "Place") -> Template:
    top = place.mapping(*_TEMPLATE_KEYS)
    return Template(
        labels={key: item.text() for key, item in top["labels"].mapping().items()} if "labels" in top else {},
        taints=top["taints"].objects() if "taints" in top else (),
        cpu=str(top["cpu"].value) if "cpu" in top else "8",
        memory=top["memory"].text() if "memory" in top else "16Gi",
        pods=top["pods"].number() if "pods" in top else 110,
        make=hardware.named(top["make"]) if "make" in top else hardware.make(),
        model=top["model"].text() if "model" in top else "",
        dra=top["dra"].number() if "dra" in top else 0,
        plugin=top["devicePlugin"].number() if "devicePlugin" in top else 0,
    )
