"""Watches: changes of the store as a stream of JSON lines, from a revision on, through selectors."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

from conformance.simulator.api import errors
from conformance.simulator.api.selectors import Match
from conformance.simulator.kinds import Kind
from conformance.simulator.kinds.conversion import convert
from conformance.simulator.objects import Obj, namespace_of
from conformance.simulator.storage import Event, Store

INITIAL_END = "k8s.io/initial-events-end"
BOOKMARK_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a client wants to see."""

    kind: Kind
    namespace: str
    match: Match
    revision: str = ""
    bookmarks: bool = False
    initial: bool = False
    timeout: float = 1800.0


def line(kind: str, obj: Obj) -> bytes:
    """One event as it goes over the wire."""
    return json.dumps({"type": kind, "object": obj}, separators=(",", ":")).encode() + b"\n"


class Watch:
    """One watch: call it for its events until it ends."""

    def __init__(self, store: Store, wish: Wish) -> None:
        self._store, self._wish = store, wish
        self._queue: asyncio.Queue[Event] = asyncio.Queue()

    async def events(self) -> AsyncIterator[tuple[str, Obj]]:
        """Types and objects; ends after the time-out."""
        wish = self._wish
        fresh = wish.revision in ("", "0") or wish.initial
        backlog = [] if fresh else self._store.since(int(wish.revision))
        if backlog is None:
            words = f"too old resource version: {wish.revision} ({self._store.revision})"
            yield "ERROR", errors.gone(words).status
            return
        first = self._initial() if fresh else [change for event in backlog for change in self._changes(event)]
        silence = self._store.listen(self._queue.put_nowait)
        try:
            for change in first:
                yield change
            async for change in self._live():
                yield change
        finally:
            silence()

    def _initial(self) -> list[tuple[str, Obj]]:
        wish = self._wish
        objects = [self._shown(obj) for obj in self._store.select(wish.kind.stored_as, wish.namespace)]
        events = [("ADDED", obj) for obj in objects if wish.match(obj)]
        if wish.initial and wish.bookmarks:
            events.append(("BOOKMARK", self._bookmark(self._store.revision, initial=True)))
        return events

    async def _live(self) -> AsyncIterator[tuple[str, Obj]]:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._wish.timeout
        while (left := end - loop.time()) > 0:
            try:
                # ``wait_for`` of Python 3.11 loses a cancellation that comes together with an event
                async with asyncio.timeout(min(left, BOOKMARK_SECONDS)):
                    event = await self._queue.get()
            except TimeoutError:
                if self._wish.bookmarks:
                    yield "BOOKMARK", self._bookmark(self._store.revision)
                continue
            for change in self._changes(event):
                yield change

    def _shown(self, obj: Obj) -> Obj:
        return convert(self._wish.kind, obj)

    def _bookmark(self, revision: int, *, initial: bool = False) -> Obj:
        meta: Obj = {"resourceVersion": str(revision), "creationTimestamp": None}
        if initial:
            meta["annotations"] = {INITIAL_END: "true"}
        return {"kind": self._wish.kind.kind, "apiVersion": self._wish.kind.api_version, "metadata": meta}

    def _changes(self, event: Event) -> list[tuple[str, Obj]]:
        """What the change is to this client: an object may come into its selection or leave it."""
        wish = self._wish
        if event.resource != wish.kind.stored_as or (wish.namespace and namespace_of(event.obj) != wish.namespace):
            return []
        obj = self._shown(event.obj)
        now = wish.match(obj)
        before = event.old is not None and wish.match(self._shown(event.old))
        if event.change == "DELETED":
            return [("DELETED", obj)] if before else []
        if now:
            return [("MODIFIED" if before else "ADDED", obj)]
        return [("DELETED", obj)] if before else []
