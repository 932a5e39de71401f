"""Namespaces: what a new one gets, and how a deleted one is emptied."""

from typing import ClassVar

from conformance.simulator.api.errors import Refused
from conformance.simulator.api.options import Options
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.objects import Obj, deleting, name_of, namespace_of, set_condition, thaw
from conformance.simulator.storage import Event

_CA = "-----BEGIN CERTIFICATE-----\nsimulated\n-----END CERTIFICATE-----\n"
_CA_NOTE = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."  # fmt: skip


class Namespaces(Controller):
    """Gives a namespace its service account and CA bundle; empties it when it is deleted."""

    watches: ClassVar[tuple[str, ...]] = (
        "namespaces",
        "serviceaccounts",
        "configmaps",
        "pods",
        "resourceclaims.resource.k8s.io",
    )

    def keys(self, event: Event) -> list[Key]:
        """The namespace of whatever changed; inside one only what goes away matters."""
        if event.resource == "namespaces":
            return [("", name_of(event.obj))]
        return [("", namespace_of(event.obj))] if event.change == "DELETED" else []

    def reconcile(self, _namespace: str, name: str) -> None:
        """Fill or empty a namespace."""
        namespace = self.registry.find("namespaces", "", name)
        if namespace is None:
            return
        if deleting(namespace):
            self._empty(namespace)
            return
        if self.registry.find("configmaps", name, "kube-root-ca.crt") is None:
            meta = {"name": "kube-root-ca.crt", "annotations": {"kubernetes.io/description": _CA_NOTE}}
            self._make("configmaps", name, {"metadata": meta, "data": {"ca.crt": _CA}})
        if self.registry.find("serviceaccounts", name, "default") is None:
            self._make("serviceaccounts", name, {"metadata": {"name": "default"}})

    def _make(self, resource: str, namespace: str, body: Obj) -> None:
        self.registry.create(self.registry.kinds.get(resource), namespace, body)

    def _empty(self, namespace: Obj) -> None:
        name = name_of(namespace)
        for kind in list(self.registry.kinds):
            if not kind.namespaced or not kind.plain or kind.stored_as != kind.resource:
                continue
            for obj in self.store.select(kind.stored_as, name):
                if not deleting(obj):
                    self._delete(kind.resource, obj)
        left = [obj for resource in self.store.resources() for obj in self.store.select(resource, name)]
        if not left:
            gone = thaw(namespace)
            gone["spec"]["finalizers"] = [f for f in gone["spec"].get("finalizers") or () if f != "kubernetes"]
            self.store.put("namespaces", gone)
            if not gone["spec"]["finalizers"] and not gone["metadata"].get("finalizers"):
                self.store.remove("namespaces", "", name)
            return
        self._tell(namespace, left)

    def _delete(self, resource: str, obj: Obj) -> None:
        try:
            self.registry.delete(self.registry.kinds.get(resource), namespace_of(obj), name_of(obj), Options())
        except Refused as refused:
            if refused.reason != "NotFound":
                raise

    def _tell(self, namespace: Obj, left: list[Obj]) -> None:
        """Say in the conditions what is still there."""
        changed = thaw(namespace)
        counts: dict[str, int] = {}
        for obj in left:
            counts[obj["kind"]] = counts.get(obj["kind"], 0) + 1
        words = ", ".join(f"{kind} has {count} resource instances" for kind, count in sorted(counts.items()))
        held = sorted({f for obj in left for f in obj["metadata"].get("finalizers") or ()})
        set_condition(
            changed,
            "NamespaceContentRemaining",
            "True",
            reason="SomeResourcesRemain",
            message=f"Some resources are remaining: {words}",
        )
        finalizers = (
            f"Some content in the namespace has finalizers remaining: {', '.join(held)}"
            if held
            else "All content-preserving finalizers finished"
        )
        set_condition(
            changed,
            "NamespaceFinalizersRemaining",
            "True" if held else "False",
            reason="SomeFinalizersRemain" if held else "ContentHasNoFinalizers",
            message=finalizers,
        )
        if changed["status"] != namespace["status"]:
            self.store.put("namespaces", changed)
