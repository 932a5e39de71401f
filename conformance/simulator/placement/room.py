"""The room that is left on the nodes at one moment: pods are placed in it one after the other without anything being written.

A gang is tried in it as a whole; what does not fit is given back by forgetting the room.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from conformance.simulator import podresources
from conformance.simulator.api.selectors import node_selector
from conformance.simulator.objects import Obj, dig, name_of, namespace_of, uid_of
from conformance.simulator.placement import extended, filters
from conformance.simulator.placement.devices import Devices
from conformance.simulator.placement.extended import Special
from conformance.simulator.quantities import parse
from conformance.simulator.scheduling import Allocator, CannotAllocateError, missing_class, usable
from conformance.simulator.storage import Store

Kept = dict[str, podresources.Amounts]
"""Amounts by node that a scheduler with a fault holds back."""


class NoRoomError(Exception):
    """No node takes the pod; the text says why."""

    def __init__(self, count: int, why: str) -> None:
        said = filters.message(count, why)
        self.alone = filters.without_preemption(count, said)
        """The message of a pod that is placed by itself."""
        super().__init__(said)


@dataclass(frozen=True)
class Placement:
    """Where a pod goes, and what its claims get there."""

    pod: Obj
    node: str
    claims: list[Obj]
    allocations: dict[str, Obj]
    """Allocation by claim name, for claims that had none."""
    special: Special | None = None
    """The claim that is to be made for its extended resources."""


@dataclass
class _Place:
    """What is left on one node."""

    node: Obj
    have: podresources.Amounts
    used: podresources.Amounts = field(default_factory=dict)
    pods: int = 0

    def lacks(self, wanted: podresources.Amounts, besides: Iterable[str] = ()) -> list[str]:
        """Why the node is too full; ``besides`` are resources that it need not have itself."""
        reasons = ["Too many pods"] if self.pods + 1 > self.have.get("pods", 0) else []
        for name, amount in wanted.items():
            if (
                name not in besides
                and amount
                and self.used.get(name, Fraction()) + amount > self.have.get(name, Fraction())
            ):
                reasons.append(f"Insufficient {name}")
        return reasons

    def add(self, wanted: podresources.Amounts) -> None:
        """One pod more."""
        self.used = podresources.add(self.used, wanted)
        self.pods += 1


class Room:
    """All nodes with what is free on them."""

    def __init__(self, store: Store, kept: Kept | None = None, devices: Devices | None = None) -> None:
        self._store, self._devices = store, devices or Devices(store)
        self._allocated: dict[tuple[str, str], Obj] = {}
        self._places = {name_of(node): _place(node) for node in store.select("nodes")}
        for pod in store.select("pods"):
            place = self._places.get(pod["spec"].get("nodeName", ""))
            if place and podresources.holds_resources(pod):
                place.add(_counted(pod))
        for node, amounts in (kept or {}).items():
            if node in self._places:
                self._places[node].used = podresources.add(self._places[node].used, amounts)

    def place(self, pod: Obj, claims: list[Obj]) -> Placement:
        """Find a place and take it; ``NoRoomError`` says why there is none."""
        claims = [self._current(claim) for claim in claims]
        self._check(pod, claims)
        wanted, reasons = podresources.requests(pod), Counter[str]()
        fitting = []
        for place in self._places.values():
            refused = filters.refusal(pod, place.node)
            why = [refused] if refused else place.lacks(wanted, self._delegated(wanted, place))
            reasons.update(why)
            if not why:
                fitting.append(place)
        for place in sorted(fitting, key=lambda p: (p.pods, name_of(p.node))):
            try:
                special = self._special(pod, wanted, place)
                return self._take(pod, wanted, place, claims, self._allocate(place, claims, special), special)
            except CannotAllocateError as problem:
                reasons.update([str(problem)])
        raise NoRoomError(len(self._places), filters.words(reasons))

    def _delegated(self, wanted: podresources.Amounts, place: _Place) -> list[str]:
        """Extended resources that the node can only give by DRA."""
        return extended.delegated(wanted, place.have, self._devices.classes)

    def _special(self, pod: Obj, wanted: podresources.Amounts, place: _Place) -> Special | None:
        """The claim for them."""
        names = self._delegated(wanted, place)
        return extended.special(pod, names, self._devices.classes) if names else None

    def force(self, pod: Obj, claims: list[Obj], *, overfill: bool) -> Placement:
        """What a broken scheduler does: devices that are taken, and with ``overfill`` nodes that are full."""
        claims = [self._current(claim) for claim in claims]
        wanted = podresources.requests(pod)
        left = [claim for claim in claims if not dig(claim, "status", "allocation")]
        for place in sorted(self._places.values(), key=lambda p: (p.pods, name_of(p.node))):
            full = place.lacks(wanted) and not overfill
            if filters.refusal(pod, place.node) or full or not (left or overfill):
                continue
            try:
                allocations = Allocator(self._store, place.node, self._devices).force(left) if left else {}
            except CannotAllocateError:
                continue
            return self._take(pod, wanted, place, claims, allocations)
        return self.place(pod, claims)

    def _current(self, claim: Obj) -> Obj:
        """The claim as it is after what has been placed so far."""
        allocation = self._allocated.get((namespace_of(claim), name_of(claim)))
        return {**claim, "status": {**(claim.get("status") or {}), "allocation": allocation}} if allocation else claim

    def _check(self, pod: Obj, claims: list[Obj]) -> None:
        """What makes a pod impossible on every node."""
        for claim in claims:
            why = usable(claim, uid_of(pod)) or missing_class(self._store, claim)
            if why:
                raise NoRoomError(len(self._places), why)

    def _allocate(self, place: _Place, claims: list[Obj], special: Special | None) -> dict[str, Obj]:
        for claim in claims:
            selector = dig(claim, "status", "allocation", "nodeSelector")
            if selector and not node_selector(selector, place.node):
                raise CannotAllocateError("resourceclaim not available on the node")
        left = [claim for claim in claims if not dig(claim, "status", "allocation")]
        left += [special.claim] if special else []
        return Allocator(self._store, place.node, self._devices).allocate(left) if left else {}

    def _take(
        self,
        pod: Obj,
        wanted: podresources.Amounts,
        place: _Place,
        claims: list[Obj],
        allocations: dict[str, Obj],
        special: Special | None = None,
    ) -> Placement:
        delegated = self._delegated(wanted, place) if special else ()
        place.add({name: amount for name, amount in wanted.items() if name not in delegated})
        for name, allocation in allocations.items():
            self._allocated[namespace_of(pod), name] = allocation
            self._devices.take(allocation)
        return Placement(pod, name_of(place.node), claims, allocations, special)


def _counted(pod: Obj) -> podresources.Amounts:
    """What a pod holds of its node's own resources; extended resources that a claim gave it are not among them."""
    mappings = dig(pod, "status", "extendedResourceClaimStatus", "requestMappings", default=[])
    given = {mapping["resourceName"] for mapping in mappings}
    return {name: amount for name, amount in podresources.requests(pod).items() if name not in given}


def _place(node: Obj) -> _Place:
    have = {name: parse(value) for name, value in dig(node, "status", "allocatable", default={}).items()}
    return _Place(node, have)
