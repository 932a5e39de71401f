"""The store: all objects, one revision counter, and the log of changes that watches are served from.

It stands in for etcd and the watch cache. It knows nothing of kinds; every rule is made above it (``api.registry``).
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from conformance.simulator.objects import Obj, name_of, namespace_of

LOG_LIMIT = 10_000
Change = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one object."""

    revision: int
    resource: str
    """``pods``, ``resourceclaims.resource.k8s.io``."""
    change: Change
    obj: Obj
    old: Obj | None


Listener = Callable[[Event], None]


class Store:
    """Objects by resource, namespace and name."""

    def __init__(self) -> None:
        self.revision = 100
        self._objects: dict[str, dict[tuple[str, str], Obj]] = {}
        self._log: deque[Event] = deque(maxlen=LOG_LIMIT)
        self._listeners: list[Listener] = []

    def get(self, resource: str, namespace: str, name: str) -> Obj | None:
        """The object, not to be changed in place, or None."""
        return self._objects.get(resource, {}).get((namespace, name))

    def select(self, resource: str, namespace: str = "") -> list[Obj]:
        """Objects of a resource in order of namespace and name; an empty namespace means all."""
        objects = self._objects.get(resource, {})
        return [objects[key] for key in sorted(objects) if not namespace or key[0] == namespace]

    def resources(self) -> list[str]:
        """Resources that have or had objects."""
        return sorted(self._objects)

    def everything(self) -> Iterator[tuple[str, Obj]]:
        """All objects with their resource."""
        for resource in self.resources():
            for obj in list(self._objects[resource].values()):
                yield resource, obj

    def put(self, resource: str, obj: Obj) -> Obj:
        """Store a new or changed object under a new revision."""
        key = (namespace_of(obj), name_of(obj))
        old = self._objects.setdefault(resource, {}).get(key)
        self.revision += 1
        obj["metadata"]["resourceVersion"] = str(self.revision)
        self._objects[resource][key] = obj
        self._tell(Event(self.revision, resource, "MODIFIED" if old else "ADDED", obj, old))
        return obj

    def remove(self, resource: str, namespace: str, name: str) -> Obj:
        """Take an object out; gives its last state with the revision of the removal."""
        old = self._objects[resource].pop((namespace, name))
        self.revision += 1
        gone = {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.revision)}}
        self._tell(Event(self.revision, resource, "DELETED", gone, old))
        return gone

    def since(self, revision: int) -> list[Event] | None:
        """Changes after a revision, or None where the log does not reach back that far."""
        oldest = self._log[0].revision if self._log else self.revision + 1
        if revision + 1 < oldest:
            return None
        return [event for event in self._log if event.revision > revision]

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call the listener on every change until the returned function is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _tell(self, event: Event) -> None:
        self._log.append(event)
        for listener in tuple(self._listeners):
            listener(event)
