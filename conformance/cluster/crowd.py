"""Waiting on many objects at once, such as the pods of a gang: one watch of a label selector, and proof that nothing happened.

The rules are those of ``waiting``: a broken watch goes on where it stopped; one that lost history proves no absence; at the end of
a window a mark is written on one of the objects and awaited on the same watch.
"""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from conformance.cluster import errors, waiting
from conformance.cluster.api import Api, Object

T = TypeVar("T")
Members = Mapping[str, Object]
"""Objects by name, as they were seen last."""
ALIVE_SECONDS = 30.0


class Crowd:
    """The objects of a collection that a label selector means, followed by one watch from when it is made."""

    def __init__(self, api: Api, collection: str, selector: str) -> None:
        self._api, self._collection, self._selector = api, collection, selector
        self.members: dict[str, Object] = {}
        self._follow = self._look()

    def _look(self) -> waiting.Follow:
        """Read all objects afresh and follow what happens from then on."""
        self.members = {}
        version = ""
        for page in self._api.pages(self._collection, label_selector=self._selector):
            version = str((page.get("metadata") or {}).get("resourceVersion") or version)
            self.members |= {str(item["metadata"]["name"]): item for item in page.get("items") or []}
        return waiting.Follow(self._api, self._collection, version, label_selector=self._selector)

    @property
    def breaks(self) -> int:
        """Connections that broke and were continued."""
        return self._follow.breaks

    def until(
        self,
        found: Callable[[Members], T | None],
        *,
        limit: float,
        what: str,
        show: Callable[[Members], str] = lambda _members: "",
    ) -> T:
        """Wait until ``found`` gives something for the members and return it. Raises ``errors.WaitTimeout``."""
        self._api.on_wait(what, limit)
        deadline = time.monotonic() + limit
        while True:
            if (value := found(self.members)) is not None:
                return value
            try:
                for kind, obj in self._follow.until(deadline):
                    self._note(kind, obj)
                    if (value := found(self.members)) is not None:
                        return value
            except waiting.HistoryLost:
                self._follow = self._look()
                continue
            self._follow = self._look()
            if (value := found(self.members)) is not None:
                return value
            raise errors.WaitTimeout(what, limit, show(self.members))

    def stays(
        self, broken: Callable[[Members], str | None], *, seconds: float, what: str
    ) -> tuple[str | None, float, int]:
        """Watch for ``seconds`` and say what broke the expected state, or None where nothing did.

        Returns (what broke it, seconds watched, broken connections). Raises ``waiting.HistoryLost`` or ``errors.WaitTimeout``
        where the proof is not complete, and ``ValueError`` where there is nothing to watch.
        """
        if not self.members:
            raise ValueError(f"nothing to watch: {self._collection} has no object with {self._selector}")
        self._api.on_wait(what, seconds)
        began = time.monotonic()
        reason = broken(self.members) or self._watch(broken, began + seconds, None)
        watched = time.monotonic() - began
        return (reason or self._prove_alive(broken)), watched, self.breaks

    def _watch(
        self, broken: Callable[[Members], str | None], deadline: float, mark: tuple[str, str] | None
    ) -> str | None:
        """What breaks the state until the deadline, or until the mark (name, token) is seen."""
        for kind, obj in self._follow.until(deadline):
            self._note(kind, obj)
            if (reason := broken(self.members)) is not None:
                return reason
            if mark and _marked(obj, *mark):
                return None
        if mark:
            raise errors.WaitTimeout(
                f"the watch of {mark[0]} to deliver", ALIVE_SECONDS, "no event for a written change"
            )
        return None

    def _prove_alive(self, broken: Callable[[Members], str | None]) -> str | None:
        name, token = min(self.members), f"{time.time_ns()}"
        self._api.patch(f"{self._collection}/{name}", {"metadata": {"annotations": {waiting.MARK: token}}})
        return self._watch(broken, time.monotonic() + ALIVE_SECONDS, (name, token))

    def _note(self, kind: str, obj: Object) -> None:
        name = str(obj["metadata"]["name"])
        if kind == "DELETED":
            self.members.pop(name, None)
        else:
            self.members[name] = obj


def _marked(obj: Object, name: str, token: str) -> bool:
    meta = obj["metadata"]
    return bool(meta["name"] == name and (meta.get("annotations") or {}).get(waiting.MARK) == token)
