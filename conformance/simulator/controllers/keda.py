"""A stand-in for KEDA's operator: turns each ScaledObject into an autoscaler on an external metric, and tells its state."""

import asyncio
import time
from typing import TYPE_CHECKING, Any, ClassVar

from conformance.simulator import addons
from conformance.simulator.api.errors import Refused
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.kinds import Kind
from conformance.simulator.metrics import kedacrd
from conformance.simulator.metrics.keda import LABEL, RESOURCE, Scalers, TriggerError, metric_name
from conformance.simulator.objects import (
    Obj,
    condition,
    deleting,
    dig,
    name_of,
    namespace_of,
    stamp,
    thaw,
    uid_of,
)
from conformance.simulator.storage import Event
from conformance.simulator.workloads import controlled, controller_of, owner_reference

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

SPACE, OPERATOR = "keda", "keda-operator"
RETRY = 2.0
"""Seconds until a ScaledObject that could not be is looked at again."""
FINALIZER = "finalizer.keda.sh"
_HPAS, _CRDS = "horizontalpodautoscalers.autoscaling", "customresourcedefinitions.apiextensions.k8s.io"
_READY = ("ScaledObjectReady", "ScaledObject is defined correctly and is ready for scaling")


class Keda(Controller):
    """Keeps the autoscalers of ScaledObjects, and looks at their triggers."""

    watches: ClassVar[tuple[str, ...]] = (RESOURCE, _HPAS, "pods")

    def __init__(self, cluster: "Cluster") -> None:
        super().__init__(cluster)
        self._on = self.world.metrics.external == "keda" and bool(self.world.nodes)
        self._scalers = Scalers(self.store)
        self._polls: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Make its definition and its deployments."""
        if not self._on:
            return
        self.registry.create(self.registry.kinds.get(_CRDS), "", thaw(kedacrd.DEFINITION))
        addons.namespace(self.registry, SPACE)
        for name, image in ((OPERATOR, "keda:2.20.0"), ("keda-admission", "keda-admission-webhooks:2.20.0")):
            addons.deployment(self.registry, SPACE, name, image, node=self.world.nodes[0].name)

    async def settle(self) -> None:
        """Wait until the operator works."""
        if self._on:
            await self.until(lambda: self.registry.kinds.has(RESOURCE) and addons.alive(self.registry, SPACE, OPERATOR))

    def keys(self, event: Event) -> list[Key]:
        """The ScaledObject, or the one that an autoscaler belongs to; all of them when the operator comes up."""
        space = namespace_of(event.obj)
        if event.resource == "pods":
            every = self.store.select(RESOURCE) if space == SPACE else []
            return [(namespace_of(obj), name_of(obj)) for obj in every]
        name = name_of(event.obj) if event.resource == RESOURCE else controller_of(event.obj, "ScaledObject")
        return [(space, name)] if name else []

    def reconcile(self, namespace: str, name: str) -> None:
        """Make what a ScaledObject asks for."""
        found = self.registry.find(RESOURCE, namespace, name)
        if found is None or not self._on or not addons.alive(self.registry, SPACE, OPERATOR):
            return
        if deleting(found):
            self._remove(found)
            return
        if FINALIZER not in (found["metadata"].get("finalizers") or ()) or LABEL not in (
            found["metadata"].get("labels") or {}
        ):
            self._mark(found)
            return
        problem = self._problem(found)
        if problem:
            self._fail(found, problem)
            self.enqueue_later(RETRY, (namespace, name))
            return
        try:
            hpa = self._autoscaler(found)
        except Refused as refused:
            self._fail(found, f"failed to ensure HPA is correctly created for ScaledObject: {refused.message}")
            return
        self._tell(found, hpa)
        if uid_of(found) not in self._polls:
            task = asyncio.create_task(self._poll(namespace, name, uid_of(found)))
            self._polls[uid_of(found)] = task
            task.add_done_callback(lambda done: None if done.cancelled() else self.cluster.crashed(done))

    def _mark(self, found: Obj) -> None:
        def mark(obj: Obj) -> None:
            meta = obj["metadata"]
            finalizers = meta.setdefault("finalizers", [])
            finalizers += [] if FINALIZER in finalizers else [FINALIZER]
            meta.setdefault("labels", {})[LABEL] = name_of(obj)

        self.registry.change(RESOURCE, namespace_of(found), name_of(found), mark)

    def _remove(self, found: Obj) -> None:
        poll = self._polls.pop(uid_of(found), None)
        if poll:
            poll.cancel()
        for hpa in self.store.select(_HPAS, namespace_of(found)):
            if controlled(hpa, found):
                self.registry.delete(self.registry.kinds.get(_HPAS), namespace_of(hpa), name_of(hpa))

        def release(obj: Obj) -> None:
            obj["metadata"]["finalizers"] = [f for f in obj["metadata"].get("finalizers") or () if f != FINALIZER]

        self.registry.change(RESOURCE, namespace_of(found), name_of(found), release)

    def _problem(self, found: Obj) -> str:
        """What makes a ScaledObject impossible."""
        kind, scaled = self._scaled(found)
        if kind is None or "scale" not in kind.subresources or scaled is None:
            return "ScaledObject doesn't have correct scaleTargetRef specification"
        return kedacrd.trigger_problem(found)

    def _scaled(self, found: Obj) -> tuple[Kind | None, Obj | None]:
        """What a ScaledObject scales, and its kind."""
        target = kedacrd.target(found)
        kind = self.registry.kinds.of(target["apiVersion"], target["kind"])
        return kind, self.registry.find(kind.stored_as, namespace_of(found), target["name"]) if kind else None

    def _fail(self, found: Obj, problem: str) -> None:
        def write(obj: Obj) -> None:
            kedacrd.say(obj, "Ready", "False", "ScaledObjectCheckFailed", problem)

        self.registry.change(RESOURCE, namespace_of(found), name_of(found), write, sub="status")
        self._event(found, "Warning", "ScaledObjectCheckFailed", problem)

    def _event(self, found: Obj, kind: str, reason: str, message: str) -> None:
        self.cluster.recorder.event(found, kind, reason, message, component=OPERATOR)

    def _autoscaler(self, found: Obj) -> Obj:
        name, space = kedacrd.autoscaler_name(found), namespace_of(found)
        spec = kedacrd.autoscaler_spec(found, [metric_name(n, t) for n, t in enumerate(found["spec"]["triggers"])])
        there = self.registry.find(_HPAS, space, name)
        if there is None:
            labels = {
                **(found["metadata"].get("labels") or {}),
                "app.kubernetes.io/managed-by": OPERATOR,
                "app.kubernetes.io/name": name,
                "app.kubernetes.io/part-of": name_of(found),
                "app.kubernetes.io/version": "2.20.0",
            }
            meta = {"name": name, "labels": labels, "ownerReferences": [owner_reference(found)]}
            return self.registry.create(self.registry.kinds.get(_HPAS), space, {"metadata": meta, "spec": spec})

        def write(obj: Obj) -> None:
            obj["spec"] = thaw(spec)

        return self.registry.change(_HPAS, space, name, write) or there

    def _tell(self, found: Obj, hpa: Obj) -> None:
        kind, scaled = self._scaled(found)
        fresh = condition(found, "Ready") is None

        def write(obj: Obj) -> None:
            status = obj.setdefault("status", {})
            status.setdefault("originalReplicaCount", dig(scaled, "spec", "replicas", default=0))
            kedacrd.describe(obj, hpa, kind)
            if (condition(obj, "Ready") or {}).get("reason") != "TriggerError":
                kedacrd.say(obj, "Ready", "True", *_READY)
            for name in ("Active", "Fallback", "Paused"):
                if condition(obj, name) is None:
                    kedacrd.say(obj, name, "Unknown")
            kedacrd.say(obj, "HPAActive", *kedacrd.autoscaler_state(hpa))

        self.registry.change(RESOURCE, namespace_of(found), name_of(found), write, sub="status")
        if fresh:
            self._event(found, "Normal", "KEDAScalersStarted", "Started scalers watch")
            self._event(found, "Normal", "ScaledObjectReady", "ScaledObject is ready for scaling")

    async def _poll(self, namespace: str, name: str, uid: str) -> None:
        """Ask the triggers as often as the ScaledObject says, until it is gone."""
        last_active = time.monotonic()
        while True:
            found = self.registry.find(RESOURCE, namespace, name)
            if found is None or uid_of(found) != uid or deleting(found):
                self._polls.pop(uid, None)
                return
            active, problem = await self._active(found)
            last_active = time.monotonic() if active else last_active
            self._tell_activity(found, active, problem)
            self._to_or_from_zero(found, active, time.monotonic() - last_active)
            await asyncio.sleep(max(found["spec"].get("pollingInterval", 30), 1))

    async def _active(self, found: Obj) -> tuple[bool, str]:
        for trigger in found["spec"].get("triggers") or ():
            try:
                value = await self._scalers.value(trigger)
            except TriggerError as problem:
                return False, str(problem)
            if value > float(trigger["metadata"].get("activationThreshold") or 0):
                return True, ""
        return False, ""

    def _tell_activity(self, found: Obj, active: bool, problem: str) -> None:
        words = "Scaling is performed because triggers are active"
        idle = "Scaling is not performed because triggers are not active"
        change: dict[str, Any] = {
            "reason": "ScalerActive" if active else "ScalerNotActive",
            "message": words if active else idle,
        }

        def write(obj: Obj) -> None:
            kedacrd.say(obj, "Active", "True" if active else "False", **change)
            kedacrd.say(
                obj,
                "Fallback",
                "False",
                reason="NoFallbackFound",
                message="No fallbacks are active on this scaled object",
            )
            if problem:
                words = "Triggers defined in ScaledObject are not working correctly"
                kedacrd.say(obj, "Ready", "False", "TriggerError", words)
            else:
                kedacrd.say(obj, "Ready", "True", *_READY)
            if active:
                obj["status"]["lastActiveTime"] = stamp()

        self.registry.change(RESOURCE, namespace_of(found), name_of(found), write, sub="status")
        if problem:
            self._event(found, "Warning", "KEDAScalerFailed", problem)

    def _to_or_from_zero(self, found: Obj, active: bool, idle: float) -> None:
        """What an autoscaler does not do: to none when nothing is active, and from none when something is."""
        kind, scaled = self._scaled(found)
        if kind is None or scaled is None:
            return
        least = found["spec"].get("minReplicaCount", 0)
        now = scaled["spec"].get("replicas", 1)
        count = now
        if active and now == 0:
            count = max(least, 1)
        elif not active and now and least == 0 and idle >= found["spec"].get("cooldownPeriod", 300):
            count = 0
        if count == now:
            return

        def write(obj: Obj) -> None:
            obj["spec"]["replicas"] = count

        self.registry.change(kind.stored_as, namespace_of(scaled), name_of(scaled), write)
        way = "KEDAScaleTargetActivated" if count else "KEDAScaleTargetDeactivated"
        words = f"{kind.api_version}.{kind.kind} {namespace_of(scaled)}/{name_of(scaled)} from {now} to {count}"
        self._event(found, "Normal", way, f"Scaled {words}")

    async def stop(self) -> None:
        """Ask no more."""
        for task in self._polls.values():
            task.cancel()
        await asyncio.gather(*self._polls.values(), return_exceptions=True)
