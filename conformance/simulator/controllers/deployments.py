"""Deployments: one replica set for each template, and a rolling change from the old ones to the new one."""

from typing import ClassVar

from conformance.simulator import rollout
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.objects import (
    Obj,
    age,
    condition,
    deleting,
    dig,
    name_of,
    namespace_of,
    stamp,
    thaw,
)
from conformance.simulator.storage import Event
from conformance.simulator.workloads import controlled, controller_of, owner_reference

_DEPLOYMENTS, _SETS = "deployments.apps", "replicasets.apps"
REVISION = "deployment.kubernetes.io/revision"


class Deployments(Controller):
    """Makes replica sets, scales them and tells how far the rollout is."""

    watches: ClassVar[tuple[str, ...]] = (_DEPLOYMENTS, _SETS)

    def keys(self, event: Event) -> list[Key]:
        """The deployment itself, or the one that a replica set belongs to."""
        name = name_of(event.obj) if event.resource == _DEPLOYMENTS else controller_of(event.obj, "Deployment")
        return [(namespace_of(event.obj), name)] if name else []

    def reconcile(self, namespace: str, name: str) -> None:
        """Bring the replica sets closer to what is wanted."""
        found = self.registry.find(_DEPLOYMENTS, namespace, name)
        if found is None:
            return
        if not deleting(found):
            self._roll(found)
            self._forget(found)
        current = self.registry.find(_DEPLOYMENTS, namespace, name)
        if current is not None:
            self._tell(current)

    def _sets(self, owner: Obj) -> list[Obj]:
        return [one for one in self.store.select(_SETS, namespace_of(owner)) if controlled(one, owner)]

    def _roll(self, owner: Obj) -> None:
        sets = self._sets(owner)
        new = rollout.newest(owner, sets)
        if new is None:
            if owner["spec"].get("paused"):
                return
            new = self._create(owner, sets)
            sets = self._sets(owner)
        self._number(owner, new)
        old = [one for one in sets if name_of(one) != name_of(new)]
        for one, count in rollout.steps(owner, new, old):
            self._scale(owner, one, count)

    def _create(self, owner: Obj, sets: list[Obj]) -> Obj:
        template: Obj = thaw(owner["spec"]["template"])
        mark = rollout.template_hash(template)
        labels = {**(dig(template, "metadata", "labels") or {}), rollout.HASH: mark}
        template.setdefault("metadata", {})["labels"] = labels
        selector: Obj = thaw(owner["spec"]["selector"])
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), rollout.HASH: mark}
        revision = max((int(rollout.revision(one)) for one in sets), default=0) + 1
        meta = {
            "name": f"{name_of(owner)}-{mark}",
            "labels": labels,
            "annotations": {REVISION: str(revision)},
            "ownerReferences": [owner_reference(owner)],
        }
        spec = {"replicas": 0, "selector": selector, "template": template}
        if "minReadySeconds" in owner["spec"]:
            spec["minReadySeconds"] = owner["spec"]["minReadySeconds"]
        return self.registry.create(
            self.registry.kinds.get(_SETS), namespace_of(owner), {"metadata": meta, "spec": spec}
        )

    def _number(self, owner: Obj, new: Obj) -> None:
        """The revision of the deployment is that of its newest set; a set that is used again gets a new one."""
        others = [int(rollout.revision(one)) for one in self._sets(owner) if name_of(one) != name_of(new)]
        wanted = str(max([int(rollout.revision(new)), *(number + 1 for number in others)], default=1))
        for resource, obj in ((_SETS, new), (_DEPLOYMENTS, owner)):
            if rollout.revision(obj) != wanted:

                def mark(current: Obj) -> None:
                    current["metadata"].setdefault("annotations", {})[REVISION] = wanted

                self.registry.change(resource, namespace_of(obj), name_of(obj), mark)

    def _scale(self, owner: Obj, one: Obj, count: int) -> None:
        before = one["spec"].get("replicas", 0)
        if before == count:
            return

        def write(obj: Obj) -> None:
            obj["spec"]["replicas"] = count

        self.registry.change(_SETS, namespace_of(one), name_of(one), write)
        way = "up" if count > before else "down"
        words = f"Scaled {way} replica set {name_of(one)} from {before} to {count}"
        self.cluster.recorder.event(owner, "Normal", "ScalingReplicaSet", words, component="deployment-controller")

    def _forget(self, owner: Obj) -> None:
        """Old sets go, beyond those that are kept for going back."""
        new = rollout.newest(owner, self._sets(owner))
        old = [one for one in self._sets(owner) if new is None or name_of(one) != name_of(new)]
        idle = [one for one in old if not one["spec"].get("replicas") and not dig(one, "status", "replicas", default=0)]
        surplus = len(old) - owner["spec"].get("revisionHistoryLimit", 10)
        for one in sorted(idle, key=lambda each: int(rollout.revision(each)))[: max(surplus, 0)]:
            self.registry.delete(self.registry.kinds.get(_SETS), namespace_of(one), name_of(one))

    def _tell(self, owner: Obj) -> None:
        sets = self._sets(owner)
        new = rollout.newest(owner, sets)
        status = rollout.counts(owner, sets, new)
        late = self._late(owner, status)

        def write(obj: Obj) -> None:
            before = obj.get("status") or {}
            kept = {key: before[key] for key in ("conditions", "collisionCount") if key in before}
            obj["status"] = {
                **kept,
                **{key: count for key, count in status.items() if count or key == "observedGeneration"},
            }
            obj["status"].setdefault("terminatingReplicas", 0)
            rollout.conditions(obj, new, late=late)

        self.registry.change(_DEPLOYMENTS, namespace_of(owner), name_of(owner), write, sub="status")

    def _late(self, owner: Obj, status: Obj) -> bool:
        """Whether the rollout has made no progress for too long; looks again when that could be."""
        seen = condition(owner, "Progressing")
        if rollout.complete(owner, status) or seen is None:
            return False
        limit = owner["spec"].get("progressDeadlineSeconds", 600)
        left = limit - age(seen.get("lastUpdateTime") or stamp())
        moved = any(
            status.get(key, 0) != dig(owner, "status", key, default=0)
            for key in ("updatedReplicas", "readyReplicas", "availableReplicas")
        )
        if left > 0 and not moved:
            self.enqueue_later(left + 1, (namespace_of(owner), name_of(owner)))
        return left <= 0 and not moved and not owner["spec"].get("paused")
