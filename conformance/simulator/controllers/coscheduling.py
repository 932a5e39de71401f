"""Stand-in for the coscheduling plugin of scheduler-plugins, run as a second scheduler."""

from dataclasses import replace
from typing import ClassVar

from conformance.simulator.objects import Obj, dig, labels_of, name_of, stamp
from conformance.simulator.placement import membership
from conformance.simulator.placement.gangs import UNSCHEDULABLE, Gang, Outcome
from conformance.simulator.placement.placer import Placer
from conformance.simulator.placement.standin import StandIn, phases


class Coscheduling(StandIn):
    """Scheduler and controller in one."""

    watches: ClassVar[tuple[str, ...]] = (*Placer.watches, "podgroups.scheduling.x-k8s.io")
    name: ClassVar[str] = "scheduler-plugins-scheduler"
    solution: ClassVar[str] = "coscheduling"
    groups: ClassVar[str] = "podgroups.scheduling.x-k8s.io"

    def group_name(self, pod: Obj) -> str:
        """A label."""
        return labels_of(pod).get(membership.COSCHEDULING, "")

    def minimum(self, group: Obj) -> int:
        """``minMember``."""
        return int(dig(group, "spec", "minMember", default=1))

    def worded(self, gang: Gang, outcome: Outcome) -> Outcome:
        """The plugin's words for members that would fit."""
        if not outcome.reason:
            return outcome
        words = f"PodGroup {name_of(gang.obj)} gets rejected because not all of its {gang.minimum} pods can be placed"
        refused = [(pod, reason, words if why == outcome.message else why) for pod, reason, why in outcome.refused]
        return replace(outcome, refused=refused, message=words)

    def look(self, gang: Gang) -> None:
        """Phase and counts; members that are too few are told so."""
        if gang.waiting and not gang.complete and gang.bound < gang.minimum:
            there = len(gang.waiting) + gang.bound
            words = f"cannot find enough sibling pods, current pods number: {there}, minMember of group: {gang.minimum}"
            for pod, _ in gang.waiting:
                self.binder.refuse(pod, UNSCHEDULABLE, words)
        self._write(gang)

    def tell(self, gang: Gang, outcome: Outcome) -> None:
        """Phase and counts; the reason is on the pods alone."""
        del outcome
        self._write(gang)

    def _write(self, gang: Gang) -> None:
        pods = self.members(gang.obj)
        counted, size = phases(pods), len(pods)

        def edit(obj: Obj) -> None:
            status = obj.setdefault("status", {})
            status["phase"] = _phase(gang, counted["Running"], counted["Succeeded"], counted["Failed"], size)
            for key, phase in (("running", "Running"), ("succeeded", "Succeeded"), ("failed", "Failed")):
                status.pop(key, None)
                if counted[phase]:
                    status[key] = counted[phase]
            if size >= gang.minimum:
                status.setdefault("scheduleStartTime", stamp())

        self.write(gang.obj, edit)


def _phase(gang: Gang, running: int, succeeded: int, failed: int, size: int) -> str:
    if size < gang.minimum:
        return str(dig(gang.obj, "status", "phase", default="Pending"))
    if succeeded >= gang.minimum:
        return "Finished"
    if failed and failed + running + succeeded >= gang.minimum:
        return "Failed"
    return "Running" if running + succeeded >= gang.minimum else "Scheduling"
