"""What the real server does to PodGroups and their pods: a priority, a finalizer, and no group where its gate is off."""

from conformance.simulator.api import errors
from conformance.simulator.api.admission import Request
from conformance.simulator.objects import name_of

FINALIZER = "scheduling.k8s.io/podgroup-protection"
RESOURCES = ("podgroups.scheduling.k8s.io", "pods")


def mutate(request: Request) -> None:
    """Fill in a new PodGroup; drop what is not known."""
    if not request.creates:
        return
    spec = request.obj["spec"]
    if request.kind.resource == "pods":
        if not request.registry.kinds.has("podgroups.scheduling.k8s.io"):
            spec.pop("schedulingGroup", None)
        return
    name, priority = spec.get("priorityClassName"), 0
    if name:
        found = request.registry.find("priorityclasses.scheduling.k8s.io", "", name)
        if found is None:
            words = f"no PriorityClass with name {name} was found"
            raise errors.forbidden(request.kind.resource, name_of(request.obj), words)
        priority = found.get("value", 0)
    spec["priority"] = priority
    finalizers = request.obj["metadata"].setdefault("finalizers", [])
    finalizers += [] if FINALIZER in finalizers else [FINALIZER]
