"""HorizontalPodAutoscalers: a look at the metrics twice a second, and the replicas that follow from it."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from conformance.simulator.api import subresources
from conformance.simulator.api.errors import Refused
from conformance.simulator.api.options import DEFAULT
from conformance.simulator.api.paths import Target
from conformance.simulator.controllers.base import Controller
from conformance.simulator.objects import Obj, deleting, name_of, namespace_of, set_condition, stamp, thaw, uid_of
from conformance.simulator.scaling.behaviour import History
from conformance.simulator.scaling.proposals import Proposal, Proposer, Scaled, UnreadableError, tolerance

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

_HPAS = "horizontalpodautoscalers.autoscaling"
INTERVAL = 0.5
"""Seconds between looks; the real controller takes 15."""


class Autoscalers(Controller):
    """Looks at all autoscalers in turn."""

    watches: ClassVar[tuple[str, ...]] = (_HPAS,)

    def __init__(self, cluster: "Cluster") -> None:
        super().__init__(cluster)
        self._switches = cluster.switches.autoscaler
        self._proposer = Proposer(self.store, cluster.aggregation, self._switches)
        self._histories: dict[str, History] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            found = [hpa for hpa in self.store.select(_HPAS) if not deleting(hpa)]
            self._histories = {uid_of(hpa): self._histories.get(uid_of(hpa), History()) for hpa in found}
            await asyncio.gather(*(self._look(hpa) for hpa in found))
            await asyncio.sleep(INTERVAL)

    async def _look(self, hpa: Obj) -> None:
        look = Look(self, thaw(hpa))
        try:
            await look.take(self._proposer, self._histories[uid_of(hpa)])
        except UnreadableError as problem:
            look.unreadable(problem)
        look.write()

    def event(self, hpa: Obj, kind: str, reason: str, message: str) -> None:
        """Record an event of an autoscaler."""
        self.cluster.recorder.event(hpa, kind, reason, message, component="horizontal-pod-autoscaler")

    def write(self, hpa: Obj) -> None:
        """Write a status, unless another autoscaler has the name by now."""
        current = self.registry.find(_HPAS, namespace_of(hpa), name_of(hpa))
        if current is not None and uid_of(current) == uid_of(hpa):
            self.registry.change(
                _HPAS, namespace_of(hpa), name_of(hpa), lambda obj: obj.update(status=hpa["status"]), sub="status"
            )

    @property
    def switches_off(self) -> tuple[bool, bool, bool]:
        """Which of these a fault has taken away: scaling up, scaling down, telling that a metric is unreadable."""
        chosen = self._switches
        return not chosen.scales_up, not chosen.scales_down, not chosen.tells_unreadable


class Look:
    """One look at one autoscaler."""

    def __init__(self, controller: Autoscalers, hpa: Obj) -> None:
        self._controller, self._hpa, self._spec = controller, hpa, hpa["spec"]
        self._no_up, self._no_down, self._silent = controller.switches_off
        self._status: Obj = {**(hpa.get("status") or {}), "observedGeneration": hpa["metadata"].get("generation", 1)}
        self._hpa["status"] = self._status
        self._status.setdefault("currentMetrics", None)
        self._status.setdefault("desiredReplicas", 0)

    def _condition(self, kind: str, good: bool, reason: str, message: str) -> None:
        set_condition(self._hpa, kind, "True" if good else "False", reason=reason, message=message)

    def write(self) -> None:
        """Write what was seen."""
        self._controller.write(self._hpa)

    async def take(self, proposer: Proposer, history: History) -> None:
        """Look at target and metrics, and scale."""
        found = self._target()
        if found is None:
            return
        target, scaled = found
        self._status["currentReplicas"] = scaled.wanted
        least, most = self._spec.get("minReplicas", 1), self._spec["maxReplicas"]
        if scaled.wanted == 0 and least != 0:
            self._status["desiredReplicas"] = 0
            words = "scaling is disabled since the replica count of the target is zero"
            self._condition("ScalingActive", False, "ScalingDisabled", words)
            return
        if scaled.wanted > most:
            self._scale(target, scaled.wanted, most, "Current number of replicas above Spec.MaxReplicas", history)
        elif scaled.wanted < least:
            self._scale(target, scaled.wanted, least, "Current number of replicas below Spec.MinReplicas", history)
        else:
            await self._by_metrics(target, scaled, proposer, history)

    async def _by_metrics(self, target: Target, scaled: Scaled, proposer: Proposer, history: History) -> None:
        self._status.setdefault("desiredReplicas", scaled.wanted)
        best = await self._best(proposer, scaled)
        decision = history.decide(self._spec, scaled.wanted, best.replicas)
        self._condition("AbleToScale", True, *decision.able)
        limited, reason, message = decision.limited
        self._condition("ScalingLimited", limited, reason, message)
        up = decision.replicas > scaled.wanted
        why = f"{best.metric} above target" if up else "All metrics below target"
        self._scale(target, scaled.wanted, decision.replicas, why, history)

    def _target(self) -> tuple[Target, Scaled] | None:
        reference, space = self._spec["scaleTargetRef"], namespace_of(self._hpa)
        registry = self._controller.registry
        kind = registry.kinds.of(reference.get("apiVersion", ""), reference["kind"])
        if kind is None or "scale" not in kind.subresources:
            self._unscalable(f'no matches for kind "{reference["kind"]}" in "{reference.get("apiVersion", "")}"')
            return None
        target = Target(kind, space, reference["name"], "scale", "get")
        try:
            scale = subresources.scale_of(target, registry.get(kind, space, reference["name"]))
        except Refused as refused:
            self._unscalable(refused.message)
            return None
        self._condition(
            "AbleToScale", True, "SucceededGetScale", "the HPA controller was able to get the target's current scale"
        )
        if not scale["status"].get("selector"):
            self._condition("ScalingActive", False, "InvalidSelector", "the HPA target's scale is missing a selector")
            self._controller.event(self._hpa, "Warning", "SelectorRequired", "selector is required")
            return None
        there, wanted = scale["status"]["replicas"], scale["spec"]["replicas"]
        return target, Scaled(space, wanted, there, scale["status"]["selector"])

    def _unscalable(self, why: str) -> None:
        words = f"the HPA controller was unable to get the target's current scale: {why}"
        self._condition("AbleToScale", False, "FailedGetScale", words)
        self._controller.event(self._hpa, "Warning", "FailedGetScale", why)

    async def _best(self, proposer: Proposer, scaled: Scaled) -> Proposal:
        """The highest of what the metrics ask for; fewer replicas only if all of them can be read."""
        near, metrics = tolerance(self._spec), self._spec.get("metrics") or []
        proposals: list[Proposal] = []
        first: UnreadableError | None = None
        for metric in metrics:
            try:
                proposals.append(await proposer.propose(metric, scaled, near))
            except UnreadableError as problem:
                first = first or problem
                if not self._silent:
                    self._controller.event(self._hpa, "Warning", problem.reason, str(problem))
        best = max(proposals, key=lambda proposal: proposal.replicas, default=None)
        if best is None or (first and best.replicas < scaled.wanted):
            invalid = len(metrics) - len(proposals)
            words = f"invalid metrics ({invalid} invalid out of {len(metrics)}), first error is: {first}"
            raise UnreadableError(first.reason if first else "InvalidMetricSourceType", words)
        self._status["currentMetrics"] = [proposal.status for proposal in proposals]
        words = f"the HPA was able to successfully calculate a replica count from {best.metric}"
        self._condition("ScalingActive", True, "ValidMetricFound", words)
        return best

    def unreadable(self, problem: UnreadableError) -> None:
        """Say that nothing can be decided."""
        if self._silent:
            words = "the HPA was able to successfully calculate a replica count from its metric"
            self._condition("ScalingActive", True, "ValidMetricFound", words)
            return
        words = str(problem).partition("first error is: ")[2] or str(problem)
        self._condition(
            "ScalingActive", False, problem.reason, f"the HPA was unable to compute the replica count: {words}"
        )
        self._controller.event(self._hpa, "Warning", "FailedComputeMetricsReplicas", str(problem))

    def _scale(self, target: Target, before: int, after: int, why: str, history: History) -> None:
        self._status["desiredReplicas"] = after
        if self._controller.cluster.switches.autoscaler.stops_at_two:
            after = min(after, max(before, 2))
        if after == before or (after > before and self._no_up) or (after < before and self._no_down):
            return
        try:
            subresources.rescale(self._controller.registry, target, {"spec": {"replicas": after}}, DEFAULT)
        except Refused as refused:
            words = f"the HPA controller was unable to update the target scale: {refused.message}"
            self._condition("AbleToScale", False, "FailedUpdateScale", words)
            self._controller.event(
                self._hpa, "Warning", "FailedRescale", f"New size: {after}; reason: {why}; error: {refused.message}"
            )
            return
        history.did(before, after)
        self._condition(
            "AbleToScale",
            True,
            "SucceededRescale",
            f"the HPA controller was able to update the target scale to {after}",
        )
        self._status["lastScaleTime"] = stamp()
        self._controller.event(self._hpa, "Normal", "SuccessfulRescale", f"New size: {after}; reason: {why}")
