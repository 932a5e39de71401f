"""The gang API of Kubernetes itself: a PodGroup of scheduling.k8s.io, and pods that name it (KEP-4671)."""

from conformance.adapters.gang import base
from conformance.adapters.gang.base import Ask, Piece, State
from conformance.adapters.look import Look
from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.inventory import odd
from conformance.inventory.solutions import GANG, Solution

GROUP, PLURAL = "scheduling.k8s.io", "podgroups"
SCHEDULED = ("PodGroupInitiallyScheduled", "PodGroupScheduled")
"""Condition that says what became of a group: since 1.37, and in 1.36."""
PROBE_NAMESPACE = "default"


def detect(look: Look) -> Solution | None:
    """The API is served, and the server keeps the field of pods that uses it: with the gate off it drops it in silence."""
    served = look.served(GROUP, PLURAL)
    if not served:
        return None
    kept, seen = _enabled(look.api)
    if kept is False:
        look.notes.append(f"{served} is served and is no gang scheduler here: {seen}")
        return None
    return Solution(
        family=GANG,
        id="native",
        title=f"Kubernetes ({served})",
        group_version=served,
        alive=None,
        seen=f"{PLURAL} are served in {served}; {seen}; kube-scheduler itself is seen by what it does only",
    )


def _enabled(api: Api) -> tuple[bool | None, str]:
    """Whether a pod keeps ``schedulingGroup`` in a dry run, and a sentence on it; None where it must not be tried."""
    container = {"name": "main", "image": "none.invalid/none", "resources": {}}
    spec = {"containers": [container], "schedulingGroup": {"podGroupName": "none"}}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ai-conformance-dry-run"}, "spec": spec}
    try:
        made = api.ask(f"/api/v1/namespaces/{PROBE_NAMESPACE}/pods", body, dryRun="All")
    except errors.ApiError as error:
        return None, f"a dry run of a pod with schedulingGroup was refused ({error.status} {error.reason})"
    if odd.part(made, "spec", "schedulingGroup").get("podGroupName") == "none":
        return True, "a dry run of a pod keeps schedulingGroup"
    return False, "a dry run of a pod loses schedulingGroup (feature gate GenericWorkload is off)"


class Native:
    """Adapter of the native API."""

    explains = True

    def __init__(self, solution: Solution) -> None:
        self.solution = solution

    def pieces(self, ask: Ask) -> tuple[Piece, ...]:
        """A PodGroup and pods that name it; a Workload is not needed."""
        group = base.pod_group(self.solution, ask, {"schedulingPolicy": {"gang": {"minCount": ask.size}}})
        return group, *base.pod_pieces(ask, {"spec": {"schedulingGroup": {"podGroupName": ask.name}}})

    def alone(self, pod: Object) -> Object:
        """The pod as it is."""
        return pod

    def kept(self, pod: Object) -> str:
        """The server drops the field where the gate is off."""
        group = odd.part(pod, "spec").get("schedulingGroup")
        return "" if isinstance(group, dict) and group.get("podGroupName") else f"spec.schedulingGroup is {group!r}"

    def state(self, api: Api, ask: Ask) -> State:
        """By the condition that the scheduler writes on the PodGroup."""
        return of_group(base.group_of(api, self.solution, PLURAL, ask))


def of_group(group: Object | None) -> State:
    """What a PodGroup says."""
    found = base.condition(group or {}, *SCHEDULED)
    phase: base.Phase = {"True": "started", "False": "waiting"}.get(str(found.get("status")), "unknown")  # type: ignore[assignment]
    if not found:
        return State(phase="unknown", object=group)
    return State(phase=phase, words=base.words(found), since=str(found.get("lastTransitionTime", "")), object=group)
