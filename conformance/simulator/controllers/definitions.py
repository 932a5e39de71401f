"""CustomResourceDefinitions: a new one is accepted and its kinds are served at once."""

from typing import ClassVar

from conformance.simulator.api.options import Options
from conformance.simulator.controllers.base import Controller
from conformance.simulator.kinds.custom import kinds_of
from conformance.simulator.objects import Obj, deleting, name_of, namespace_of, set_condition

_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


class Definitions(Controller):
    """Serves custom resources and takes them away again."""

    watches: ClassVar[tuple[str, ...]] = (_CRDS,)

    def reconcile(self, _namespace: str, name: str) -> None:
        """Establish a definition, or take its kinds away."""
        crd = self.registry.find(_CRDS, "", name)
        if crd is None:
            plural, _, group = name.partition(".")
            self.registry.kinds.drop(group, plural)
            return
        if deleting(crd):
            self._remove(crd)
            return
        for kind in kinds_of(crd):
            self.registry.kinds.add(kind)
        self.registry.change(_CRDS, "", name, _establish, sub="status")
        if _CLEANUP not in (crd["metadata"].get("finalizers") or ()):
            self.registry.change(
                _CRDS, "", name, lambda obj: obj["metadata"].setdefault("finalizers", []).append(_CLEANUP)
            )

    def _remove(self, crd: Obj) -> None:
        resource = name_of(crd)
        for obj in self.store.select(resource):
            if not deleting(obj):
                self.registry.delete(self.registry.kinds.get(resource), namespace_of(obj), name_of(obj), Options())
        if self.store.select(resource):
            self.enqueue_later(0.1, ("", resource))
            return

        def release(obj: Obj) -> None:
            obj["metadata"]["finalizers"] = [f for f in obj["metadata"].get("finalizers") or () if f != _CLEANUP]

        self.registry.change(_CRDS, "", resource, release)


def _establish(crd: Obj) -> None:
    crd["status"] = dict(crd.get("status") or {})
    set_condition(crd, "NamesAccepted", "True", reason="NoConflicts", message="no conflicts found")
    set_condition(
        crd, "Established", "True", reason="InitialNamesAccepted", message="the initial names have been accepted"
    )
    crd["status"]["acceptedNames"] = crd["spec"]["names"]
    crd["status"]["storedVersions"] = [v["name"] for v in crd["spec"]["versions"] if v.get("storage")]
