"""What Kueue writes on its queues: whether they work, how many workloads wait, and how much quota is used."""

from typing import Any

from conformance.simulator.api.registry import Registry
from conformance.simulator.kueue import LOCAL, QUEUES, WORKLOADS, quota
from conformance.simulator.kueue.workload import note, says
from conformance.simulator.objects import Obj, dig, name_of, namespace_of
from conformance.simulator.quantities import show


def tell(registry: Registry) -> None:
    """Write the status of all queues."""
    workloads, store = registry.store.select(WORKLOADS), registry.store
    queues = {name_of(queue): queue for queue in store.select(QUEUES)}
    locals_ = store.select(LOCAL)
    behind = {(namespace_of(q), name_of(q)): str(dig(q, "spec", "clusterQueue", default="")) for q in locals_}
    for name, queue in queues.items():
        own = [w for w in workloads if behind.get((namespace_of(w), w["spec"].get("queueName", ""))) == name]
        missing = quota.missing_flavors(store, queue)
        why = (
            "FlavorNotFound",
            f"Can't admit new workloads: references missing ResourceFlavor(s): {', '.join(missing)}.",
        )
        usage = _shown(quota.used(workloads, name))
        _write(registry, queue, own, usage, why if missing else None)
    for queue in locals_:
        own = [
            w
            for w in workloads
            if (namespace_of(w), w["spec"].get("queueName")) == (namespace_of(queue), name_of(queue))
        ]
        target = behind[namespace_of(queue), name_of(queue)]
        why = ("ClusterQueueDoesNotExist", f"Can't submit new workloads to clusterQueue {target}")
        usage = _shown(quota.used(own, target))
        _write(registry, queue, own, usage, None if target in queues else why)


def _shown(usage: quota.Usage) -> list[Obj]:
    flavors: dict[str, list[Obj]] = {}
    for (flavor, name), amount in sorted(usage.items()):
        flavors.setdefault(flavor, []).append({"name": name, "total": show(amount)})
    return [{"name": flavor, "resources": resources} for flavor, resources in flavors.items()]


def _write(registry: Registry, queue: Obj, own: list[Obj], usage: list[Obj], problem: tuple[str, str] | None) -> None:
    reserving = [w for w in own if quota.reserves(w)]
    waiting = [w for w in own if not quota.reserves(w) and not says(w, "Finished")]
    counts: dict[str, Any] = {
        "pendingWorkloads": len(waiting),
        "reservingWorkloads": len(reserving),
        "admittedWorkloads": sum(1 for w in reserving if says(w, "Admitted")),
        "flavorsReservation": usage,
        "flavorsUsage": usage,
    }
    reason, message = problem or ("Ready", "Can admit new workloads")

    def edit(obj: Obj) -> None:
        obj.setdefault("status", {}).update(counts)
        note(obj, "Active", holds=problem is None, reason=reason, message=message)

    resource = QUEUES if queue["kind"] == "ClusterQueue" else LOCAL
    registry.change(resource, namespace_of(queue), name_of(queue), edit, sub="status")
