"""The queue that a gang is submitted to: for Kueue one of the user's, or one of our own where that is allowed.

Volcano and KAI have one of their own for everybody, which may be gone, closed or too small on a cluster that has others.
"""

import math
from dataclasses import dataclass

from conformance.adapters.gang import kai, kueue, volcano
from conformance.adapters.look import Look
from conformance.adapters.metrics.quantity import number
from conformance.cluster import errors, waiting
from conformance.cluster.api import Object
from conformance.inventory import odd
from conformance.inventory.solutions import Solution
from conformance.probes.gang.free_room import DeviceUnit, Room
from conformance.probes.sandbox import Sandbox
from conformance.verdicts import Unknown

ACTIVE_SECONDS = 30.0
PLENTY = {"cpu": "100000", "memory": "100000Gi"}
"""Quota for what the probe pods ask for besides devices: never what holds a gang back."""
EVERYBODYS = {"volcano": (volcano.GROUP, volcano.QUEUE), "kai": (kai.GROUP, kai.QUEUE)}
"""API group and name of the queue that a solution has for everybody."""


@dataclass(frozen=True, kw_only=True)
class Queue:
    """Where gangs are submitted."""

    name: str = ""
    namespace: str = ""
    """Namespace that gangs have to run in; empty: the sandbox's own."""
    own: bool = True
    """Whether it is ours, so that its quota is known to be enough."""
    timeout: float | None = 0.0
    """Seconds after which a gang that was admitted and does not start as a whole is evicted; None: never."""

    @property
    def wait(self) -> int:
        """The same as whole seconds."""
        return math.ceil(self.timeout or 0.0)


def prepare(sandbox: Sandbox, solution: Solution, room: Room) -> Queue:
    """The queue for a solution. ``Unknown`` with the cure where Kueue may be given none."""
    if solution.id in EVERYBODYS:
        _usable(sandbox, solution, room)
    if solution.id != "kueue":
        return Queue()
    config = kueue.configuration(sandbox.api, solution.namespace)
    sandbox.evidence.step("read Kueue's configuration", observed=config.seen)
    if sandbox.settings.local_queue:
        namespace, _, name = sandbox.settings.local_queue.partition("/")
        _active(sandbox, solution, namespace, name)
        return Queue(name=name, namespace=namespace, own=False, timeout=config.timeout)
    if not sandbox.settings.create_queues:
        raise Unknown(
            "Kueue needs a queue: --local-queue NAMESPACE/NAME uses one that exists, --create-queues makes one "
            "with a quota of its own over the devices that are free",
            code="no_queue",
        )
    return _made(sandbox, solution, room, config)


def _usable(sandbox: Sandbox, solution: Solution, room: Room) -> None:
    """``Unknown`` where everybody's queue takes no gang of this size; one that must not be read is taken to do so."""
    group, name = EVERYBODYS[solution.id]
    served = Look(sandbox.api).served(group, "queues")
    if not served:
        return
    try:
        queue = sandbox.api.get(f"/apis/{served}/queues/{name}")
    except errors.Forbidden:
        return
    except errors.NotFound as error:
        raise Unknown(f"{solution.title} has no queue {name}, in which gangs are tried", code="no_queue") from error
    if (state := odd.part(queue, "status").get("state")) in ("Closed", "Closing"):
        raise Unknown(f"queue {name} of {solution.title} is {state}", code="no_queue")
    most = _most(queue, room)
    if most is not None and most < room.free:
        seen = (
            f"queue {name} of {solution.title} gives {most:g} devices, and {room.free} are free where gangs are tried"
        )
        raise Unknown(seen, code="queue_refuses")


def _most(queue: Object, room: Room) -> float | None:
    """Devices that a queue of Volcano or KAI gives at most, where it says so; to KAI no number above zero is no limit."""
    unit = room.unit
    if not isinstance(unit, DeviceUnit) or unit.by_claim:
        return None
    told = number(odd.part(queue, "spec", "capability").get(unit.kind.name))
    limit = number(odd.part(queue, "spec", "resources", "gpu").get("limit"))
    return told if told is not None else limit if limit and limit > 0 else None


def _made(sandbox: Sandbox, solution: Solution, room: Room, config: kueue.Config) -> Queue:
    namespace, name = sandbox.namespace(), f"ai-conformance-{sandbox.own}"
    covers = PLENTY | _devices(room, config)
    for plural, body in kueue.queue_pieces(solution.group_version, name, namespace, covers):
        if plural == "localqueues":
            sandbox.create(plural, body, namespace=namespace, group_version=solution.group_version)
        else:
            sandbox.create_cluster_scoped(f"/apis/{solution.group_version}/{plural}", body)
    quota = ", ".join(f"{resource}: {amount}" for resource, amount in covers.items())
    sandbox.evidence.step("made a queue of our own", observed=f"{name} with quota {quota}", obj=f"ClusterQueue {name}")
    _active(sandbox, solution, namespace, name)
    return Queue(name=name, timeout=config.timeout)


def _devices(room: Room, config: kueue.Config) -> dict[str, str]:
    """Quota for twice the devices that are free: two gangs are admitted, so that placing decides and not arithmetic."""
    unit = room.unit
    if not isinstance(unit, DeviceUnit):
        return {}
    resource = config.classes.get(str(unit.kind.device_class), "") if unit.by_claim else unit.kind.name
    if not resource:
        seen = f"{config.seen}; it maps {', '.join(config.classes) or 'no DeviceClass'}"
        raise Unknown(
            f"Kueue counts no devices of DeviceClass {unit.kind.device_class}: {seen}; add it to "
            f"resources.deviceClassMappings in ConfigMap {kueue.CONFIG}",
            code="no_device_class_mapping",
        )
    return {resource: str(2 * room.free)}


def _active(sandbox: Sandbox, solution: Solution, namespace: str, name: str) -> None:
    """Wait until Kueue has taken the queue up; ``Unknown`` where it does not exist, or says that it is not active."""
    collection = sandbox.path("localqueues", namespace=namespace, group_version=solution.group_version)
    limit = sandbox.limit(ACTIVE_SECONDS)
    try:
        waiting.wait_for(
            sandbox.api, collection, name, _is_active, limit=limit, what=f"queue {name} to be active", show=_says
        )
    except errors.NotFound as error:
        raise Unknown(f"there is no LocalQueue {namespace}/{name}", code="no_queue") from error
    except errors.WaitTimeout as error:
        raise Unknown(
            f"LocalQueue {namespace}/{name} is not active: {error.last or 'no condition'}", code="no_queue"
        ) from error


def _is_active(queue: Object) -> bool | None:
    conditions = odd.entries(odd.part(queue, "status"), "conditions")
    return True if any(c.get("type") == "Active" and c.get("status") == "True" for c in conditions) else None


def _says(queue: Object) -> str:
    conditions = odd.entries(odd.part(queue, "status"), "conditions")
    return "; ".join(f"{c.get('type')}={c.get('status')} {c.get('reason')}: {c.get('message')}" for c in conditions)
