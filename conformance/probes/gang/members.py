"""What the pods of a gang say, one by one and together: bound, running, ended, refused, lost."""

from collections.abc import Callable, Iterable, Mapping

from conformance.cluster.api import Object
from conformance.inventory import odd
from conformance.probes import starting

GANG_LABEL = "kube-ai-conformance.dev/gang"
"""Tells the pods and claims of one gang from all others of a check."""
_ENDED = {"Succeeded", "Failed"}


def of(gang: str) -> Callable[[Object], bool]:
    """Whether an object belongs to this gang."""
    return lambda obj: odd.part(obj, "metadata", "labels").get(GANG_LABEL) == gang


def phase(pod: Object) -> str:
    """Phase of a pod, empty where it says none."""
    return str(odd.part(pod, "status").get("phase") or "")


def bound(pod: Object) -> bool:
    """Whether the pod was given a node."""
    return bool(odd.part(pod, "spec").get("nodeName"))


def holds(pod: Object) -> bool:
    """Whether the pod keeps its device from others: it has a node and has not ended."""
    return bound(pod) and phase(pod) not in _ENDED


def started(pod: Object) -> bool:
    """Whether the pod runs or ran to its end."""
    return bound(pod) and phase(pod) in {"Running", "Succeeded"}


def refusal(pod: Object) -> str:
    """The scheduler's words where it could not place the pod; a pod that still waits at a gate was not looked at."""
    for entry in odd.entries(odd.part(pod, "status"), "conditions"):
        if entry.get("type") == "PodScheduled" and entry.get("status") == "False":
            told = str(entry.get("reason") or "")
            return "" if told == "SchedulingGated" else f"{told}: {entry.get('message') or ''}".strip(": ")
    return ""


def taken_away(pod: Object) -> str:
    """Why a pod is of no use as a witness: it was preempted, evicted or failed; empty where it is well."""
    status = odd.part(pod, "status")
    if phase(pod) == "Failed":
        return starting.disrupted(pod) or f"{odd.name(pod)} failed ({status.get('reason')}: {status.get('message')})"
    return starting.disrupted(pod)


def started_at(pod: Object) -> str:
    """When the kubelet started the pod's container, empty where it does not say."""
    for entry in odd.entries(odd.part(pod, "status"), "containerStatuses"):
        for state in ("running", "terminated"):
            told = odd.part(entry, "state", state).get("startedAt")
            if isinstance(told, str):
                return told
    return ""


def select(members: Mapping[str, Object], gang: str) -> list[Object]:
    """The pods of this gang."""
    mine = of(gang)
    return [pod for pod in members.values() if mine(pod)]


def describe(pods: Iterable[Object]) -> str:
    """Counts and the first refusal in one line."""
    found = list(pods)
    told = next(filter(None, map(refusal, found)), "")
    running = sum(map(started, found))
    line = f"{len(found)} pods, {sum(map(bound, found))} bound, {running} running or ended"
    return f"{line}; {told}" if told else line
