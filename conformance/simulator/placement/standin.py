"""A second scheduler that a solution brings along: it is installed where the world says so, and acts while its program is alive."""

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

from conformance.simulator import podresources, solutions
from conformance.simulator.objects import Obj, dig, name_of, namespace_of, new_uid, stamp
from conformance.simulator.placement.gangplacer import GangPlacer
from conformance.simulator.quantities import show


class StandIn(GangPlacer):
    """Shares the placing of gangs with all others; only objects and words are its own."""

    solution: ClassVar[str]

    @property
    def installed(self) -> bool:
        """Whether the world has this solution."""
        return self.solution in self.world.solutions

    def start(self) -> None:
        """Install it."""
        if self.installed:
            node = self.world.nodes[0].name
            solutions.install(self.registry, self.solution, node=node, runs=self.runs())

    async def settle(self) -> None:
        """Wait until its programs are there, if they come at all."""
        if self.installed and self.runs():
            await self.until(lambda: solutions.available(self.registry, self.solution))

    async def run(self) -> None:
        """Work only where it is installed."""
        if self.installed:
            await super().run()

    def runs(self) -> bool:
        """By the solution's own switch."""
        return bool(getattr(self.cluster.switches, self.solution).runs)

    def members(self, group: Obj) -> list[Obj]:
        """All pods of a group, those that have ended too."""
        pods = self.store.select("pods", namespace_of(group))
        return [pod for pod in pods if self.group_name(pod) == name_of(group)]

    def write(self, group: Obj, edit: Callable[[Obj], None]) -> None:
        """Change the status of a group."""
        self.registry.change(self.groups, namespace_of(group), name_of(group), edit, sub="status")

    def join(self, pod: Obj, annotation: str, group: str) -> None:
        """Note on a pod which group was made for it."""

        def note(obj: Obj) -> None:
            obj["metadata"].setdefault("annotations", {})[annotation] = group

        self.registry.change("pods", namespace_of(pod), name_of(pod), note)

    def make_group(self, owner: Obj, space: str, name: str, spec: Obj) -> None:
        """Make the group of pods that came without one."""
        if self.registry.find(self.groups, space, name) is None:
            reference = {key: owner[key] for key in ("apiVersion", "kind", "name", "uid")}
            body = {"metadata": {"name": name, "ownerReferences": [reference]}, "spec": spec}
            self.registry.create(self.registry.kinds.get(self.groups), space, body)


def owner_of(pod: Obj) -> Obj:
    """Reference to what made a pod; to the pod itself where nothing did."""
    for reference in pod["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return dict(reference)
    return {"apiVersion": "v1", "kind": "Pod", "name": name_of(pod), "uid": pod["metadata"]["uid"]}


def phases(pods: list[Obj]) -> Counter[str]:
    """How many pods are in each phase."""
    return Counter(str(dig(pod, "status", "phase", default="Pending")) for pod in pods)


def requested(pods: list[Obj]) -> dict[str, str]:
    """What pods ask for together."""
    total: podresources.Amounts = {}
    for pod in pods:
        total = podresources.add(total, podresources.requests(pod))
    return {name: show(amount) for name, amount in sorted(total.items())}


def note_condition(status: Obj, key: str, /, **fields: Any) -> bool:
    """Put a condition of a type in a list; False where it says the same already."""
    listed = status.setdefault(key, [])
    old = next((c for c in listed if c.get("type") == fields["type"]), None)
    if old and all(old.get(name) == value for name, value in fields.items()):
        return False
    new = {**fields, "lastTransitionTime": stamp(), "transitionID": new_uid()}
    status[key] = [c for c in listed if c is not old] + [new]
    return True
