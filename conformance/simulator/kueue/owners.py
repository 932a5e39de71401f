"""What waits in a queue: a Job that is suspended, or pods that have a gate."""

from typing import Protocol

from conformance.simulator.api.options import Options
from conformance.simulator.api.registry import Registry
from conformance.simulator.kueue import GATE, GROUP_NAME, GROUP_SIZE, QUEUE_NAME
from conformance.simulator.kueue import workload as words
from conformance.simulator.objects import Obj, condition, deleting, dig, finished, labels_of, name_of, namespace_of
from conformance.simulator.workloads import controlled, ready

_JOBS = "jobs.batch"


class Owner(Protocol):
    """Something that Kueue starts and stops."""

    queue: str

    def complete(self) -> bool:
        """Whether all of it is there, so that it can be queued."""

    def make(self) -> Obj:
        """Its Workload."""

    def result(self) -> str:
        """``Succeeded`` or ``Failed`` once it is over."""

    def ready(self) -> bool:
        """Whether every pod is ready or has succeeded."""

    def start(self, workload: str, labels: dict[str, str]) -> bool:
        """Let it go; True where that changed something."""

    def stop(self) -> None:
        """Take its pods away again."""

    def about(self) -> Obj:
        """The object that events are about."""


class JobOwner:
    """A batch/v1 Job."""

    def __init__(self, registry: Registry, job: Obj) -> None:
        self._registry, self._job = registry, job
        self.queue = labels_of(job).get(QUEUE_NAME, "")

    def complete(self) -> bool:
        """A Job is there at once."""
        return not deleting(self._job) and not self.result()

    def make(self) -> Obj:
        """One pod set with as many pods as run at a time."""
        return words.for_job(self._job, self.queue)

    def result(self) -> str:
        """By the Job's own conditions."""
        for kind, result in (("Complete", "Succeeded"), ("Failed", "Failed")):
            found = condition(self._job, kind)
            if found and found["status"] == "True":
                return result
        return ""

    def ready(self) -> bool:
        """Ready or succeeded pods, of as many as run at a time."""
        pods = [
            pod for pod in self._registry.store.select("pods", namespace_of(self._job)) if controlled(pod, self._job)
        ]
        good = sum(
            1 for pod in pods if dig(pod, "status", "phase") == "Succeeded" or (ready(pod) and not deleting(pod))
        )
        return good >= int(self._job["spec"].get("parallelism", 1))

    def start(self, workload: str, labels: dict[str, str]) -> bool:
        """Suspended no longer, with pods that carry what the flavor says."""
        if not self._job["spec"].get("suspend"):
            return False

        def go(obj: Obj) -> None:
            obj["spec"]["suspend"] = False
            words.marked(obj["spec"]["template"], workload, labels)

        self._change(go)
        return True

    def stop(self) -> None:
        """Suspended again: the Job's controller removes its pods."""
        if not self._job["spec"].get("suspend"):
            self._change(lambda obj: obj["spec"].update(suspend=True))

    def _change(self, edit: "words.Edit") -> None:
        self._registry.change(_JOBS, namespace_of(self._job), name_of(self._job), edit)

    def about(self) -> Obj:
        """The Job."""
        return self._job


class PodsOwner:
    """Pods with the same group name, or one pod alone."""

    def __init__(self, registry: Registry, name: str, pods: list[Obj]) -> None:
        self._registry, self._name, self._pods = registry, name, pods
        self.queue = labels_of(pods[0]).get(QUEUE_NAME, "")

    def _size(self) -> int:
        wanted = dig(self._pods[0], "metadata", "annotations", GROUP_SIZE, default="1")
        return int(wanted) if str(wanted).isdigit() else 1

    def complete(self) -> bool:
        """As many pods as the annotation says."""
        there = [pod for pod in self._pods if not deleting(pod) and not finished(pod)]
        return len(there) >= self._size()

    def make(self) -> Obj:
        """One pod set; pods of a group are alike."""
        return words.for_pods(self._name, self._pods, self.queue)

    def result(self) -> str:
        """Over when all pods are."""
        phases = {dig(pod, "status", "phase") for pod in self._pods}
        if len(self._pods) < self._size() or not phases <= {"Succeeded", "Failed"}:
            return ""
        return "Failed" if "Failed" in phases else "Succeeded"

    def ready(self) -> bool:
        """Ready or succeeded pods."""
        good = [pod for pod in self._pods if dig(pod, "status", "phase") == "Succeeded" or ready(pod)]
        return len(good) >= self._size()

    def start(self, workload: str, labels: dict[str, str]) -> bool:
        """Without the gate the scheduler takes them; node labels of a flavor are left to Jobs."""
        del labels
        gated = [pod for pod in self._pods if {"name": GATE} in (pod["spec"].get("schedulingGates") or ())]
        for pod in gated:

            def go(obj: Obj) -> None:
                kept = [gate for gate in obj["spec"]["schedulingGates"] if gate != {"name": GATE}]
                obj["spec"].pop("schedulingGates")
                if kept:
                    obj["spec"]["schedulingGates"] = kept
                words.marked(obj, workload, {})

            self._registry.change("pods", namespace_of(pod), name_of(pod), go)
        return bool(gated)

    def stop(self) -> None:
        """Pods cannot be gated again: they are deleted."""
        kind = self._registry.kinds.get("pods")
        for pod in self._pods:
            gated = {"name": GATE} in (pod["spec"].get("schedulingGates") or ())
            if not gated and not deleting(pod):
                self._registry.delete(kind, namespace_of(pod), name_of(pod), Options())

    def about(self) -> Obj:
        """The first pod."""
        return self._pods[0]


def group_of(pod: Obj) -> str:
    """Name of a pod's group, by label or annotation; its own where it has none."""
    annotated = dig(pod, "metadata", "annotations", GROUP_NAME, default="")
    return labels_of(pod).get(GROUP_NAME) or str(annotated) or f"pod-{name_of(pod)}"
