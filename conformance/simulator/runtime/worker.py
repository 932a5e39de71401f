"""One pod on its node: from the first look at its spec to the last of its processes."""

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from conformance.simulator.devices import DeviceNode, Injection
from conformance.simulator.objects import Obj, name_of, namespace_of, stamp, uid_of
from conformance.simulator.runtime import images, volumes
from conformance.simulator.runtime.container import ConfigError, Container
from conformance.simulator.runtime.logs import LogStore
from conformance.simulator.runtime.process import Process, Watchdog
from conformance.simulator.runtime.readiness import Probe
from conformance.simulator.runtime.status import CREATING, ContainerState, PodState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

RETRY = 1.0
"""Seconds until the kubelet tries again what failed (volumes, claims)."""
BACK_OFF = (10.0, 20.0, 40.0, 80.0, 160.0, 300.0)
"""Seconds between restarts of a container."""


class NotReadyError(Exception):
    """The pod cannot start yet; ``reason`` and text are those of the kubelet's event."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class Node(Protocol):
    """What a pod needs of its kubelet."""

    folder: Path
    logs: LogStore
    watchdog: Watchdog

    def find(self, resource: str, namespace: str, name: str) -> Obj | None:
        """A stored object."""
        ...

    def inject(self, pod: Obj, container: Obj) -> tuple[Injection, list[Obj]]:
        """Devices of a container, and its ``allocatedResourcesStatus``."""
        ...

    def devices(self) -> tuple[DeviceNode, ...]:
        """All device nodes of the machine behind which something answers."""
        ...

    def files(self) -> dict[str, str]:
        """Files that every container on the node can read."""
        ...

    def prepare(self, pod: Obj) -> None:
        """Prepare claims; ``NotReadyError`` where that fails."""
        ...

    def publish(self, pod: Obj, state: PodState) -> None:
        """Write the status."""
        ...

    def event(self, pod: Obj, kind: str, reason: str, message: str, container: str = "") -> None:
        """Record an event of the pod."""
        ...


class Worker:
    """Runs one pod."""

    def __init__(self, node: Node, pod: Obj, address: str) -> None:
        self._node, self._pod = node, pod
        self._folder = node.folder / uid_of(pod)
        self.state = PodState(
            [ContainerState(c, waiting={"reason": "PodInitializing"}) for c in pod["spec"].get("initContainers") or ()],
            [ContainerState(c, waiting={"reason": CREATING}) for c in pod["spec"]["containers"]],
            stamp(),
            address,
        )
        if self.state.init:
            for container in self.state.main:
                container.waiting = {"reason": "PodInitializing"}
        self._running: dict[str, Process] = {}
        self._stopping = asyncio.Event()

    def _publish(self) -> None:
        self._node.publish(self._pod, self.state)

    async def run(self) -> None:
        """Start everything and stay until the pod has ended."""
        self._publish()
        deadline = self._pod["spec"].get("activeDeadlineSeconds")
        guard = asyncio.create_task(self._expire(deadline)) if deadline else None
        try:
            await self._set_up()
            await self._initialize()
            if not self._stopping.is_set() and self.state.compute_phase(self._policy) == "Pending":
                await asyncio.gather(*(self._keep(container, self._policy) for container in self.state.main))
        finally:
            if guard:
                guard.cancel()
        self._publish()

    @property
    def _policy(self) -> str:
        return str(self._pod["spec"].get("restartPolicy", "Always"))

    async def _set_up(self) -> None:
        while not self._stopping.is_set():
            try:
                self._node.prepare(self._pod)
                volumes.make(self._pod, self._folder / "volumes", self._node.find)
                break
            except NotReadyError as problem:
                self._node.event(self._pod, "Warning", problem.reason, str(problem))
            except volumes.MountFailedError as problem:
                self._node.event(self._pod, "Warning", "FailedMount", str(problem))
            await self._pause(RETRY)
        self.state.sandbox = not self._stopping.is_set()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

    async def _initialize(self) -> None:
        policy = "Never" if self._policy == "Never" else "OnFailure"
        for container in self.state.init:
            if self._stopping.is_set():
                return
            await self._keep(container, policy)
            if container.terminated and container.terminated["exitCode"]:
                return

    async def _keep(self, container: ContainerState, policy: str) -> None:
        """Run a container as often as its policy says."""
        while not self._stopping.is_set():
            if not await self._once(container):
                return
            code = (container.terminated or {}).get("exitCode", 0)
            again = policy == "Always" or (policy == "OnFailure" and code)
            if not again or self._stopping.is_set():
                return
            container.last, container.terminated = container.terminated, None
            wait = BACK_OFF[min(container.restarts, len(BACK_OFF) - 1)] if container.restarts else 0.0
            container.restarts += 1
            if wait:
                words = f"back-off {wait:.0f}s restarting failed container={container.spec['name']} pod={volumes.describe(self._pod)}"
                container.waiting = {"reason": "CrashLoopBackOff", "message": words}
                self._publish()
                self._node.event(self._pod, "Warning", "BackOff", words, container.spec["name"])
                await self._pause(wait)

    async def _once(self, container: ContainerState) -> bool:
        """One run; False where the container never started and never will."""
        command = await self._pull(container)
        if command is None or self._stopping.is_set():
            return False
        if container.spec["image"].startswith(images.STAND_IN):
            return await self._stand_in(container)
        injection, container.resources = self._node.inject(self._pod, container.spec)
        devices, files = self._node.devices(), self._node.files()
        made = Container(self._pod, container.spec, self._folder, injection, devices, files, self.state.address)
        container.identity = made.identity
        try:
            made.prepare()
            launch = made.launch(self._node.find, command)
        except ConfigError as problem:
            return await self._cannot(container, "CreateContainerConfigError", str(problem))
        log = self._node.logs.open(uid_of(self._pod), container.spec["name"])
        try:
            process = await Process.start(launch, log, self._node.watchdog)
        except OSError as problem:
            log.close()
            program, why = launch.command[0], str(problem.strerror).lower()
            words = f'failed to create containerd task: failed to create shim task: exec: "{program}": stat {program}: {why}'
            container.identifier = f"containerd://{uid_of(self._pod).replace('-', '')}"
            container.end(128, reason="StartError", message=words)
            self._publish()
            return True
        await self._watch(container, process, made)
        return True

    async def _watch(self, container: ContainerState, process: Process, made: Container) -> None:
        name = container.spec["name"]
        self._node.event(self._pod, "Normal", "Created", "Container created", name)
        container.identifier = f"containerd://{uid_of(self._pod).replace('-', '')}{process_mark(process)}"
        container.waiting, container.running = None, {"startedAt": stamp()}
        self._running[name] = process
        if self._stopping.is_set():
            process.signal(signal.SIGKILL)
        self._node.event(self._pod, "Normal", "Started", "Container started", name)
        container.passes = not container.spec.get("readinessProbe")
        self._publish()
        probing = None if container.passes else asyncio.create_task(self._probe(container, made))
        code = await process.wait()
        del self._running[name]
        if probing:
            probing.cancel()
        container.end(code)
        self._publish()

    async def _stand_in(self, container: ContainerState) -> bool:
        """A container whose program is the simulator itself: it runs until it is stopped."""
        container.identifier = f"containerd://{uid_of(self._pod).replace('-', '')}{0:032x}"
        container.waiting, container.running = None, {"startedAt": stamp()}
        self._node.event(self._pod, "Normal", "Started", "Container started", container.spec["name"])
        self._publish()
        await self._stopping.wait()
        container.end(0)
        self._publish()
        return True

    async def _probe(self, container: ContainerState, made: Container) -> None:
        """Let the readiness probe decide whether the container is ready, as long as it runs."""
        probe = Probe(container.spec, self.state.address, lambda command: made.beside(self._node.find, command))
        async for passes, words in probe.results():
            if words:
                text = f"Readiness probe failed: {words}"
                self._node.event(self._pod, "Warning", "Unhealthy", text, container.spec["name"])
            if passes != container.passes:
                container.passes = passes
                self._publish()

    async def _pull(self, container: ContainerState) -> tuple[str, ...] | None:
        image, name = container.spec["image"], container.spec["name"]
        command = images.command(image)
        if command is not None:
            words = f'Container image "{image}" already present on machine and can be accessed by the pod'
            self._node.event(self._pod, "Normal", "Pulled", words, name)
            return command
        problem = f'failed to pull and unpack image "{images.full(image)}": no such image in the simulated cluster'
        words = f'Failed to pull image "{image}": {problem}'
        self._node.event(self._pod, "Warning", "Failed", words, name)
        container.waiting = {"reason": "ErrImagePull", "message": problem}
        self._publish()
        await self._pause(RETRY)
        container.waiting = {
            "reason": "ImagePullBackOff",
            "message": f'Back-off pulling image "{image}": ErrImagePull: {problem}',
        }
        self._publish()
        await self._stopping.wait()
        return None

    async def _cannot(self, container: ContainerState, reason: str, message: str) -> bool:
        container.waiting = {"reason": reason, "message": message}
        self._node.event(self._pod, "Warning", "Failed", f"Error: {message}", container.spec["name"])
        self._publish()
        await self._stopping.wait()
        return False

    async def _expire(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self.state.phase, self.state.reason = "Failed", "DeadlineExceeded"
        self.state.message = "Pod was active on the node longer than the specified deadline"
        await self.stop(min(self._pod["spec"].get("terminationGracePeriodSeconds", 30), 2))

    async def stop(self, grace: float) -> None:
        """End all processes: politely first."""
        self._stopping.set()
        for process in self._running.values():
            process.signal(signal.SIGTERM)
        await self._until_ended(grace)
        for process in self._running.values():
            process.signal(signal.SIGKILL)
        await self._until_ended(None)

    async def _until_ended(self, seconds: float | None) -> None:
        waits: list[Callable[[], Awaitable[int]]] = [process.ended for process in self._running.values()]
        if waits and (seconds is None or seconds > 0):
            await asyncio.wait([asyncio.ensure_future(wait()) for wait in waits], timeout=seconds)

    def is_of(self, namespace: str, name: str) -> bool:
        """Whether this is a pod of that name."""
        return (namespace_of(self._pod), name_of(self._pod)) == (namespace, name)


def process_mark(process: Process) -> str:
    """Distinguishes the runs of a container."""
    return f"{process.number:032x}"
