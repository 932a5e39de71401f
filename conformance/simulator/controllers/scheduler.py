"""The scheduler: finds a node for every pod, allocates its claims there, or says why there is none."""

from collections import Counter
from fractions import Fraction
from typing import ClassVar

from conformance.simulator import podresources
from conformance.simulator.api.selectors import node_selector
from conformance.simulator.api.subresources import place
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.controllers.resourceclaims import FINALIZER
from conformance.simulator.objects import (
    Obj,
    condition,
    deleting,
    dig,
    finished,
    labels_of,
    name_of,
    namespace_of,
    set_condition,
    stamp,
    uid_of,
)
from conformance.simulator.quantities import parse
from conformance.simulator.scheduling import (
    CLAIMS,
    CLASSES,
    SLICES,
    AbortedError,
    Allocator,
    CannotAllocateError,
    missing_class,
    usable,
)
from conformance.simulator.storage import Event

NAME = "default-scheduler"
_UNSCHEDULABLE_TAINT = "node.kubernetes.io/unschedulable"


class WaitError(Exception):
    """The pod cannot be looked at yet; the text is the whole message."""


class Scheduler(Controller):
    """Schedules one pod at a time; whatever changes lets the waiting ones try again."""

    watches: ClassVar[tuple[str, ...]] = ("pods", "nodes", CLAIMS, CLASSES, SLICES, "devicetaintrules.resource.k8s.io")

    def keys(self, event: Event) -> list[Key]:
        """The pod itself; all waiting pods where room may have come."""
        if event.resource == "pods" and event.change != "DELETED" and not finished(event.obj):
            return [(namespace_of(event.obj), name_of(event.obj))]
        return [(namespace_of(pod), name_of(pod)) for pod in self.store.select("pods") if self._waits(pod)]

    def _waits(self, pod: Obj) -> bool:
        spec = pod["spec"]
        own = spec.get("schedulerName") == NAME and not spec.get("nodeName")
        return own and not deleting(pod) and not finished(pod) and not spec.get("schedulingGates")

    def reconcile(self, namespace: str, name: str) -> None:
        """Place a pod."""
        pod = self.registry.find("pods", namespace, name)
        if pod is None or not self.cluster.switches.scheduler.runs or not self._waits(pod):
            return
        claims = self._claims(pod)
        if claims is None:
            return
        try:
            self._check(pod, claims)
            node, allocations = self._find(pod, claims)
        except (WaitError, AbortedError) as problem:
            reason = "Unschedulable" if isinstance(problem, WaitError) else "SchedulerError"
            self._refuse(pod, reason, str(problem))
            return
        self._reserve(pod, claims, allocations)
        place(self.registry, "pods", pod, node)
        words = f"Successfully assigned {namespace}/{name} to {node}"
        self.cluster.recorder.event(pod, "Normal", "Scheduled", words, component=NAME)

    def _claims(self, pod: Obj) -> list[Obj] | None:
        """The pod's claims; None while one is missing: such a pod does not enter the queue, and nothing is written about it."""
        known = {s["name"]: s.get("resourceClaimName") for s in dig(pod, "status", "resourceClaimStatuses", default=[])}
        names = [c.get("resourceClaimName") or known.get(c["name"]) for c in pod["spec"].get("resourceClaims") or ()]
        found = [self.registry.find(CLAIMS, namespace_of(pod), name) if name else None for name in names]
        return None if None in found else [claim for claim in found if claim]

    def _check(self, pod: Obj, claims: list[Obj]) -> None:
        """What makes a pod impossible on every node."""
        for claim in claims:
            why = usable(claim, uid_of(pod)) or missing_class(self.store, claim)
            if why:
                raise WaitError(_message(len(self.store.select("nodes")), why))

    def _find(self, pod: Obj, claims: list[Obj]) -> tuple[str, dict[str, Obj]]:
        nodes, reasons = self.store.select("nodes"), Counter[str]()
        fitting = []
        for node in nodes:
            why = self._filter(pod, node)
            if why:
                reasons.update(why)
            else:
                fitting.append(node)
        unallocated = [claim for claim in claims if not dig(claim, "status", "allocation")]
        for node in sorted(fitting, key=self._load):
            try:
                self._allocated_here(claims, node)
                return name_of(node), Allocator(self.store, node).allocate(unallocated) if unallocated else {}
            except CannotAllocateError as problem:
                reasons.update([str(problem)])
        if fitting and unallocated and self.cluster.switches.scheduler.allocates_taken:
            for node in fitting:
                return name_of(node), Allocator(self.store, node).force(unallocated)
        words = ", ".join(
            f"{n} {reason}" for reason, n in sorted(reasons.items(), key=lambda item: f"{item[1]} {item[0]}")
        )
        raise WaitError(_message(len(nodes), words))

    def _load(self, node: Obj) -> tuple[int, str]:
        """Nodes with fewer pods come first."""
        return sum(
            1 for pod in self.store.select("pods") if pod["spec"].get("nodeName") == name_of(node) and not finished(pod)
        ), name_of(node)

    def _allocated_here(self, claims: list[Obj], node: Obj) -> None:
        for claim in claims:
            selector = dig(claim, "status", "allocation", "nodeSelector")
            if selector and not node_selector(selector, node):
                raise CannotAllocateError("resourceclaim not available on the node")

    def _filter(self, pod: Obj, node: Obj) -> list[str]:
        """Reasons why a node does not take a pod."""
        spec = pod["spec"]
        if dig(node, "spec", "unschedulable") and not _tolerates(
            spec, {"key": _UNSCHEDULABLE_TAINT, "effect": "NoSchedule"}
        ):
            return ["node(s) were unschedulable"]
        for taint in dig(node, "spec", "taints", default=[]):
            if taint["effect"] in ("NoSchedule", "NoExecute") and not _tolerates(spec, taint):
                return ["node(s) had untolerated taint(s)"]
        labels = labels_of(node)
        wanted = dig(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
        if any(labels.get(k) != v for k, v in (spec.get("nodeSelector") or {}).items()) or (
            wanted and not node_selector(wanted, node)
        ):
            return ["node(s) didn't match Pod's node affinity/selector"]
        ready = condition(node, "Ready")
        if ready is None or ready["status"] != "True":
            return ["node(s) had untolerated taint(s)"]
        return self._room(pod, node)

    def _room(self, pod: Obj, node: Obj) -> list[str]:
        have = {name: parse(value) for name, value in dig(node, "status", "allocatable", default={}).items()}
        used: podresources.Amounts = {}
        for other in self.store.select("pods"):
            if other["spec"].get("nodeName") == name_of(node) and podresources.holds_resources(other):
                used = podresources.add(used, {**podresources.requests(other), "pods": Fraction(1)})
        reasons = ["Too many pods"] if used.get("pods", 0) + 1 > have.get("pods", 0) else []
        for name, amount in podresources.requests(pod).items():
            if amount and used.get(name, Fraction()) + amount > have.get(name, Fraction()):
                reasons.append(f"Insufficient {name}")
        return reasons

    def _reserve(self, pod: Obj, claims: list[Obj], allocations: dict[str, Obj]) -> None:
        user = {"resource": "pods", "name": name_of(pod), "uid": uid_of(pod)}
        for claim in claims:
            where = (CLAIMS, namespace_of(claim), name_of(claim))
            allocation = allocations.get(name_of(claim))

            def protect(obj: Obj) -> None:
                finalizers = obj["metadata"].setdefault("finalizers", [])
                finalizers += [] if FINALIZER in finalizers else [FINALIZER]

            def write(obj: Obj, allocation: Obj | None = allocation) -> None:
                status = obj.setdefault("status", {})
                if allocation:
                    status["allocation"] = {**allocation, "allocationTimestamp": stamp()}
                users = status.setdefault("reservedFor", [])
                users += [] if user in users else [user]

            if allocation:
                self.registry.change(*where, protect)
            self.registry.change(*where, write, sub="status")

    def _refuse(self, pod: Obj, reason: str, message: str) -> None:
        old = condition(pod, "PodScheduled")
        if old and old.get("message") == message and old.get("reason") == reason:
            return

        def edit(obj: Obj) -> None:
            generation = obj["metadata"].get("generation", 1)
            set_condition(
                obj,
                "PodScheduled",
                "False",
                lastProbeTime=None,
                observedGeneration=generation,
                reason=reason,
                message=message,
            )

        self.registry.change("pods", namespace_of(pod), name_of(pod), edit, sub="status")
        self.cluster.recorder.event(pod, "Warning", "FailedScheduling", message, component=NAME)


def _tolerates(spec: Obj, taint: Obj) -> bool:
    for toleration in spec.get("tolerations") or ():
        key = not toleration.get("key") or toleration["key"] == taint["key"]
        value = toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", "")
        if key and value and toleration.get("effect") in (None, "", taint["effect"]):
            return True
    return False


def _message(count: int, words: str) -> str:
    if not count:
        return "no nodes available to schedule pods"
    helpless = f"preemption: 0/{count} nodes are available: {count} Preemption is not helpful for scheduling."
    return f"0/{count} nodes are available: {words}. {helpless}"
