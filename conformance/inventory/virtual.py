"""Virtual devices: accelerators like all others to who holds them, so they are kinds of their own and virtual ones besides."""

from collections.abc import Iterable
from dataclasses import replace

from conformance.declaration import WITH
from conformance.inventory import nodes as node_facts
from conformance.inventory import odd
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import DRA, Kind, unique
from conformance.inventory.reading import Reading
from conformance.inventory.vendor import VIRTUAL


def without_names(kinds: Iterable[Kind], descriptors: Iterable[Descriptor]) -> tuple[Kind, ...]:
    """Whole kinds, without virtual ones of vendors that have others: those are held up as virtual ones only.

    Virtual devices that have a resource of their own are so known; where a vendor has no other devices, they are its
    accelerators and everything is tried with them.
    """
    rules = {d.id: d.virtualization for d in descriptors}
    every = list(kinds)
    named = {kind.id for kind in every if (rule := rules.get(str(kind.descriptor))) and rule.names(kind.name)}
    have_others = {kind.descriptor for kind in every if kind.id not in named and kind.nodes}
    return tuple(kind for kind in every if kind.id not in named or kind.descriptor not in have_others)


def is_named(kind: Kind, descriptor: Descriptor | None) -> bool:
    """Whether the name of a resource alone says that its units are virtual, such as parts that are devices of their own."""
    rule = descriptor.virtualization if descriptor else None
    return bool(rule and rule.names(kind.name))


def of(reading: Reading, kind: Kind) -> Iterable[Kind]:
    """The same units as virtual devices, on the nodes where they are; nothing where they are whole ones.

    The id begins as the kind's own does, because the units are the same and no two checks may hold them.
    """
    descriptor = next((d for d in reading.descriptors if d.id == kind.descriptor), None)
    rule = descriptor.virtualization if descriptor else None
    if kind.way == DRA and rule and rule.device:
        return  # each published device says for itself whether it is virtual
    labels = {odd.name(node): node_facts.labels(node) for node in reading.nodes}
    nodes = tuple(node for node in kind.nodes if rule and rule.marks(kind.name, labels.get(node.name, {})))
    if nodes:
        base = kind.id.partition(WITH)[0]
        yield replace(kind, id=unique(base, reading.taken, f"{WITH}{VIRTUAL}"), strategy=VIRTUAL, nodes=nodes)
