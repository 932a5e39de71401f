"""The kubelets of all nodes: they run the pods that are bound to them and write what becomes of them."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, ClassVar

from conformance.simulator.api.options import Options
from conformance.simulator.controllers.base import Controller
from conformance.simulator.devices import DeviceNode, Injection
from conformance.simulator.objects import Obj, deleting, dig, finished, name_of, namespace_of, uid_of
from conformance.simulator.runtime import volumes
from conformance.simulator.runtime.kubelet import DeviceManager
from conformance.simulator.runtime.status import PodState
from conformance.simulator.runtime.worker import Worker

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.simulator.cluster import Cluster
    from conformance.simulator.runtime.process import Watchdog


class Kubelet:
    """One node's agent; a ``worker.Node``."""

    def __init__(self, cluster: "Cluster", manager: DeviceManager, name: str) -> None:
        self._cluster, self.manager, self._name = cluster, manager, name
        self.folder: Path = cluster.folder / "pods"
        self.logs = cluster.logs
        self.watchdog: Watchdog = cluster.watchdog

    def find(self, resource: str, namespace: str, name: str) -> Obj | None:
        """A stored object."""
        return self._cluster.registry.find(resource, namespace, name)

    def inject(self, pod: Obj, container: Obj) -> tuple[Injection, list[Obj]]:
        """Devices of a container."""
        return self.manager.inject(self.fresh(pod), container)

    def devices(self) -> tuple[DeviceNode, ...]:
        """All device nodes of the machine."""
        return self.manager.nodes

    def files(self) -> dict[str, str]:
        """Files that every container can read."""
        return self.manager.files

    def prepare(self, pod: Obj) -> None:
        """Prepare claims."""
        self.manager.prepare(self.fresh(pod))

    def fresh(self, pod: Obj) -> Obj:
        """The pod as it is stored now."""
        return self.find("pods", namespace_of(pod), name_of(pod)) or pod

    def publish(self, pod: Obj, state: PodState) -> None:
        """Write the status of a pod, unless another one has its name by now."""
        current = self.find("pods", namespace_of(pod), name_of(pod))
        if current is not None and uid_of(current) == uid_of(pod):
            self._cluster.registry.change("pods", namespace_of(pod), name_of(pod), state.write, sub="status")
        if state.compute_phase(pod["spec"].get("restartPolicy", "Always")) in ("Succeeded", "Failed"):
            self.manager.release(uid_of(pod))

    def event(self, pod: Obj, kind: str, reason: str, message: str, container: str = "") -> None:
        """Record an event."""
        field = f"spec.containers{{{container}}}" if container else ""
        self._cluster.recorder.event(pod, kind, reason, message, component="kubelet", host=self._name, field=field)


class Kubelets(Controller):
    """Starts a worker for every pod that is bound to a machine that is there."""

    watches: ClassVar[tuple[str, ...]] = ("pods",)

    def __init__(self, cluster: "Cluster") -> None:
        super().__init__(cluster)
        self._kubelets: dict[str, Kubelet] = {}
        self._workers: dict[str, tuple[Worker, asyncio.Task[None]]] = {}
        self._ending: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def reconcile(self, namespace: str, name: str) -> None:
        """Start or end a pod."""
        pod = self.registry.find("pods", namespace, name)
        uids = {uid_of(pod)} if pod else set()
        for uid, (worker, _) in list(self._workers.items()):
            if uid not in uids and worker.is_of(namespace, name) and uid not in self._ending:
                self._end(worker, uid, None, 0)
        kubelet = self._kubelet(dig(pod, "spec", "nodeName", default=""))
        if pod is None or kubelet is None:
            return
        uid = uid_of(pod)
        if deleting(pod):
            self._delete(pod, kubelet)
        elif uid not in self._workers and not finished(pod):
            self._start(pod, kubelet)

    def _kubelet(self, node: str) -> Kubelet | None:
        """The kubelet of a machine, as long as that is there."""
        machine = self.cluster.fleet.find(node)
        if machine is None:
            self._kubelets.pop(node, None)
        elif node not in self._kubelets:
            manager = DeviceManager(self.registry, machine, self.cluster.switches)
            self._kubelets[node] = Kubelet(self.cluster, manager, node)
        return self._kubelets.get(node)

    def _delete(self, pod: Obj, kubelet: Kubelet) -> None:
        uid = uid_of(pod)
        if uid in self._ending:
            return
        found = self._workers.get(uid)
        grace = pod["metadata"].get("deletionGracePeriodSeconds", 0)
        self._end(found[0] if found else None, uid, (pod, kubelet), grace)

    def _start(self, pod: Obj, kubelet: Kubelet) -> None:
        refused = kubelet.manager.admit(pod)
        if refused:
            self._reject(pod, refused)
            return
        worker = Worker(kubelet, pod, self.cluster.addresses.pod())
        self._workers[uid_of(pod)] = (worker, self._spawn(worker.run()))

    def _reject(self, pod: Obj, why: str) -> None:
        def edit(obj: Obj) -> None:
            obj["status"].update(phase="Failed", reason="UnexpectedAdmissionError", message=f"Pod was rejected: {why}")

        self.registry.change("pods", namespace_of(pod), name_of(pod), edit, sub="status")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.cluster.crashed(task)

    def _end(self, worker: Worker | None, uid: str, gone: tuple[Obj, Kubelet] | None, grace: float) -> None:
        self._ending.add(uid)
        self._spawn(self._finish(worker, uid, gone, grace))

    async def _finish(self, worker: Worker | None, uid: str, gone: tuple[Obj, Kubelet] | None, grace: float) -> None:
        if worker:
            if gone:
                for container in gone[0]["spec"]["containers"]:
                    gone[1].event(
                        gone[0], "Normal", "Killing", f"Stopping container {container['name']}", container["name"]
                    )
            await worker.stop(grace)
            await self._workers[uid][1]
        for kubelet in self._kubelets.values():
            kubelet.manager.release(uid)
        if gone:
            pod, kubelet = gone
            volumes.remove(pod, kubelet.folder)
            current = self.registry.find("pods", namespace_of(pod), name_of(pod))
            if current and uid_of(current) == uid:
                self._remove(current)
        self._workers.pop(uid, None)
        self._ending.discard(uid)
        self.cluster.logs.forget(uid)

    def _remove(self, pod: Obj) -> None:
        """The last step of a graceful deletion: the real kubelet deletes with grace 0."""
        if not pod["metadata"].get("finalizers"):
            self.store.remove("pods", namespace_of(pod), name_of(pod))
            return
        self.registry.delete(self.registry.kinds.get("pods"), namespace_of(pod), name_of(pod), Options(grace=0))

    async def stop(self) -> None:
        """Kill everything."""
        for worker, _ in list(self._workers.values()):
            await worker.stop(0)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
