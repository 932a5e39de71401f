"""KAI: a PodGroup of our own and pods without an owner that name it, which its pod grouper leaves alone."""

from dataclasses import replace

from conformance.adapters.gang import base
from conformance.adapters.gang.base import Ask, Piece, State
from conformance.adapters.look import Look
from conformance.cluster.api import Api, Object
from conformance.inventory import odd
from conformance.inventory.solutions import Solution

GROUP, PLURAL = "scheduling.run.ai", "podgroups"
CONTROLLERS = ("kai-scheduler-default", "kai-scheduler", "scheduler", "binder", "pod-grouper", "podgroup-controller")
NAMESPACE = "kai-scheduler"
SCHEDULER = "kai-scheduler"
QUEUE = "default-queue"
QUEUE_LABEL = "kai.scheduler/queue"
MEMBER_OF = "pod-group-name"
REFUSED = "UnschedulableOnNodePool"


def detect(look: Look) -> Solution | None:
    """The API is served; of the controllers only those in KAI's namespace count, their names are too plain."""
    found = base.installed(look, title="KAI", group=GROUP, plural=PLURAL, controllers=CONTROLLERS, only_in=NAMESPACE)
    return found and replace(found, namespace=found.namespace or NAMESPACE)


class Kai:
    """Adapter of KAI."""

    explains = True

    def __init__(self, solution: Solution) -> None:
        self.solution = solution

    def pieces(self, ask: Ask) -> tuple[Piece, ...]:
        """A PodGroup in the queue and pods that name it."""
        queue = ask.queue or QUEUE
        group = base.pod_group(self.solution, ask, {"minMember": ask.size, "queue": queue}, {QUEUE_LABEL: queue})
        member = {"annotations": {MEMBER_OF: ask.name}, **_scheduled(ask.queue)}
        return group, *base.pod_pieces(ask, member)

    def alone(self, pod: Object) -> Object:
        """A pod for KAI without a group of ours."""
        return base.with_(pod, _scheduled(""))

    def kept(self, pod: Object) -> str:
        """Scheduler and group must stay."""
        return base.lost_annotation(pod, SCHEDULER, MEMBER_OF)

    def state(self, api: Api, ask: Ask) -> State:
        """By the scheduling conditions of the PodGroup."""
        return of_group(base.group_of(api, self.solution, PLURAL, ask))


def _scheduled(queue: str) -> Object:
    return {"labels": {QUEUE_LABEL: queue or QUEUE}, "spec": {"schedulerName": SCHEDULER}}


def of_group(group: Object | None) -> State:
    """What a PodGroup says: refusals stand in ``schedulingConditions``, a start in the counted pods."""
    status = odd.part(group or {}, "status")
    found = base.condition(group or {}, REFUSED, key="schedulingConditions")
    running = status.get("running")
    if isinstance(running, int) and running > 0:
        return State(phase="started", words=f"{running} running", object=group)
    if found.get("status") == "True":
        since = str(found.get("lastTransitionTime", ""))
        return State(phase="waiting", words=base.words(found), since=since, object=group)
    return State(phase="unknown", object=group)
