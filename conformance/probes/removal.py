"""Taking away what a check made: asked for by UID, awaited under one deadline, and what stays is listed by name."""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from conformance.cluster import errors, waiting
from conformance.cluster.api import Api, Object

Made = tuple[str, Object]
"""Path of an object, and the object as it was made."""


class Removal:
    """One clean-up; ``leftovers`` are the objects that stayed, each with the reason."""

    def __init__(self, api: Api, *, limit: float) -> None:
        self._api, self._limit = api, limit
        self.leftovers: list[str] = []

    def remove(self, made: Sequence[Made]) -> None:
        """Ask for deletion, the newest first, and wait until all are gone."""
        self.wait(self.ask(made))

    def ask(self, made: Sequence[Made]) -> list[Made]:
        """Ask for deletion, the newest first; returns those that may go."""
        asked = []
        for path, obj in reversed(made):
            with self._named(path, obj):
                self._api.delete(path, uid=obj["metadata"]["uid"])
                asked.append((path, obj))
        return asked

    def wait(self, asked: Iterable[Made]) -> None:
        """Wait until all are gone."""
        deadline = time.monotonic() + self._limit
        for path, obj in asked:
            collection, _, name = path.rpartition("/")
            with self._named(path, obj):
                left = max(0.0, deadline - time.monotonic())
                waiting.wait_gone(self._api, collection, name, uid=obj["metadata"]["uid"], limit=left)

    def empty(self, collection: str, kind: str, selector: str) -> None:
        """Remove what the selector means until nothing is left of it: a controller may make more before it stops."""
        deadline = time.monotonic() + self._limit
        while found := self._list(collection, kind, selector):
            before = len(self.leftovers)
            self.remove(found)
            if len(self.leftovers) > before or time.monotonic() > deadline:
                return

    def _list(self, collection: str, kind: str, selector: str) -> list[Made]:
        try:
            there = self._api.list(collection, label_selector=selector)
        except errors.ApiError as error:
            self.leftovers.append(f"{kind} objects in {collection}: {error}")
            return []
        return [(f"{collection}/{obj['metadata']['name']}", {"kind": kind, **obj}) for obj in there]

    @contextmanager
    def _named(self, path: str, obj: Object) -> Iterator[None]:
        """Put what fails on the list of leftovers, by kind, name and UID."""
        try:
            yield
        except (errors.ApiError, errors.WaitTimeout) as error:
            label = f"{obj.get('kind') or path.split('/')[-2]} {obj['metadata']['name']} ({obj['metadata']['uid']})"
            self.leftovers.append(f"{label}: {error}{self._why(path)}")

    def _why(self, path: str) -> str:
        """Conditions of what stays, such as a dead aggregated API that keeps a namespace."""
        try:
            conditions = (self._api.get(path).get("status") or {}).get("conditions") or []
        except errors.ApiError:
            return ""
        told = [f"{c.get('type')}: {c.get('message')}" for c in conditions if c.get("status") == "True"]
        return f" [{'; '.join(told)[:500]}]" if told else ""
