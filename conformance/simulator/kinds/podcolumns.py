"""The columns of pods: what a pod is waiting for or died of, in one word."""

from collections.abc import Callable

from conformance.simulator.kinds.printing import AGE, NAME, Column, since
from conformance.simulator.objects import Obj, condition, deleting, dig


def _statuses(pod: Obj, group: str = "containerStatuses") -> list[Obj]:
    return list(dig(pod, "status", group, default=[]))


def _ready(pod: Obj) -> str:
    statuses = _statuses(pod)
    return f"{sum(1 for s in statuses if s.get('ready'))}/{len(pod['spec'].get('containers') or ())}"


def _end(terminated: Obj) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    return f"Signal:{terminated['signal']}" if terminated.get("signal") else f"ExitCode:{terminated.get('exitCode', 0)}"


def _initializing(pod: Obj) -> str | None:
    statuses = _statuses(pod, "initContainerStatuses")
    for n, status in enumerate(statuses):
        terminated, waiting = dig(status, "state", "terminated"), dig(status, "state", "waiting")
        if terminated and terminated.get("exitCode") == 0:
            continue
        if terminated:
            return f"Init:{_end(terminated)}"
        if waiting and waiting.get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{waiting['reason']}"
        return f"Init:{n}/{len(statuses)}"
    return None


def pod_status(pod: Obj) -> str:
    """The word in the column STATUS."""
    words = str(dig(pod, "status", "reason") or dig(pod, "status", "phase", default="Unknown"))
    scheduled = condition(pod, "PodScheduled")
    if scheduled and scheduled.get("reason") == "SchedulingGated":
        words = "SchedulingGated"
    starting, running = _initializing(pod), False
    if starting:
        words = starting
    else:
        for status in reversed(_statuses(pod)):
            waiting, terminated = dig(status, "state", "waiting"), dig(status, "state", "terminated")
            running = running or bool(status.get("ready") and dig(status, "state", "running"))
            if waiting and waiting.get("reason"):
                words = waiting["reason"]
            elif terminated:
                words = _end(terminated)
        if words == "Completed" and running:
            ready = condition(pod, "Ready")
            words = "Running" if ready and ready["status"] == "True" else "NotReady"
    return "Terminating" if deleting(pod) and dig(pod, "status", "phase") not in ("Succeeded", "Failed") else words


def _restarts(pod: Obj) -> str:
    statuses = _statuses(pod)
    count = sum(status.get("restartCount", 0) for status in statuses)
    ends = [end for status in statuses if (end := dig(status, "lastState", "terminated", "finishedAt"))]
    return f"{count} ({since(max(ends))} ago)" if count and ends else str(count)


def _gates(pod: Obj) -> str:
    gates = pod["spec"].get("readinessGates") or []
    true = sum(1 for gate in gates if (condition(pod, gate["conditionType"]) or {}).get("status") == "True")
    return f"{true}/{len(gates)}" if gates else "<none>"


def _or_none(*path: str) -> Callable[[Obj], str]:
    return lambda pod: str(dig(pod, *path) or "<none>")


POD = (
    NAME,
    Column("Ready", _ready),
    Column("Status", pod_status),
    Column("Restarts", _restarts),
    AGE,
    Column("IP", _or_none("status", "podIP"), priority=1),
    Column("Node", _or_none("spec", "nodeName"), priority=1),
    Column("Nominated Node", _or_none("status", "nominatedNodeName"), priority=1),
    Column("Readiness Gates", _gates, priority=1),
)


def pod_names() -> tuple[Column, ...]:
    """The wide columns of workloads: containers, images and selector of their template."""

    def of(key: str) -> Callable[[Obj], str]:
        return lambda obj: ",".join(
            str(c.get(key)) for c in dig(obj, "spec", "template", "spec", "containers", default=[])
        )

    def selector(obj: Obj) -> str:
        return (
            ",".join(f"{k}={v}" for k, v in sorted(dig(obj, "spec", "selector", "matchLabels", default={}).items()))
            or "<none>"
        )

    return (
        Column("Containers", of("name"), priority=1),
        Column("Images", of("image"), priority=1),
        Column("Selector", selector, priority=1),
    )
