"""The status of a pod, as the kubelet writes it from what its containers do."""

from dataclasses import dataclass, field
from typing import Any

from conformance.simulator import podresources
from conformance.simulator.objects import Obj, condition, dig, set_condition, stamp
from conformance.simulator.quantities import parse, show, show_bytes
from conformance.simulator.runtime import images

HOST = "127.0.0.1"
CREATING = "ContainerCreating"
_NO_SANDBOX = {"reason": "PodSandboxNotReady", "message": "pod sandbox is not ready"}


@dataclass
class ContainerState:
    """What is known of one container."""

    spec: Obj
    waiting: Obj | None = None
    running: Obj | None = None
    terminated: Obj | None = None
    last: Obj | None = None
    restarts: int = 0
    identifier: str = ""
    identity: tuple[int, int, list[int]] = (0, 0, [])
    resources: list[Obj] = field(default_factory=list)
    """``allocatedResourcesStatus``."""
    passes: bool = True
    """Whether its readiness probe succeeded last; True where it has none."""

    @property
    def ready(self) -> bool:
        """Whether it may be sent traffic."""
        return self.running is not None and self.passes

    @property
    def ended(self) -> bool:
        """Whether it has ended and is not coming back."""
        return self.terminated is not None

    def end(self, code: int, *, reason: str = "", message: str = "") -> None:
        """It has ended."""
        started = (self.running or {}).get("startedAt") or stamp()
        self.terminated = {
            "exitCode": code,
            "reason": reason or ("Completed" if code == 0 else "Error"),
            "startedAt": started,
            "finishedAt": stamp(),
            "containerID": self.identifier,
        }
        if message:
            self.terminated["message"] = message
        self.running = self.waiting = None

    def status(self, *, init: bool) -> Obj:
        """The entry in ``containerStatuses``."""
        image = images.full(self.spec["image"])
        known = bool(self.running or self.terminated or self.last)
        good = self.terminated is not None and self.terminated["exitCode"] == 0
        status: Obj = {
            "image": image if known else self.spec["image"],
            "imageID": images.identity(image) if known else "",
            "lastState": {"terminated": self.last} if self.last else {},
            "name": self.spec["name"],
            "ready": good if init else self.ready,
            "restartCount": self.restarts,
            "started": self.running is not None,
            "state": self._state(),
            "volumeMounts": [
                {
                    "mountPath": m["mountPath"],
                    "name": m["name"],
                    **({"readOnly": True, "recursiveReadOnly": "Disabled"} if m.get("readOnly") else {}),
                }
                for m in self.spec.get("volumeMounts") or ()
            ],
        }
        if not status["volumeMounts"]:
            del status["volumeMounts"]
        if self.identifier:
            status["containerID"] = self.identifier
        return {**status, **self._resources(known=known)}

    def _resources(self, *, known: bool) -> Obj:
        extra: Obj = {"resources": self.spec.get("resources") or {}}
        requests = dig(self.spec, "resources", "requests", default={})
        if requests:
            extra["allocatedResources"] = requests
        if self.resources and self.running:
            extra["allocatedResourcesStatus"] = self.resources
        if known:
            user, group, groups = self.identity
            extra["user"] = {"linux": {"gid": group, "supplementalGroups": groups, "uid": user}}
        return extra

    def _state(self) -> Obj:
        if self.running:
            return {"running": self.running}
        if self.terminated:
            return {"terminated": self.terminated}
        return {"waiting": self.waiting or {"reason": CREATING}}


@dataclass
class PodState:
    """What is known of a pod on its node."""

    init: list[ContainerState]
    main: list[ContainerState]
    started: str
    address: str
    sandbox: bool = False
    reason: str = ""
    message: str = ""
    phase: str = ""
    """Set where the kubelet decides it and not the containers."""

    def compute_phase(self, restart: str) -> str:
        """Phase from the containers."""
        if self.phase:
            return self.phase
        if any(c.ended and c.terminated and c.terminated["exitCode"] and restart == "Never" for c in self.init):
            return "Failed"
        if all(c.ended for c in self.main):
            return "Failed" if any(c.terminated and c.terminated["exitCode"] for c in self.main) else "Succeeded"
        started = any(c.running or c.ended or c.last for c in self.main)
        return "Running" if started and all(c.ended for c in self.init) else "Pending"

    def write(self, pod: Obj) -> None:
        """Put everything into the pod's status."""
        status, generation = pod["status"], pod["metadata"].get("generation", 1)
        phase = self.compute_phase(pod["spec"].get("restartPolicy", "Always"))
        status.update(
            phase=phase, startTime=self.started, observedGeneration=generation, hostIP=HOST, hostIPs=[{"ip": HOST}]
        )
        for key, text in (("reason", self.reason), ("message", self.message)):
            if text:
                status[key] = text
        if self.sandbox:
            status.update(podIP=self.address, podIPs=[{"ip": self.address}])
        self._sums(status, done=phase in ("Succeeded", "Failed"))
        status["containerStatuses"] = [c.status(init=False) for c in self.main]
        if self.init:
            status["initContainerStatuses"] = [c.status(init=True) for c in self.init]
        self._conditions(pod, phase, generation)

    def _sums(self, status: Obj, *, done: bool) -> None:
        """What the containers together were given; of an ended pod the kubelet still knows the memory it asked for."""
        sides: dict[str, Obj] = {}
        for side in ("limits", "requests"):
            total: podresources.Amounts = {}
            for container in self.main:
                amounts = dig(container.spec, "resources", side, default={})
                total = podresources.add(total, {name: parse(value) for name, value in amounts.items()})
            if total:
                sides[side] = {n: show_bytes(v) if n == "memory" else show(v) for n, v in total.items()}
        if "requests" in sides and any(c.running or c.ended for c in self.main):
            status["allocatedResources"] = sides["requests"]
            memory = {"memory": sides["requests"]["memory"]} if "memory" in sides["requests"] else {}
            status["resources"] = ({"requests": memory} if memory else {}) if done else sides

    def _conditions(self, pod: Obj, phase: str, generation: int) -> None:
        done = phase in ("Succeeded", "Failed")
        ended = {"reason": "PodCompleted"} if phase == "Succeeded" else {"reason": "PodFailed"} if done else {}
        unready = [c.spec["name"] for c in self.main if not c.ready]
        missing = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(unready)}]"}
        waiting = [c.spec["name"] for c in self.init if not c.ended]
        incomplete = {
            "reason": "ContainersNotInitialized",
            "message": f"containers with incomplete status: [{' '.join(waiting)}]",
        }
        ready = not unready and not done
        for kind, good, why in (
            ("PodReadyToStartContainers", self.sandbox and not done, _NO_SANDBOX if done else {}),
            ("Initialized", not waiting, ended if phase == "Succeeded" else {} if not waiting else incomplete),
            ("Ready", ready, {} if ready else ended if done else missing),
            ("ContainersReady", ready, {} if ready else ended if done else missing),
        ):
            fields: dict[str, Any] = {"lastProbeTime": None, "observedGeneration": generation, **why}
            set_condition(pod, kind, "True" if good else "False", **fields)
        scheduled = condition(pod, "PodScheduled")
        if scheduled:
            conditions = pod["status"]["conditions"]
            conditions.remove(scheduled)
            conditions.append(scheduled)
