"""What every controller has: a queue of objects to look at, filled by changes of the resources that it watches."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from conformance.simulator.api.errors import Refused
from conformance.simulator.objects import name_of, namespace_of
from conformance.simulator.storage import Event

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

Key = tuple[str, str]
_LOG = logging.getLogger(__name__)


class Controller:
    """Brings what is there closer to what is wanted, one object at a time."""

    watches: ClassVar[tuple[str, ...]] = ()
    """Resources whose changes put a key in the queue."""

    def __init__(self, cluster: "Cluster") -> None:
        self.cluster = cluster
        self.registry, self.store, self.world = cluster.registry, cluster.store, cluster.world
        self._waiting: dict[Key, None] = {}
        self._filled = asyncio.Event()

    def keys(self, event: Event) -> Iterable[Key]:
        """Keys that a change puts in the queue; the object's own unless a controller says otherwise."""
        yield namespace_of(event.obj), name_of(event.obj)

    def reconcile(self, namespace: str, name: str) -> None:
        """Look at one object."""
        raise NotImplementedError

    def start(self) -> None:
        """Make what must be there before the cluster is ready."""

    async def until(self, test: Callable[[], bool]) -> None:
        """Wait until something is so in the store."""
        changed = asyncio.Event()
        silence = self.store.listen(lambda _event: changed.set())
        try:
            while not test():
                await changed.wait()
                changed.clear()
        finally:
            silence()

    async def settle(self) -> None:
        """Wait until what was made works; the cluster is handed out then."""

    async def stop(self) -> None:
        """Let go of what lives outside the store."""

    def enqueue(self, key: Key) -> None:
        """Look at a key soon."""
        self._waiting[key] = None
        self._filled.set()

    def enqueue_later(self, seconds: float, key: Key) -> None:
        """Look at a key after some time."""
        asyncio.get_running_loop().call_later(seconds, self.enqueue, key)

    async def run(self) -> None:
        """Work until cancelled."""
        self.store.listen(self._heard)
        for resource in self.watches:
            for obj in self.store.select(resource):
                self._heard(Event(self.store.revision, resource, "ADDED", obj, None))
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._waiting:
                key = next(iter(self._waiting))
                del self._waiting[key]
                self._try(key)
                await asyncio.sleep(0)

    def _try(self, key: Key) -> None:
        try:
            self.reconcile(*key)
        except Refused as refused:
            _LOG.debug("%s on %s/%s: %s", type(self).__name__, *key, refused.message)

    def _heard(self, event: Event) -> None:
        if event.resource in self.watches:
            for key in self.keys(event):
                self.enqueue(key)
