"""What all schedulers have in common: pods that name one of them are placed one by one, or as gangs."""

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar

from conformance.simulator import podresources
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.controllers.resourceclaims import claim_names
from conformance.simulator.objects import Obj, deleting, dig, finished, name_of, namespace_of, uid_of
from conformance.simulator.placement import membership
from conformance.simulator.placement.binder import Binder
from conformance.simulator.placement.devices import CLAIMS, CLASSES, SLICES, Devices
from conformance.simulator.placement.gangs import ERROR, UNSCHEDULABLE
from conformance.simulator.placement.room import Kept, NoRoomError, Placement, Room
from conformance.simulator.scheduling import AbortedError
from conformance.simulator.storage import Event

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster


class Placer(Controller):
    """Places single pods; keys are ``pod/NAME``. Whatever frees room lets the waiting ones try again."""

    watches: ClassVar[tuple[str, ...]] = ("pods", "nodes", CLAIMS, CLASSES, SLICES, "devicetaintrules.resource.k8s.io")
    name: ClassVar[str]
    """The ``schedulerName`` that pods give."""

    def __init__(self, cluster: "Cluster") -> None:
        super().__init__(cluster)
        self.binder = Binder(self.registry, cluster.recorder, self.name)
        self._kept: set[str] = set()

    def runs(self) -> bool:
        """Whether this scheduler is alive."""
        raise NotImplementedError

    def keys(self, event: Event) -> Iterator[Key]:
        """The pod itself; all waiting pods where room may have come."""
        if event.resource == "pods":
            yield from self._pod_keys(event)
        elif event.resource == CLAIMS and not _freed(event):
            name = name_of(event.obj)
            yield from (self.key(pod) for pod in self.waiting(namespace_of(event.obj)) if name in claim_names(pod))
        else:
            yield from (self.key(pod) for pod in self.waiting())

    def _pod_keys(self, event: Event) -> Iterator[Key]:
        pod = event.obj
        if not self.cluster.switches.gang.releases and membership.stopped_early(event):
            self._keep(pod)
        if event.change == "DELETED" or finished(pod):
            yield from (self.key(other) for other in self.waiting())
        elif self.waits(pod):
            yield self.key(pod)

    def _keep(self, pod: Obj) -> None:
        """The fault: amounts of a deleted member are never free again."""
        if self.own(pod) and uid_of(pod) not in self._kept:
            self._kept.add(uid_of(pod))
            held = {name: amount for name, amount in podresources.requests(pod).items() if "/" in name}
            kept, node = self.cluster.kept, pod["spec"]["nodeName"]
            kept[node] = podresources.add(kept.get(node, {}), held)

    def key(self, pod: Obj) -> Key:
        """What is looked at when this pod waits."""
        return namespace_of(pod), f"pod/{name_of(pod)}"

    def own(self, pod: Obj) -> bool:
        """Whether a pod names this scheduler."""
        return bool(pod["spec"].get("schedulerName") == self.name)

    def waits(self, pod: Obj) -> bool:
        """Whether a pod wants a place from this scheduler."""
        spec = pod["spec"]
        free = not spec.get("nodeName") and not spec.get("schedulingGates")
        return self.own(pod) and free and not deleting(pod) and not finished(pod)

    def waiting(self, namespace: str = "") -> Iterator[Obj]:
        """All pods that want a place."""
        return (pod for pod in self.store.select("pods", namespace) if self.waits(pod))

    def room(self) -> Room:
        """The room that is left now."""
        switches = self.cluster.switches
        devices = Devices(self.store, switches.allocator, switches.dra)
        return Room(self.store, self._held_back(), devices)

    def _held_back(self) -> Kept:
        """What is held back on nodes; a unit that a device plugin gives beyond its count is the opposite."""
        if not self.cluster.switches.plugin.beyond_limit:
            return self.cluster.kept
        more = {node.name: dict.fromkeys(node.shared_names, Fraction(-1)) for node in self.cluster.fleet.nodes}
        return {name: podresources.add(self.cluster.kept.get(name, {}), amounts) for name, amounts in more.items()}

    def reconcile(self, namespace: str, name: str) -> None:
        """Place a pod."""
        pod = self.registry.find("pods", namespace, name.partition("/")[2])
        if pod is not None and self.runs() and self.waits(pod):
            self.place_one(pod)

    def place_one(self, pod: Obj) -> None:
        """Give a pod a place, or say why there is none."""
        claims = self.claims(pod)
        if claims is None:
            return
        try:
            self.binder.bind(self._found(pod, claims))
        except NoRoomError as problem:
            self.binder.refuse(pod, UNSCHEDULABLE, problem.alone)
        except AbortedError as problem:
            self.binder.refuse(pod, ERROR, str(problem))

    def _found(self, pod: Obj, claims: list[Obj]) -> Placement:
        room = self.room()
        try:
            return room.place(pod, claims)
        except NoRoomError:
            if not self.cluster.switches.scheduler.allocates_taken:
                raise
            return room.force(pod, claims, overfill=False)

    def claims(self, pod: Obj) -> list[Obj] | None:
        """The pod's claims; None while one is missing: such a pod does not enter the queue, and nothing is written about it."""
        known = {s["name"]: s.get("resourceClaimName") for s in dig(pod, "status", "resourceClaimStatuses", default=[])}
        names = [c.get("resourceClaimName") or known.get(c["name"]) for c in pod["spec"].get("resourceClaims") or ()]
        found = [self.registry.find(CLAIMS, namespace_of(pod), name) if name else None for name in names]
        return None if None in found else [claim for claim in found if claim]


def _freed(event: Event) -> bool:
    """Whether a change of a claim gives devices back."""
    before, after = (dig(obj, "status", "allocation") for obj in (event.old, event.obj))
    return event.change == "DELETED" or bool(before and not after)
