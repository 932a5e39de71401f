"""Protection of PodGroups: one that is deleted stays while pods that have not come to their end belong to it."""

from typing import ClassVar

from conformance.simulator.api.admission.podgroups import FINALIZER
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.objects import Obj, deleting, finished, namespace_of
from conformance.simulator.placement.membership import native
from conformance.simulator.storage import Event

_GROUPS = "podgroups.scheduling.k8s.io"


class PodGroups(Controller):
    """Takes the finalizer away when nothing needs the group any more."""

    watches: ClassVar[tuple[str, ...]] = ("pods", _GROUPS)

    def keys(self, event: Event) -> list[Key]:
        """The group that changed, or that of a pod that ends."""
        if event.resource == _GROUPS:
            return list(super().keys(event))
        ends = event.change == "DELETED" or finished(event.obj)
        return [(namespace_of(event.obj), native(event.obj))] if ends and native(event.obj) else []

    def reconcile(self, namespace: str, name: str) -> None:
        """Let go of a group without pods."""
        group = self.registry.find(_GROUPS, namespace, name)
        if group is None or not deleting(group) or FINALIZER not in group["metadata"].get("finalizers", ()):
            return
        pods = self.store.select("pods", namespace)
        if any(native(pod) == name and not finished(pod) for pod in pods):
            return

        def release(obj: Obj) -> None:
            obj["metadata"]["finalizers"] = [f for f in obj["metadata"]["finalizers"] if f != FINALIZER]

        self.registry.change(_GROUPS, namespace, name, release)
