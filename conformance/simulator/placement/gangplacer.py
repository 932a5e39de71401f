"""A scheduler that knows gangs: what they are is said by its solution, how they are placed is the same for all."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from conformance.simulator.controllers.base import Key
from conformance.simulator.objects import Obj, finished, name_of, namespace_of, uid_of
from conformance.simulator.placement import rivalry
from conformance.simulator.placement.gangs import UNSCHEDULABLE, Gang, Member, Outcome, decide
from conformance.simulator.placement.placer import Placer
from conformance.simulator.storage import Event

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster


class GangPlacer(Placer):
    """Places gangs (keys ``gang/NAME``) as a whole, and pods outside any gang one by one."""

    groups: ClassVar[str]
    """Resource of the objects that describe gangs."""

    def __init__(self, cluster: "Cluster") -> None:
        super().__init__(cluster)
        self._refused: set[str] = set()
        self.rivals = rivalry.Rivals()

    @abstractmethod
    def group_name(self, pod: Obj) -> str:
        """The gang that a pod belongs to, or nothing."""

    @abstractmethod
    def minimum(self, group: Obj) -> int:
        """How many members must start together."""

    @abstractmethod
    def tell(self, gang: Gang, outcome: Outcome) -> None:
        """Write what became of an attempt on the solution's own object."""

    def worded(self, _gang: Gang, outcome: Outcome) -> Outcome:
        """The outcome in the solution's own words."""
        return outcome

    def look(self, gang: Gang) -> None:
        """Write what is to be said about a gang of which nothing was tried."""

    def keys(self, event: Event) -> Iterator[Key]:
        """Also the group that changed, and the group of a pod that did."""
        if event.resource == self.groups:
            yield namespace_of(event.obj), f"gang/{name_of(event.obj)}"
            return
        if event.resource == "pods" and self.own(event.obj) and self.group_name(event.obj):
            yield self.key(event.obj)
        yield from super().keys(event)

    def key(self, pod: Obj) -> Key:
        """Members are looked at together."""
        group = self.group_name(pod)
        return (namespace_of(pod), f"gang/{group}") if group else super().key(pod)

    def reconcile(self, namespace: str, name: str) -> None:
        """Place a pod or a gang."""
        sort, _, short = name.partition("/")
        if sort == "pod":
            super().reconcile(namespace, name)
        elif self.runs() and (group := self.registry.find(self.groups, namespace, short)):
            self._attempt(self.gather(group))

    def gather(self, group: Obj) -> Gang:
        """A gang with its members as they are now."""
        space, name = namespace_of(group), name_of(group)
        pods = [p for p in self.store.select("pods", space) if self.group_name(p) == name and not finished(p)]
        bound = sum(1 for pod in pods if pod["spec"].get("nodeName"))
        unbound = [pod for pod in pods if not pod["spec"].get("nodeName")]
        members: list[Member] = [
            (pod, claims) for pod in unbound if self.waits(pod) and (claims := self.claims(pod)) is not None
        ]
        members.sort(key=lambda member: (member[0]["metadata"]["creationTimestamp"], name_of(member[0])))
        minimum = self.minimum(group)
        complete = len(pods) >= minimum and len(members) == len(unbound)
        return Gang(group, minimum, tuple(members), bound, complete)

    def _attempt(self, gang: Gang) -> None:
        switches = self.cluster.switches.gang
        in_part = switches.starts == "in_part"
        if not gang.waiting or not (gang.complete or in_part):
            self.look(gang)
        elif switches.retries or uid_of(gang.obj) not in self._refused:
            if in_part:
                self._settle(gang, self._piecemeal(gang))
            elif not switches.deadlocks or self._alone(gang):
                self._settle(gang, decide(self.room(), gang, force=switches.beyond_capacity))

    def _settle(self, gang: Gang, outcome: Outcome) -> None:
        outcome = self.worded(gang, outcome)
        for placement in outcome.placed:
            self.binder.bind(placement)
        for pod, reason, message in outcome.refused:
            self.binder.refuse(pod, reason, message)
        if outcome.reason:
            self._refused.add(uid_of(gang.obj))
        self.tell(gang, outcome)

    def _piecemeal(self, gang: Gang) -> Outcome:
        """The fault: each member that fits is placed, whatever becomes of the others."""
        outcome = decide(self.room(), Gang(gang.obj, 0, gang.waiting))
        bound = gang.bound + len(outcome.placed)
        if bound < gang.minimum:
            outcome.reason = UNSCHEDULABLE
            outcome.message = f"minCount ({gang.minimum}) cannot be satisfied: {bound} scheduled, 0 remaining"
        return outcome

    def _alone(self, gang: Gang) -> bool:
        """Whether a gang may go on as it should; under the fault, rivals that do not fit together take each other's room."""
        wait = self.rivals.patience(gang)
        if wait:
            self.enqueue_later(wait, (namespace_of(gang.obj), f"gang/{name_of(gang.obj)}"))
            return False
        others = [self.gather(group) for group in self.store.select(self.groups)]
        competing = [g for g in others if g.complete and g.bound < g.minimum]
        shares = rivalry.shares(self.room(), competing)
        if gang.bound >= gang.minimum or shares is None:
            return True
        for rival, outcome in shares:
            self._settle(rival, outcome)
        return False
