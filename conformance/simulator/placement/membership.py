"""Which gang a pod says it belongs to, in the words of each solution."""

from conformance.simulator.objects import Obj, deleting, dig, finished, labels_of
from conformance.simulator.storage import Event

VOLCANO = "scheduling.k8s.io/group-name"
COSCHEDULING = "scheduling.x-k8s.io/pod-group"
KAI = "pod-group-name"
KUEUE_GROUP, KUEUE_PODSET = "kueue.x-k8s.io/pod-group-name", "kueue.x-k8s.io/podset"


def native(pod: Obj) -> str:
    """The PodGroup of ``scheduling.k8s.io``."""
    return str(dig(pod, "spec", "schedulingGroup", "podGroupName", default=""))


def annotation(pod: Obj, key: str) -> str:
    """An annotation, or nothing."""
    return str(dig(pod, "metadata", "annotations", key, default=""))


def any_gang(pod: Obj) -> bool:
    """Whether a pod belongs to a gang of any solution."""
    labels = labels_of(pod)
    return bool(
        native(pod)
        or annotation(pod, VOLCANO)
        or annotation(pod, KAI)
        or any(labels.get(key) for key in (COSCHEDULING, KUEUE_GROUP, KUEUE_PODSET))
    )


def stopped_early(event: Event) -> bool:
    """Whether a change takes a bound member of a gang away before it has come to its end."""
    pod = event.obj
    going = event.change == "DELETED" or deleting(pod)
    return going and bool(pod["spec"].get("nodeName")) and not finished(pod) and any_gang(pod)
