"""The scheduler of Kubernetes: pods one by one, and gangs of the native PodGroup API."""

from dataclasses import replace
from typing import ClassVar

from conformance.simulator.objects import Obj, condition, dig, name_of, namespace_of, set_condition
from conformance.simulator.placement import membership
from conformance.simulator.placement.gangplacer import GangPlacer
from conformance.simulator.placement.gangs import UNSCHEDULABLE, Gang, Outcome
from conformance.simulator.placement.placer import Placer

NAME = "default-scheduler"
GROUPS = "podgroups.scheduling.k8s.io"
_CONDITION = "PodGroupInitiallyScheduled"


class Scheduler(GangPlacer):
    """Places all pods that name no other scheduler."""

    watches: ClassVar[tuple[str, ...]] = (*Placer.watches, GROUPS)
    name: ClassVar[str] = NAME
    groups: ClassVar[str] = GROUPS

    def runs(self) -> bool:
        """By its own switch."""
        return self.cluster.switches.scheduler.runs

    def group_name(self, pod: Obj) -> str:
        """``spec.schedulingGroup``."""
        return membership.native(pod)

    def minimum(self, group: Obj) -> int:
        """The gang's minCount; a basic group is no gang."""
        return int(dig(group, "spec", "schedulingPolicy", "gang", "minCount", default=1))

    def worded(self, _gang: Gang, outcome: Outcome) -> Outcome:
        """Preemption was thought of; members that would fit say more than those that nobody looked at."""
        if outcome.reason != UNSCHEDULABLE:
            return outcome
        said = f"{outcome.message}, pod group preemption: No preemption victims found for incoming preemptor"
        refused = [
            replace(refusal, message=f"pod group is unschedulable, {said}") if refusal.why == "fits" else refusal
            for refusal in outcome.refused
        ]
        return replace(outcome, refused=refused, message=said)

    def tell(self, gang: Gang, outcome: Outcome) -> None:
        """One condition, which never goes back from True."""
        status = "False" if outcome.reason else "True"
        old = condition(gang.obj, _CONDITION)
        if old and (old["status"] == "True" or (old["reason"], old["message"]) == (outcome.reason, outcome.message)):
            return

        def edit(obj: Obj) -> None:
            set_condition(
                obj,
                _CONDITION,
                status,
                reason=outcome.reason or "Scheduled",
                message=outcome.message,
            )

        self.registry.change(GROUPS, namespace_of(gang.obj), name_of(gang.obj), edit, sub="status")
