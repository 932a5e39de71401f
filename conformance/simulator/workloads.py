"""What the controllers of workloads share: pods made from a template, and what counts as theirs, active and available."""

from collections.abc import Iterable

from conformance.simulator.api.errors import Refused
from conformance.simulator.api.options import Options
from conformance.simulator.api.registry import Registry
from conformance.simulator.objects import Obj, age, condition, deleting, finished, name_of, namespace_of, thaw, uid_of
from conformance.simulator.recorder import Recorder


def owner_reference(owner: Obj) -> Obj:
    """The reference by which an object belongs to its controller."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controlled(obj: Obj, owner: Obj) -> bool:
    """Whether an object belongs to a controller."""
    references = obj["metadata"].get("ownerReferences") or ()
    return any(reference.get("controller") and reference.get("uid") == uid_of(owner) for reference in references)


def controller_of(obj: Obj, kind: str) -> str:
    """Name of the controller of that kind, or nothing."""
    references = obj["metadata"].get("ownerReferences") or ()
    return next((str(r["name"]) for r in references if r.get("controller") and r.get("kind") == kind), "")


def active(pod: Obj) -> bool:
    """Whether a pod counts as a replica."""
    return not finished(pod) and not deleting(pod)


def ready(pod: Obj) -> bool:
    """Whether a pod may be sent traffic."""
    found = condition(pod, "Ready")
    return found is not None and found["status"] == "True"


def available(pod: Obj, seconds: int = 0) -> bool:
    """Whether a pod has been ready for so many seconds."""
    found = condition(pod, "Ready")
    return (
        found is not None and found["status"] == "True" and (not seconds or age(found["lastTransitionTime"]) >= seconds)
    )


def oldest_last(pods: Iterable[Obj]) -> list[Obj]:
    """Pods in the order in which a controller gives them up."""

    def rank(pod: Obj) -> tuple[bool, bool, bool]:
        placed, running = bool(pod["spec"].get("nodeName")), pod["status"].get("phase") == "Running"
        return placed, running, ready(pod)

    newest_first = sorted(pods, key=lambda pod: (pod["metadata"]["creationTimestamp"], uid_of(pod)), reverse=True)
    return sorted(newest_first, key=rank)


class Crew:
    """Makes and removes the pods of one controller, with the events that go with it."""

    def __init__(self, registry: Registry, recorder: Recorder, component: str) -> None:
        self._registry, self._recorder, self._component = registry, recorder, component

    def hire(self, owner: Obj, body: Obj) -> str:
        """Create a pod; gives the reason why that cannot be, or nothing."""
        body["metadata"]["ownerReferences"] = [owner_reference(owner)]
        try:
            pod = self._registry.create(self._registry.kinds.get("pods"), namespace_of(owner), body)
        except Refused as refused:
            words = f"Error creating: {refused.message}"
            self._recorder.event(owner, "Warning", "FailedCreate", words, component=self._component)
            return refused.message
        words = f"Created pod: {name_of(pod)}"
        self._recorder.event(owner, "Normal", "SuccessfulCreate", words, component=self._component)
        return ""

    def dismiss(self, owner: Obj, pod: Obj) -> None:
        """Delete a pod."""
        try:
            self._registry.delete(
                self._registry.kinds.get("pods"), namespace_of(pod), name_of(pod), Options(uid=uid_of(pod))
            )
        except Refused as refused:
            if refused.reason not in ("NotFound", "Conflict"):
                raise
        words = f"Deleted pod: {name_of(pod)}"
        self._recorder.event(owner, "Normal", "SuccessfulDelete", words, component=self._component)


def pod_of(template: Obj, prefix: str) -> Obj:
    """A pod as a template has it; its name starts with the prefix."""
    copied: Obj = thaw(template)
    meta = copied.get("metadata") or {}
    kept = {key: meta[key] for key in ("labels", "annotations", "finalizers") if meta.get(key)}
    return {"metadata": {**kept, "generateName": prefix}, "spec": copied["spec"]}
