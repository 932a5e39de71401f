"""ReplicaSets: as many pods as wanted."""

from typing import TYPE_CHECKING, ClassVar

from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.objects import Obj, containers_of, deleting, labels_of, name_of, namespace_of, set_condition
from conformance.simulator.storage import Event
from conformance.simulator.workloads import (
    Crew,
    active,
    available,
    controlled,
    controller_of,
    oldest_last,
    pod_of,
    ready,
)

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

_SETS = "replicasets.apps"
RETRY = 1.0
"""Seconds until a pod that was refused is tried again."""


class ReplicaSets(Controller):
    """Creates and deletes the pods of replica sets, and tells how many there are."""

    watches: ClassVar[tuple[str, ...]] = (_SETS, "pods")

    def __init__(self, cluster: "Cluster") -> None:
        super().__init__(cluster)
        self._crew = Crew(self.registry, cluster.recorder, "replicaset-controller")

    def keys(self, event: Event) -> list[Key]:
        """The set itself, or the one that a pod belongs to."""
        name = name_of(event.obj) if event.resource == _SETS else controller_of(event.obj, "ReplicaSet")
        return [(namespace_of(event.obj), name)] if name else []

    def reconcile(self, namespace: str, name: str) -> None:
        """Bring the number of pods closer to what is wanted."""
        found = self.registry.find(_SETS, namespace, name)
        if found is None:
            return
        failure = "" if deleting(found) else self._adjust(found)
        if failure:
            self.enqueue_later(RETRY, (namespace, name))
        self._tell(found, failure)

    def _pods(self, owner: Obj) -> list[Obj]:
        return [pod for pod in self.store.select("pods", namespace_of(owner)) if controlled(pod, owner)]

    def _adjust(self, owner: Obj) -> str:
        pods = [pod for pod in self._pods(owner) if active(pod)]
        missing = owner["spec"].get("replicas", 1) - len(pods)
        for pod in oldest_last(pods)[: max(-missing, 0)]:
            self._crew.dismiss(owner, pod)
        for number in range(missing):
            body = pod_of(owner["spec"]["template"], f"{name_of(owner)}-")
            if self.cluster.switches.workloads.strips_accelerators and len(pods) + number > 0:
                self._strip(body)
            failure = self._crew.hire(owner, body)
            if failure:
                return failure
        return ""

    def _strip(self, pod: Obj) -> None:
        """What a fault does to the second and later replicas: they ask for no accelerator and go where none is."""
        spec = pod["spec"]
        for container in containers_of(pod):
            resources = container.get("resources") or {}
            resources.pop("claims", None)
            for side in ("limits", "requests"):
                for name in [name for name in resources.get(side) or () if "/" in name]:
                    del resources[side][name]
        for key in ("resourceClaims", "nodeSelector", "affinity"):
            spec.pop(key, None)
        told = {name for machine in self.cluster.fleet.nodes for name in machine.discovered()}
        if told and any(not told & labels_of(node).keys() for node in self.store.select("nodes")):
            terms = [{"matchExpressions": [{"key": name, "operator": "DoesNotExist"} for name in sorted(told)]}]
            required = {"nodeSelectorTerms": terms}
            spec["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}

    def _tell(self, owner: Obj, failure: str) -> None:
        every = self._pods(owner)
        pods = [pod for pod in every if active(pod)]
        wait = owner["spec"].get("minReadySeconds", 0)
        wanted = owner["spec"]["template"].get("metadata", {}).get("labels") or {}
        counts = {
            "replicas": len(pods),
            "fullyLabeledReplicas": sum(1 for pod in pods if wanted.items() <= labels_of(pod).items()),
            "readyReplicas": sum(1 for pod in pods if ready(pod)),
            "availableReplicas": sum(1 for pod in pods if available(pod, wait)),
            "terminatingReplicas": sum(1 for pod in every if deleting(pod)),
        }
        if wait and counts["readyReplicas"] > counts["availableReplicas"]:
            self.enqueue_later(wait, (namespace_of(owner), name_of(owner)))

        def write(obj: Obj) -> None:
            conditions = [c for c in obj.get("status", {}).get("conditions") or () if c["type"] != "ReplicaFailure"]
            always = ("replicas", "terminatingReplicas")
            obj["status"] = {key: count for key, count in counts.items() if count or key in always}
            obj["status"]["observedGeneration"] = owner["metadata"]["generation"]
            if conditions:
                obj["status"]["conditions"] = conditions
            if failure:
                set_condition(obj, "ReplicaFailure", "True", reason="FailedCreate", message=failure)

        self.registry.change(_SETS, namespace_of(owner), name_of(owner), write, sub="status")
