"""Coscheduling of scheduler-plugins: a PodGroup, and pods that carry its name as a label."""

import re
from dataclasses import replace

from conformance.adapters.gang import base
from conformance.adapters.gang.base import Ask, Piece, State
from conformance.adapters.look import Look
from conformance.cluster.api import Api, Object
from conformance.inventory import odd
from conformance.inventory.solutions import Solution

GROUP, PLURAL = "scheduling.x-k8s.io", "podgroups"
SCHEDULER_DEPLOYMENT = "scheduler-plugins-scheduler"
CONTROLLERS = (SCHEDULER_DEPLOYMENT, "scheduler-plugins-controller")
SCHEDULER = "scheduler-plugins-scheduler"
"""Name of the scheduler in the chart's own values."""
MEMBER_OF = "scheduling.x-k8s.io/pod-group"
_NAMED = re.compile(r"--scheduler-name=(\S+)")
PHASES: dict[str, base.Phase] = {
    "Pending": "waiting",
    "PreScheduling": "waiting",
    "Scheduling": "waiting",
    "Scheduled": "admitted",
    "Running": "started",
    "Finished": "started",
}


def detect(look: Look) -> Solution | None:
    """The API is served; scheduler and controller are those of the chart."""
    found = base.installed(look, title="Coscheduling", group=GROUP, plural=PLURAL, controllers=CONTROLLERS)
    if found is None:
        return None
    name = scheduler_name(look.deployment(SCHEDULER_DEPLOYMENT))
    return replace(found, seen=f"{found.seen}; pods name the scheduler {name}", scheduler=name)


def scheduler_name(deployment: Object | None) -> str:
    """Name of the scheduler by its command line, or the chart's own."""
    template = odd.part(deployment or {}, "spec", "template", "spec")
    for container in odd.entries(template, "containers"):
        for key in ("args", "command"):
            lines = container.get(key)
            told = " ".join(str(line) for line in lines) if isinstance(lines, list) else ""
            if named := _NAMED.search(told):
                return named[1]
    return SCHEDULER


class Coscheduling:
    """Adapter of coscheduling."""

    explains = False

    def __init__(self, solution: Solution) -> None:
        self.solution = solution
        self._scheduler = solution.scheduler or SCHEDULER

    def pieces(self, ask: Ask) -> tuple[Piece, ...]:
        """A PodGroup and pods with its label."""
        group = base.pod_group(self.solution, ask, {"minMember": ask.size, "scheduleTimeoutSeconds": 10})
        member = {"labels": {MEMBER_OF: ask.name}, "spec": {"schedulerName": self._scheduler}}
        return group, *base.pod_pieces(ask, member)

    def alone(self, pod: Object) -> Object:
        """A pod for the same scheduler without a group."""
        return base.with_(pod, {"spec": {"schedulerName": self._scheduler}})

    def kept(self, pod: Object) -> str:
        """Scheduler and group must stay."""
        group = odd.part(pod, "metadata", "labels").get(MEMBER_OF)
        return base.lost(pod, {"spec": {"schedulerName": self._scheduler}}) or (
            "" if group else f"label {MEMBER_OF} is gone"
        )

    def state(self, api: Api, ask: Ask) -> State:
        """By the phase of the PodGroup, which gives no reason: that stands on the pods."""
        return of_group(base.group_of(api, self.solution, PLURAL, ask))


def of_group(group: Object | None) -> State:
    """What a PodGroup says."""
    status = odd.part(group or {}, "status")
    said = status.get("phase")
    phase = PHASES.get(said, "unknown") if isinstance(said, str) else "unknown"
    told = f"phase {said}" if phase in ("admitted", "started") else ""
    return State(phase=phase, words=told, since=str(status.get("scheduleStartTime", "")), object=group)
