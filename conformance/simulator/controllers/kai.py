"""Stand-in for the KAI scheduler: pods of ``schedulerName: kai-scheduler``, in PodGroups of ``scheduling.run.ai``."""

from dataclasses import replace
from typing import ClassVar

from conformance.simulator.objects import Obj, dig, labels_of, name_of, namespace_of
from conformance.simulator.placement import membership
from conformance.simulator.placement.gangs import UNSCHEDULABLE, Gang, Outcome
from conformance.simulator.placement.placer import Placer
from conformance.simulator.placement.standin import StandIn, note_condition, owner_of, requested

_QUEUES = "queues.scheduling.run.ai"
_QUEUE_LABEL, _MIN_MEMBER = "kai.scheduler/queue", "kai.scheduler/batch-min-member"
_CONDITION = "UnschedulableOnNodePool"


class Kai(StandIn):
    """Pod grouper, scheduler and binder in one."""

    watches: ClassVar[tuple[str, ...]] = (*Placer.watches, "podgroups.scheduling.run.ai", _QUEUES)
    name: ClassVar[str] = "kai-scheduler"
    solution: ClassVar[str] = "kai"
    groups: ClassVar[str] = "podgroups.scheduling.run.ai"

    def group_name(self, pod: Obj) -> str:
        """An annotation, written by the pod grouper unless it is there."""
        return membership.annotation(pod, membership.KAI)

    def minimum(self, group: Obj) -> int:
        """``minMember``."""
        return int(dig(group, "spec", "minMember", default=1))

    def place_one(self, pod: Obj) -> None:
        """The pod grouper: pods of one owner belong together; only a batch-min-member makes a gang of them."""
        owner, space = owner_of(pod), namespace_of(pod)
        kind = self.registry.kinds.of(owner["apiVersion"], owner["kind"])
        found = self.registry.find(kind.stored_as, space, owner["name"]) if kind else None
        minimum = membership.annotation(found or pod, _MIN_MEMBER) or membership.annotation(pod, _MIN_MEMBER)
        queue = labels_of(pod).get(_QUEUE_LABEL) or labels_of(found or pod).get(_QUEUE_LABEL) or "default-queue"
        name = f"pg-{owner['name']}-{owner['uid']}"
        spec = {"minMember": int(minimum) if minimum.isdigit() else 1, "queue": queue, "priorityClassName": "train"}
        self.make_group(owner, space, name, spec)
        self.join(pod, membership.KAI, name)

    def _queue(self, group: Obj) -> str:
        return str(dig(group, "spec", "queue", default="default-queue"))

    def gather(self, group: Obj) -> Gang:
        """A gang without a queue waits."""
        gang = super().gather(group)
        known = self.registry.find(_QUEUES, "", self._queue(group)) is not None
        return gang if known else replace(gang, complete=False)

    def worded(self, gang: Gang, outcome: Outcome) -> Outcome:
        """KAI's words."""
        if not outcome.reason:
            return outcome
        words = f"Resources were not found for pod group {namespace_of(gang.obj)}/{name_of(gang.obj)}: {gang.minimum} pods must start together"
        refused = [(pod, reason, words) for pod, reason, _ in outcome.refused]
        return replace(outcome, refused=refused, message=words)

    def look(self, gang: Gang) -> None:
        """Amounts; a group whose queue does not exist says so."""
        queue = self._queue(gang.obj)
        if gang.waiting and self.registry.find(_QUEUES, "", queue) is None:
            words = f"queue {queue} does not exist"
            self._write(gang, Outcome(reason="QueueDoesNotExist", message=words))
        else:
            self._write(gang, None)

    def tell(self, gang: Gang, outcome: Outcome) -> None:
        """Amounts, condition and event."""
        self._write(gang, outcome)

    def _write(self, gang: Gang, outcome: Outcome | None) -> None:
        pods = self.members(gang.obj)
        news: list[str] = []

        def edit(obj: Obj) -> None:
            status = obj.setdefault("status", {})
            allocated = requested([pod for pod in pods if pod["spec"].get("nodeName")])
            status["resourcesStatus"] = {"allocated": allocated, "requested": requested(pods)}
            if outcome and outcome.reason:
                fields = {"type": _CONDITION, "status": "True", "nodePool": "default", "reason": UNSCHEDULABLE}
                why = (
                    [] if outcome.reason == UNSCHEDULABLE else [{"reason": outcome.reason, "message": outcome.message}]
                )
                if note_condition(status, "schedulingConditions", **fields, message=outcome.message, reasons=why):
                    news.append(outcome.message)
            elif outcome:
                status.pop("schedulingConditions", None)

        self.write(gang.obj, edit)
        for message in news:
            self.cluster.recorder.event(gang.obj, "Warning", UNSCHEDULABLE, message, component=self.name)
