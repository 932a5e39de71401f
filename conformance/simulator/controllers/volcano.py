"""Stand-in for Volcano: pods of ``schedulerName: volcano``, in PodGroups of ``scheduling.volcano.sh``."""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

from conformance.simulator.controllers.base import Key
from conformance.simulator.objects import Obj, dig, finished, name_of, namespace_of
from conformance.simulator.placement import membership
from conformance.simulator.placement.gangs import UNSCHEDULABLE, Gang, Outcome
from conformance.simulator.placement.placer import Placer
from conformance.simulator.placement.standin import StandIn, note_condition, owner_of, phases
from conformance.simulator.storage import Event

_QUEUES = "queues.scheduling.volcano.sh"
_TOO_FEW = "NotEnoughTasks"
_SCHEDULABLE = "Schedulable"
"""Reason of a pod that would fit, and waits for the others."""


class Volcano(StandIn):
    """Scheduler and controllers in one."""

    watches: ClassVar[tuple[str, ...]] = (*Placer.watches, "podgroups.scheduling.volcano.sh", _QUEUES)
    name: ClassVar[str] = "volcano"
    solution: ClassVar[str] = "volcano"
    groups: ClassVar[str] = "podgroups.scheduling.volcano.sh"

    def group_name(self, pod: Obj) -> str:
        """An annotation, which says nothing to other schedulers."""
        return membership.annotation(pod, membership.VOLCANO)

    def minimum(self, group: Obj) -> int:
        """``minMember``."""
        return int(dig(group, "spec", "minMember", default=1))

    def keys(self, event: Event) -> Iterator[Key]:
        """Queues are opened as they come; one that is open lets its gangs try."""
        if event.resource == _QUEUES:
            yield "", f"queue/{name_of(event.obj)}"
        yield from super().keys(event)

    def reconcile(self, namespace: str, name: str) -> None:
        """Open a queue, or place a gang."""
        sort, _, short = name.partition("/")
        if sort != "queue":
            super().reconcile(namespace, name)
        elif self.runs():
            self.registry.change(_QUEUES, "", short, _open, sub="status")

    def place_one(self, pod: Obj) -> None:
        """A pod without a group gets one of its owner's, with a minimum of one."""
        owner = owner_of(pod)
        name = f"podgroup-{owner['uid']}"
        self.make_group(owner, namespace_of(pod), name, {"minMember": 1})
        self.join(pod, membership.VOLCANO, name)

    def gather(self, group: Obj) -> Gang:
        """A gang whose queue is not open waits."""
        gang = super().gather(group)
        queue = self.registry.find(_QUEUES, "", dig(group, "spec", "queue", default="default"))
        return gang if dig(queue, "status", "state") == "Open" else replace(gang, complete=False)

    def worded(self, gang: Gang, outcome: Outcome) -> Outcome:
        """Volcano's words: why the group is not ready, and which members would fit."""
        if not outcome.reason:
            return outcome
        own = {id(pod) for pod, _, why in outcome.refused if why != outcome.message}
        size, bad = len(gang.waiting), len(own)
        words = f"pod group is not ready, {size} Pending, {gang.minimum} minAvailable; Pending: {bad} Unschedulable, {size - bad} Schedulable"
        refused = [
            (pod, UNSCHEDULABLE, why) if id(pod) in own else (pod, _SCHEDULABLE, words)
            for pod, _, why in outcome.refused
        ]
        return replace(
            outcome, refused=refused, message=f"{size}/{size + gang.bound} tasks in gang unschedulable: {words}"
        )

    def look(self, gang: Gang) -> None:
        """Phase and counts; a group that lacks members says so."""
        lacking = bool(gang.waiting) and not gang.complete and gang.bound < gang.minimum
        outcome = Outcome(reason=_TOO_FEW, message="pod group is not ready") if lacking else None
        self._write(gang, outcome)

    def tell(self, gang: Gang, outcome: Outcome) -> None:
        """Phase, counts, condition and event."""
        reason = "NotEnoughResources" if outcome.reason else ""
        self._write(gang, replace(outcome, reason=reason))

    def _write(self, gang: Gang, outcome: Outcome | None) -> None:
        pods = self.members(gang.obj)
        bound = [pod for pod in pods if pod["spec"].get("nodeName")]
        news: list[tuple[str, str, str]] = []

        def edit(obj: Obj) -> None:
            status, counted = obj.setdefault("status", {}), phases(bound)
            status["phase"] = _phase(gang, pods, bound, tried=outcome is not None and outcome.reason != _TOO_FEW)
            for key, phase in (("running", "Running"), ("succeeded", "Succeeded"), ("failed", "Failed")):
                status.pop(key, None)
                if counted[phase]:
                    status[key] = counted[phase]
            if outcome and outcome.reason:
                fields = {"type": "Unschedulable", "status": "True", "reason": outcome.reason}
                if note_condition(status, "conditions", **fields, message=outcome.message):
                    news.append(("Warning", "Unschedulable", outcome.message))
            elif outcome:
                fields = {"type": "Scheduled", "status": "True", "reason": "tasks in gang are ready to be scheduled"}
                if note_condition(status, "conditions", **fields, message=""):
                    news.append(("Normal", "Scheduled", "pod group is ready"))

        self.write(gang.obj, edit)
        for kind, reason, message in news:
            self.cluster.recorder.event(gang.obj, kind, reason, message, component=self.name)


def _phase(gang: Gang, pods: list[Obj], bound: list[Obj], *, tried: bool) -> str:
    if bound and len(bound) == len(pods) and all(finished(pod) for pod in pods):
        return "Completed"
    if len(bound) >= gang.minimum:
        return "Running"
    if bound:
        return "Unknown"
    return "Inqueue" if tried or dig(gang.obj, "status", "phase") == "Inqueue" else "Pending"


def _open(queue: Obj) -> None:
    status = queue.setdefault("status", {})
    status.setdefault("state", "Open")
    status.setdefault("allocated", {})
