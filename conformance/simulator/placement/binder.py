"""What a scheduler writes: claims and node of a pod that has a place, condition and event of one that has none."""

from conformance.simulator.api.errors import Refused
from conformance.simulator.api.registry import Registry
from conformance.simulator.api.subresources import place
from conformance.simulator.controllers.resourceclaims import FINALIZER
from conformance.simulator.objects import Obj, condition, name_of, namespace_of, set_condition, stamp, thaw, uid_of
from conformance.simulator.placement.devices import CLAIMS
from conformance.simulator.placement.extended import IN_MEMORY, Special
from conformance.simulator.placement.room import Placement
from conformance.simulator.recorder import Recorder


class Binder:
    """Writes in the name of one scheduler."""

    def __init__(self, registry: Registry, recorder: Recorder, name: str) -> None:
        self._registry, self._recorder, self._name = registry, recorder, name

    def bind(self, placement: Placement) -> None:
        """Reserve the claims of a pod and give it its node."""
        pod = placement.pod
        for claim in placement.claims:
            self._reserve(pod, claim, placement.allocations.get(name_of(claim)))
        if placement.special and not self._extend(pod, placement.special, placement.allocations[IN_MEMORY]):
            return
        place(self._registry, "pods", pod, placement.node)
        words = f"Successfully assigned {namespace_of(pod)}/{name_of(pod)} to {placement.node}"
        self._recorder.event(pod, "Normal", "Scheduled", words, component=self._name)

    def _extend(self, pod: Obj, special: Special, allocation: Obj) -> bool:
        """Make the claim for a pod's extended resources; where the server refuses it, the pod has to wait."""
        body = thaw(special.claim)
        del body["metadata"]["name"]
        try:
            claim = self._registry.create(self._registry.kinds.get(CLAIMS), namespace_of(pod), body)
        except Refused as refused:
            where = f"{namespace_of(pod)}/{IN_MEMORY}"
            words = f'running PreBind plugin "DynamicResources": create claim for extended resources {where}: {refused.message}'
            self.refuse(pod, "SchedulerError", words)
            return False
        self._reserve(pod, claim, allocation)

        def note(obj: Obj) -> None:
            known = {"resourceClaimName": name_of(claim), "requestMappings": special.mappings}
            obj["status"]["extendedResourceClaimStatus"] = known

        self._registry.change("pods", namespace_of(pod), name_of(pod), note, sub="status")
        return True

    def _reserve(self, pod: Obj, claim: Obj, allocation: Obj | None) -> None:
        user = {"resource": "pods", "name": name_of(pod), "uid": uid_of(pod)}
        where = (CLAIMS, namespace_of(claim), name_of(claim))

        def protect(obj: Obj) -> None:
            finalizers = obj["metadata"].setdefault("finalizers", [])
            finalizers += [] if FINALIZER in finalizers else [FINALIZER]

        def write(obj: Obj) -> None:
            status = obj.setdefault("status", {})
            if allocation:
                status["allocation"] = {**allocation, "allocationTimestamp": stamp()}
            users = status.setdefault("reservedFor", [])
            users += [] if user in users else [user]

        if allocation:
            self._registry.change(*where, protect)
        self._registry.change(*where, write, sub="status")

    def refuse(self, pod: Obj, reason: str, message: str) -> None:
        """Say why a pod waits; the same words again are not written again."""
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

        self._registry.change("pods", namespace_of(pod), name_of(pod), edit, sub="status")
        self._recorder.event(pod, "Warning", "FailedScheduling", message, component=self._name)
