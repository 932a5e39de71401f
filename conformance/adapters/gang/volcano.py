"""Volcano: a PodGroup of our own, because its webhook makes one of a single member for pods and Jobs that have none."""

from conformance.adapters.gang import base
from conformance.adapters.gang.base import Ask, Piece, State
from conformance.adapters.look import Look
from conformance.cluster.api import Api, Object
from conformance.inventory import odd
from conformance.inventory.solutions import Solution

GROUP, PLURAL = "scheduling.volcano.sh", "podgroups"
CONTROLLERS = ("volcano-scheduler", "volcano-controllers")
SCHEDULER = "volcano"
QUEUE = "default"
MEMBER_OF = "scheduling.k8s.io/group-name"
PHASES: dict[str, base.Phase] = {
    "Pending": "waiting",
    "Inqueue": "waiting",
    "Running": "started",
    "Completed": "started",
}


def detect(look: Look) -> Solution | None:
    """The API is served; the controllers are those of Volcano's manifests."""
    return base.installed(look, title="Volcano", group=GROUP, plural=PLURAL, controllers=CONTROLLERS)


class Volcano:
    """Adapter of Volcano."""

    explains = True

    def __init__(self, solution: Solution) -> None:
        self.solution = solution

    def pieces(self, ask: Ask) -> tuple[Piece, ...]:
        """A PodGroup in the queue ``default`` and pods that name it."""
        group = base.pod_group(self.solution, ask, {"minMember": ask.size, "queue": QUEUE})
        return group, *base.pod_pieces(ask, _member(ask.name))

    def alone(self, pod: Object) -> Object:
        """A pod for Volcano without a group of ours."""
        return base.with_(pod, {"spec": {"schedulerName": SCHEDULER}})

    def kept(self, pod: Object) -> str:
        """Scheduler and group must stay."""
        return base.lost_annotation(pod, SCHEDULER, MEMBER_OF)

    def state(self, api: Api, ask: Ask) -> State:
        """By phase and conditions of the PodGroup."""
        return of_group(base.group_of(api, self.solution, PLURAL, ask))


def _member(group: str) -> Object:
    return {"annotations": {MEMBER_OF: group}, "spec": {"schedulerName": SCHEDULER}}


def of_group(group: Object | None) -> State:
    """What a PodGroup says; a phase without a condition is no reason."""
    said = odd.part(group or {}, "status").get("phase")
    phase = PHASES.get(said, "unknown") if isinstance(said, str) else "unknown"
    found = base.condition(group or {}, "Unschedulable" if phase == "waiting" else "Scheduled")
    told = f"phase {said}; {base.words(found)}" if found.get("status") == "True" else ""
    return State(phase=phase, words=told, since=str(found.get("lastTransitionTime", "")), object=group)
