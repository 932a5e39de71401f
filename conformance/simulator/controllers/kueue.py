"""Stand-in for Kueue: Jobs and groups of pods wait in queues until there is quota, and go back when their pods are not ready in time."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from conformance.simulator import kueue, solutions
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.kueue import admission, config, quota, status
from conformance.simulator.kueue.owners import JobOwner, Owner, PodsOwner, group_of
from conformance.simulator.kueue.workload import Edit, evict, note, says
from conformance.simulator.objects import Obj, deleting, dig, labels_of, name_of, namespace_of, uid_of
from conformance.simulator.storage import Event
from conformance.simulator.workloads import controller_of

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

_JOBS = "jobs.batch"
_ROUND: Key = ("", "round")


class Kueue(Controller):
    """Keys are ``job/NAME``, ``pods/GROUP`` and the round of admission."""

    watches: ClassVar[tuple[str, ...]] = (
        _JOBS, "pods", "configmaps", kueue.WORKLOADS, kueue.QUEUES, kueue.LOCAL, kueue.FLAVORS,
    )  # fmt: skip

    def __init__(self, cluster: "Cluster") -> None:
        super().__init__(cluster)
        self._since: dict[str, float] = {}
        """Workload uid → when it was admitted."""
        self._given_up: set[str] = set()

    def start(self) -> None:
        """Install it."""
        switches = self.cluster.switches.kueue
        if "kueue" in self.world.solutions:
            solutions.install(self.registry, "kueue", node=self.world.nodes[0].name, runs=switches.runs)
            if not switches.waits_for_pods_ready:
                self.registry.change("configmaps", kueue.NAMESPACE, kueue.CONFIG, _wait_for_nothing)

    async def settle(self) -> None:
        """Wait until its program is there, if it comes at all."""
        if "kueue" in self.world.solutions and self.cluster.switches.kueue.runs:
            await self.until(lambda: solutions.available(self.registry, "kueue"))

    async def run(self) -> None:
        """Work only where it is installed."""
        if "kueue" in self.world.solutions:
            await super().run()

    def keys(self, event: Event) -> Iterator[Key]:
        """What the change is about, and a new round where it may let something in."""
        space, name = namespace_of(event.obj), name_of(event.obj)
        if event.resource == _JOBS:
            yield space, f"job/{name}"
        elif event.resource == "pods":
            if job := controller_of(event.obj, "Job"):
                yield space, f"job/{job}"
            elif labels_of(event.obj).get(kueue.MANAGED):
                yield space, f"pods/{group_of(event.obj)}"
        elif event.resource != "configmaps" or name == kueue.CONFIG:
            if event.resource == kueue.WORKLOADS:
                yield from self._owner_key(event.obj)
            yield _ROUND

    def _owner_key(self, workload: Obj) -> Iterator[Key]:
        owners = workload["metadata"].get("ownerReferences") or [{}]
        sort = owners[0].get("kind")
        name = owners[0].get("name", "") if sort == "Job" else name_of(workload)
        yield namespace_of(workload), f"{'job' if sort == 'Job' else 'pods'}/{name}"

    def reconcile(self, namespace: str, name: str) -> None:
        """Bring an owner and its Workload together, or let workloads in."""
        if not self.cluster.switches.kueue.runs:
            return
        if (namespace, name) == _ROUND:
            self._round()
            return
        sort, _, short = name.partition("/")
        owner = self._job(namespace, short) if sort == "job" else self._pods(namespace, short)
        if owner is not None and owner.queue:
            self._together(namespace, owner)

    def _round(self) -> None:
        known, switches = config.read(self.registry), self.cluster.switches.gang

        def later(seconds: float) -> None:
            self.enqueue_later(seconds, _ROUND)

        admission.Round(self.registry, known, switches, later, self._tell, self._given_up).run()
        status.tell(self.registry)

    def _tell(self, obj: Obj, reason: str, message: str) -> None:
        self.cluster.recorder.event(obj, "Normal", reason, message, component="kueue-admission")

    def _job(self, namespace: str, name: str) -> Owner | None:
        job = self.registry.find(_JOBS, namespace, name)
        return JobOwner(self.registry, job) if job else None

    def _pods(self, namespace: str, name: str) -> Owner | None:
        managed = (p for p in self.store.select("pods", namespace) if labels_of(p).get(kueue.MANAGED))
        pods = [pod for pod in managed if group_of(pod) == name]
        return PodsOwner(self.registry, name, pods) if pods else None

    def _together(self, namespace: str, owner: Owner) -> None:
        made = owner.make()
        workload = self.registry.find(kueue.WORKLOADS, namespace, name_of(made))
        if workload is None:
            if owner.complete():
                self.registry.create(self.registry.kinds.get(kueue.WORKLOADS), namespace, made)
                self._tell(owner.about(), "CreatedWorkload", f"Created Workload: {namespace}/{name_of(made)}")
        elif owner.result():
            self._finish(workload, owner.result())
        elif deleting(workload):
            return
        elif quota.reserves(workload) and says(workload, "Admitted"):
            self._go(workload, owner)
        else:
            owner.stop()

    def _go(self, workload: Obj, owner: Owner) -> None:
        """An admitted workload runs; its pods must be ready in time."""
        since = self._since.setdefault(uid_of(workload), time.monotonic())
        if owner.start(name_of(workload), self._labels(workload)):
            queue = dig(workload, "status", "admission", "clusterQueue")
            self._tell(owner.about(), "Started", f"Admitted by clusterQueue {queue}")
            return
        if says(workload, "PodsReady"):
            return
        if owner.ready():
            self._note(workload, "PodsReady", "Started", "All pods reached readiness and the workload is running")
            return
        self._expire(workload, owner, since)

    def _expire(self, workload: Obj, owner: Owner, since: float) -> None:
        known, switches = config.read(self.registry), self.cluster.switches.gang
        if known.timeout is None or switches.deadlocks or switches.starts == "in_part":
            return
        left = known.timeout - (time.monotonic() - since)
        if left > 0:
            for key in self._owner_key(workload):
                self.enqueue_later(left, key)
            return
        back_off = known.back_off(int(dig(workload, "status", "requeueState", "count", default=0)) + 1)
        seconds = known.timeout
        self._since.pop(uid_of(workload), None)
        self._change(workload, lambda obj: evict(obj, seconds, back_off))
        if not switches.retries:
            self._given_up.add(uid_of(workload))
        self._tell(
            workload,
            "EvictedDueToPodsReadyTimeout",
            f"Exceeded the PodsReady timeout {namespace_of(workload)}/{name_of(workload)}",
        )
        owner.stop()
        self._tell(
            owner.about(), "Stopped", f"Exceeded the PodsReady timeout {namespace_of(workload)}/{name_of(workload)}"
        )

    def _labels(self, workload: Obj) -> dict[str, str]:
        """Node labels of the flavors that a workload got."""
        labels: dict[str, str] = {}
        for assigned in workload["status"]["admission"]["podSetAssignments"]:
            for flavor in assigned["flavors"].values():
                labels |= dig(self.registry.find(kueue.FLAVORS, "", flavor), "spec", "nodeLabels", default={})
        return labels

    def _finish(self, workload: Obj, result: str) -> None:
        if not says(workload, "Finished"):
            self._note(
                workload, "Finished", result, "Job finished successfully" if result == "Succeeded" else "Job failed"
            )

    def _note(self, workload: Obj, kind: str, reason: str, message: str) -> None:
        self._change(workload, lambda obj: note(obj, kind, holds=True, reason=reason, message=message))

    def _change(self, workload: Obj, edit: Edit) -> None:
        self.registry.change(kueue.WORKLOADS, namespace_of(workload), name_of(workload), edit, sub="status")


def _wait_for_nothing(obj: Obj) -> None:
    obj["data"][kueue.CONFIG_KEY] = config.without_waiting(obj["data"][kueue.CONFIG_KEY])
