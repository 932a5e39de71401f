"""Waiting by watch, never by sleeping, and proof that something did not happen.

A watch that breaks is continued from the last seen resourceVersion: the server replays what happened since, so nothing is
missed. Where it cannot (410 Gone) a wait starts over from the present state, and a proof of absence is lost.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from conformance.cluster import errors
from conformance.cluster.api import Api, Object

T = TypeVar("T")
SLICE = 60.0
"""Longest single watch in seconds; longer waits continue with the next one."""
MARK = "kube-ai-conformance.dev/watch-alive"
"""Annotation that is written to see that a watch delivers."""


class HistoryLost(Exception):
    """The server no longer has the events since the last one seen (410 Gone)."""


class Follow:
    """Events of selected objects from a resourceVersion on, across broken connections, until a deadline."""

    def __init__(
        self, api: Api, collection: str, version: str, *, label_selector: str = "", field_selector: str = ""
    ) -> None:
        self._api, self._collection, self._version = api, collection, version
        self._labels, self._fields = label_selector, field_selector
        self.breaks = 0

    @classmethod
    def one(cls, api: Api, collection: str, obj: Object) -> "Follow":
        """Events of one object, from the state in which it is given."""
        meta = obj["metadata"]
        return cls(api, collection, str(meta["resourceVersion"]), field_selector=f"metadata.name={meta['name']}")

    def until(self, deadline: float) -> Iterator[tuple[str, Object]]:
        """Yield events until ``deadline`` (time.monotonic). Raises ``HistoryLost``."""
        quick = 0
        while (left := deadline - time.monotonic()) > 0:
            began = time.monotonic()
            try:
                yield from self._once(min(left, SLICE))
            except errors.Gone as error:
                raise HistoryLost from error
            except (errors.Unavailable, errors.TooManyRequests):
                self.breaks += 1
            quick = quick + 1 if time.monotonic() - began < 0.05 else 0  # noqa: PLR2004 - a server that ends watches at once
            _calm(min(0.05 * quick, 1.0, max(0.0, deadline - time.monotonic())))

    def _once(self, seconds: float) -> Iterator[tuple[str, Object]]:
        deadline = time.monotonic() + seconds
        events = self._api.watch(
            self._collection,
            version=self._version,
            seconds=seconds,
            label_selector=self._labels,
            field_selector=self._fields,
        )
        for kind, obj in events:
            self._version = str(obj.get("metadata", {}).get("resourceVersion") or self._version)
            if kind != "BOOKMARK":
                yield kind, obj
            if time.monotonic() > deadline:
                return


def _calm(seconds: float) -> None:
    """Do not hammer a server that cuts watches at once."""
    if seconds > 0:
        threading.Event().wait(seconds)


def wait_for(
    api: Api,
    collection: str,
    name: str,
    until: Callable[[Object], T | None],
    *,
    limit: float,
    what: str,
    show: Callable[[Object], str] = lambda _obj: "",
) -> T:
    """Wait until ``until`` gives something for the object and return it.

    ``what`` names the wait for people, ``show`` says what was seen last. Raises ``errors.WaitTimeout`` after ``limit``
    seconds and ``errors.NotFound`` when the object is deleted meanwhile.
    """
    api.on_wait(what, limit)
    deadline = time.monotonic() + limit
    last = ""
    while True:
        obj = api.get(f"{collection}/{name}")
        last = show(obj)
        if (found := until(obj)) is not None:
            return found
        try:
            for kind, seen in Follow.one(api, collection, obj).until(deadline):
                last = show(seen)
                if kind == "DELETED":
                    raise errors.NotFound(404, "NotFound", f"{name} was deleted while waiting for {what}; {last}")
                if (found := until(seen)) is not None:
                    return found
        except HistoryLost:
            continue
        return _last_look(api, collection, name, until, show, WaitArgs(what, limit, last))


class WaitArgs:
    """What a timed-out wait says about itself."""

    def __init__(self, what: str, limit: float, last: str) -> None:
        self.what, self.limit, self.last = what, limit, last


def _last_look(
    api: Api,
    collection: str,
    name: str,
    until: Callable[[Object], T | None],
    show: Callable[[Object], str],
    args: WaitArgs,
) -> T:
    """A watch may have been silent although the state is there: the last word has a fresh read."""
    obj = api.get(f"{collection}/{name}")
    if (found := until(obj)) is not None:
        return found
    raise errors.WaitTimeout(args.what, args.limit, show(obj) or args.last)


def wait_exists(api: Api, collection: str, name: str, *, limit: float) -> None:
    """Wait until an object of this name exists. Raises ``errors.WaitTimeout``."""
    what = f"{name} to exist"
    api.on_wait(what, limit)
    deadline = time.monotonic() + limit
    selector = f"metadata.name={name}"
    while True:
        page = next(api.pages(collection, field_selector=selector))
        if page.get("items"):
            return
        left = deadline - time.monotonic()
        if left <= 0:
            raise errors.WaitTimeout(what, limit, "not there")
        version = str(page["metadata"]["resourceVersion"])
        try:
            for kind, _obj in api.watch(collection, version=version, seconds=min(left, SLICE), field_selector=selector):
                if kind in {"ADDED", "MODIFIED"}:
                    return
        except (errors.Gone, errors.Unavailable, errors.TooManyRequests):
            _calm(min(0.2, max(0.0, left)))


def wait_gone(api: Api, collection: str, name: str, *, uid: str, limit: float, what: str = "") -> None:
    """Wait until the object with this UID is gone. Raises ``errors.WaitTimeout``."""
    what = what or f"{name} to be gone"
    api.on_wait(what, limit)
    deadline = time.monotonic() + limit
    while True:
        try:
            obj = api.get(f"{collection}/{name}")
        except errors.NotFound:
            return
        if obj["metadata"]["uid"] != uid:
            return
        if time.monotonic() >= deadline:
            raise errors.WaitTimeout(what, limit, f"finalizers {obj['metadata'].get('finalizers') or 'none'}")
        try:
            for kind, _seen in Follow.one(api, collection, obj).until(deadline):
                if kind == "DELETED":
                    return
        except HistoryLost:
            continue


def stays(
    api: Api, collection: str, obj: Object, broken: Callable[[Object], str | None], *, seconds: float, what: str
) -> tuple[str | None, float, int]:
    """Watch ``obj`` for ``seconds`` and say what broke the expected state, or None when nothing did.

    At the end a mark is written on the object and awaited on the same watch, so that a watch which delivers nothing cannot
    prove absence. Returns (what broke it, seconds watched, broken connections). Raises ``HistoryLost`` or
    ``errors.WaitTimeout`` when the proof is not complete.
    """
    api.on_wait(what, seconds)
    if (reason := broken(obj)) is not None:
        return reason, 0.0, 0
    began = time.monotonic()
    follow = Follow.one(api, collection, obj)
    for kind, seen in follow.until(began + seconds):
        reason = "it was deleted" if kind == "DELETED" else broken(seen)
        if reason is not None:
            return reason, time.monotonic() - began, follow.breaks
    watched = time.monotonic() - began
    return _prove_alive(api, collection, obj, broken, follow), watched, follow.breaks


def _prove_alive(
    api: Api, collection: str, obj: Object, broken: Callable[[Object], str | None], follow: Follow
) -> str | None:
    name, token = obj["metadata"]["name"], f"{time.time_ns()}"
    api.patch(f"{collection}/{name}", {"metadata": {"annotations": {MARK: token}}})
    limit = 30.0
    for kind, seen in follow.until(time.monotonic() + limit):
        reason = "it was deleted" if kind == "DELETED" else broken(seen)
        if reason is not None:
            return reason
        if (seen["metadata"].get("annotations") or {}).get(MARK) == token:
            return None
    raise errors.WaitTimeout(f"the watch of {name} to deliver", limit, "no event for a change that was written")
