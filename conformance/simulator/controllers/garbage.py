"""Garbage collection: dependents go when their owners are gone; foreground and orphan deletion."""

from conformance.simulator.api.errors import Refused
from conformance.simulator.api.options import Options
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.objects import Obj, deleting, name_of, namespace_of, thaw, uid_of
from conformance.simulator.storage import Event

_CHECKED = ("foregroundDeletion", "orphan")


class GarbageCollector(Controller):
    """Watches everything: keys are the resource and ``namespace/name`` of what may be garbage."""

    def _heard(self, event: Event) -> None:
        obj = event.obj
        here = (event.resource, f"{namespace_of(obj)}/{name_of(obj)}")
        if event.change == "DELETED":
            for key in self._dependents(uid_of(obj)):
                self.enqueue(key)
            for owner in obj["metadata"].get("ownerReferences") or ():
                self._wake_owner(owner, namespace_of(obj))
        elif obj["metadata"].get("ownerReferences") or (
            deleting(obj) and set(_CHECKED) & set(obj["metadata"].get("finalizers") or ())
        ):
            self.enqueue(here)

    def _dependents(self, uid: str) -> list[Key]:
        return [
            (resource, f"{namespace_of(obj)}/{name_of(obj)}")
            for resource, obj in self.store.everything()
            if any(ref.get("uid") == uid for ref in obj["metadata"].get("ownerReferences") or ())
        ]

    def _owner(self, reference: Obj, namespace: str) -> Obj | None:
        kind = self.registry.kinds.of(reference.get("apiVersion", ""), reference.get("kind", ""))
        if kind is None:
            return None
        found = self.registry.find(kind.stored_as, namespace if kind.namespaced else "", reference.get("name", ""))
        return found if found and uid_of(found) == reference.get("uid") else None

    def _wake_owner(self, reference: Obj, namespace: str) -> None:
        kind = self.registry.kinds.of(reference.get("apiVersion", ""), reference.get("kind", ""))
        owner = self._owner(reference, namespace)
        if kind and owner and deleting(owner):
            self.enqueue((kind.stored_as, f"{namespace_of(owner)}/{name_of(owner)}"))

    def reconcile(self, resource: str, name: str) -> None:
        """Delete an object whose owners are gone; finish a deletion that waits for its dependents."""
        space, _, short = name.partition("/")
        obj = self.registry.find(resource, space, short)
        if obj is None or not self.registry.kinds.has(resource):
            return
        finalizers = obj["metadata"].get("finalizers") or []
        if deleting(obj) and "orphan" in finalizers:
            self._orphan(resource, obj)
        elif deleting(obj) and "foregroundDeletion" in finalizers:
            self._foreground(resource, obj)
        owners = obj["metadata"].get("ownerReferences") or []
        if owners and not deleting(obj) and all(self._owner(reference, space) is None for reference in owners):
            self._remove(resource, obj, "Background")

    def _remove(self, resource: str, obj: Obj, propagation: str) -> None:
        kind = self.registry.kinds.get(resource)
        try:
            self.registry.delete(
                kind, namespace_of(obj), name_of(obj), Options(uid=uid_of(obj), propagation=propagation)
            )
        except Refused as refused:
            if refused.reason not in ("NotFound", "Conflict"):
                raise

    def _orphan(self, resource: str, obj: Obj) -> None:
        for dependent, name in self._dependents(uid_of(obj)):
            space, _, short = name.partition("/")

            def release(child: Obj) -> None:
                kept = [r for r in child["metadata"]["ownerReferences"] if r.get("uid") != uid_of(obj)]
                child["metadata"]["ownerReferences"] = kept

            self.registry.change(dependent, space, short, release)
        self._drop_finalizer(resource, obj, "orphan")

    def _foreground(self, resource: str, obj: Obj) -> None:
        left = False
        for dependent, name in self._dependents(uid_of(obj)):
            space, _, short = name.partition("/")
            child = self.registry.find(dependent, space, short)
            if child is not None:
                blocks = any(
                    r.get("uid") == uid_of(obj) and r.get("blockOwnerDeletion")
                    for r in child["metadata"]["ownerReferences"]
                )
                left = left or blocks
                if not deleting(child):
                    self._remove(dependent, child, "Foreground")
        if not left or not self._dependents(uid_of(obj)):
            self._drop_finalizer(resource, obj, "foregroundDeletion")

    def _drop_finalizer(self, resource: str, obj: Obj, name: str) -> None:
        def drop(current: Obj) -> None:
            current["metadata"]["finalizers"] = [
                f for f in thaw(current["metadata"].get("finalizers") or []) if f != name
            ]

        self.registry.change(resource, namespace_of(obj), name_of(obj), drop)
