"""One round of admission: workloads that wait are looked at in their order, and get quota or a reason."""

from collections.abc import Callable
from dataclasses import dataclass

from conformance.simulator.api.registry import Registry
from conformance.simulator.kueue import LOCAL, QUEUES, WORKLOADS, quota
from conformance.simulator.kueue.config import Config
from conformance.simulator.kueue.quota import NoQuotaError
from conformance.simulator.kueue.workload import admit, note, says
from conformance.simulator.objects import Obj, age, condition, deleting, dig, labels_of, name_of, namespace_of
from conformance.simulator.switches import GangSwitches

Later = Callable[[float], None]
Told = Callable[[Obj, str, str], None]


@dataclass(frozen=True)
class Round:
    """What a round of admission needs."""

    registry: Registry
    config: Config
    switches: GangSwitches
    later: Later
    """Ask for another round after some seconds."""
    told: Told
    """Record an event on a Workload."""
    given_up: set[str]
    """Workloads that a faulty Kueue never looks at again."""

    def run(self) -> None:
        """Look at every workload that waits."""
        waiting = [w for w in self.registry.store.select(WORKLOADS) if _waits(w)]
        stuck: set[str] = set()
        for workload in sorted(waiting, key=_order):
            left = _seconds_left(workload)
            if left > 0:
                self.later(left)
            elif workload["metadata"]["uid"] not in self.given_up:
                self._try(workload, stuck)

    def _try(self, workload: Obj, stuck: set[str]) -> None:
        _, queue = self._queue(workload)
        if queue is not None and name_of(queue) in stuck:
            self._hold(workload, "WaitingForQuota", "waits for an older workload of the same queue")
            return
        try:
            self._admit(workload)
        except NoQuotaError as problem:
            self._hold(workload, problem.reason, str(problem))
            if queue is not None and queue["spec"].get("queueingStrategy") == "StrictFIFO":
                stuck.add(name_of(queue))

    def _queue(self, workload: Obj) -> tuple[Obj | None, Obj | None]:
        name = workload["spec"].get("queueName", "")
        local = self.registry.find(LOCAL, namespace_of(workload), name)
        return local, self.registry.find(QUEUES, "", dig(local, "spec", "clusterQueue", default=""))

    def _admit(self, workload: Obj) -> None:
        local, queue = self._queue(workload)
        if local is None:
            raise NoQuotaError("Inadmissible", f"LocalQueue {workload['spec'].get('queueName', '')} doesn't exist")
        if queue is None:
            raise NoQuotaError("Inadmissible", f"ClusterQueue {dig(local, 'spec', 'clusterQueue')} doesn't exist")
        self._check(workload, local, queue)
        others = self.registry.store.select(WORKLOADS)
        wanted = quota.demand(self.registry.store, workload, self.config)
        usage = quota.used(others, name_of(queue))
        found = quota.assign(queue, wanted, usage, force=self.switches.beyond_capacity)
        blocks = self.config.timeout is not None and self.config.blocks and not self.switches.deadlocks
        if blocks and any(quota.reserves(w) and not says(w, "PodsReady") for w in others):
            raise NoQuotaError("WaitingForPodsReady", "waiting for all admitted workloads to be in PodsReady condition")
        self._change(workload, lambda obj: admit(obj, name_of(queue), found))
        self.told(workload, "QuotaReserved", f"Quota reserved in ClusterQueue {name_of(queue)}")
        self.told(workload, "Admitted", f"Admitted by ClusterQueue {name_of(queue)}")

    def _check(self, workload: Obj, local: Obj, queue: Obj) -> None:
        """What keeps a whole queue from admitting anything."""
        name = name_of(queue)
        if any(dig(q, "spec", "stopPolicy", default="None") != "None" for q in (local, queue)):
            raise NoQuotaError("Inadmissible", f"queue {name} is stopped")
        selector = queue["spec"].get("namespaceSelector")
        space = self.registry.find("namespaces", "", namespace_of(workload))
        labels = labels_of(space) if space else {}
        if selector is None or any(labels.get(k) != v for k, v in (selector.get("matchLabels") or {}).items()):
            raise NoQuotaError("Inadmissible", "Workload namespace doesn't match ClusterQueue selector")
        if quota.missing_flavors(self.registry.store, queue):
            raise NoQuotaError("Inadmissible", f"ClusterQueue {name} is inactive")

    def _hold(self, workload: Obj, reason: str, message: str) -> None:
        if not self.switches.retries:
            self.given_up.add(workload["metadata"]["uid"])
        old = condition(workload, "QuotaReserved")
        if old and (old["reason"], old["message"]) == (reason, message):
            return

        def edit(obj: Obj) -> None:
            note(obj, "QuotaReserved", holds=False, reason=reason, message=message)
            if condition(obj, "Requeued"):
                note(obj, "Requeued", holds=True, reason="BackoffFinished", message="The workload backoff was finished")

        self._change(workload, edit)
        self.told(workload, "Pending", message)

    def _change(self, workload: Obj, edit: Callable[[Obj], None]) -> None:
        self.registry.change(WORKLOADS, namespace_of(workload), name_of(workload), edit, sub="status")


def _waits(workload: Obj) -> bool:
    active = workload["spec"].get("active", True)
    return bool(active) and not quota.reserves(workload) and not says(workload, "Finished") and not deleting(workload)


def _seconds_left(workload: Obj) -> float:
    moment = dig(workload, "status", "requeueState", "requeueAt")
    return -age(moment) if moment else 0.0


def _order(workload: Obj) -> tuple[int, str, str, str]:
    """Higher priority first, then who has waited longest since it came or was evicted."""
    evicted = condition(workload, "Evicted")
    since = evicted["lastTransitionTime"] if evicted else workload["metadata"]["creationTimestamp"]
    return -int(workload["spec"].get("priority") or 0), since, namespace_of(workload), name_of(workload)
