"""The verbs of the API server over plain dicts and plain paths (``/api/v1/namespaces/x/pods``)."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import urllib3

from conformance.cluster import errors
from conformance.cluster.transport import ATTEMPTS, Counters, Transport, pause

Object = dict[str, Any]
T = TypeVar("T")
PAGE = 500
"""Objects per page of a list."""
WATCH_SLACK = 10.0
"""Seconds that a watch may stay silent beyond the time that was asked of the server."""
LINE_LIMIT = 16 * 1024 * 1024
_PATCH = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
}


def _ignore(_what: str, _limit: float) -> None:
    """Nobody listens to what is waited for."""


class Api:
    """One user agent's view of one API server."""

    def __init__(self, transport: Transport, context: str) -> None:
        self._transport = transport
        self.context = context
        self.on_wait: Callable[[str, float], None] = _ignore
        """Told what is waited for and its limit in seconds, for progress."""

    @property
    def server(self) -> str:
        """URL of the API server."""
        return self._transport.server

    @property
    def counters(self) -> Counters:
        """Calls, bytes and waits of this view."""
        return self._transport.counters

    def with_agent(self, agent: str) -> "Api":
        """The same server under another user agent, with counters of its own."""
        return Api(self._transport.with_agent(agent), self.context)

    def version(self) -> str:
        """Version of the server as it says it: ``v1.37.2``."""
        return str(self.get("/version").get("gitVersion", ""))

    def get(self, path: str, **query: Any) -> Object:
        """Read one object."""
        return self._transport.json("GET", path, query=query)

    def pages(self, path: str, *, label_selector: str = "", field_selector: str = "") -> Iterator[Object]:
        """Read a list page by page; each page is a list object with ``metadata.resourceVersion``."""
        query = _selectors(label_selector, field_selector) | {"limit": PAGE}
        while True:
            page = self.get(path, **query)
            yield page
            token = (page.get("metadata") or {}).get("continue")
            if not token:
                return
            if token == query.get("continue"):
                raise errors.Unavailable(0, "EndlessList", f"{path} gives the same page again and again")
            query["continue"] = token

    def list(self, path: str, *, label_selector: str = "", field_selector: str = "") -> list[Object]:
        """Read a whole list, paged."""
        found = self.pages(path, label_selector=label_selector, field_selector=field_selector)
        return [item for page in found for item in page.get("items") or []]

    def create(self, path: str, obj: Object, *, dry_run: bool = False) -> Object:
        """Create an object, refused when it has fields that the server does not know.

        Repeated after a broken answer only if the object has a fixed name: whether the first try was carried out is then seen.
        """
        if dry_run:
            return self.ask(path, obj, fieldValidation="Strict", dryRun="All")
        for attempt in range(ATTEMPTS):
            try:
                return self._transport.json("POST", path, body=obj, query={"fieldValidation": "Strict"})
            except errors.Unavailable as error:
                if "name" not in obj["metadata"] or attempt == ATTEMPTS - 1:
                    raise
                pause(attempt, error)
            if (made := self._existing(path, obj)) is not None:
                return made
        raise errors.Unavailable(0, "NoAttempt", f"POST {path} was never sent")

    def _existing(self, path: str, obj: Object) -> Object | None:
        try:
            return self.get(f"{path}/{obj['metadata']['name']}")
        except errors.NotFound:
            return None

    def ask(self, path: str, obj: Object, **query: str) -> Object:
        """Send a POST that changes nothing, such as an access review or a dry run; repeated like a read."""
        return self._transport.json("POST", path, body=obj, query=query, repeat=True)

    def update(self, path: str, obj: Object) -> Object:
        """Replace an object; its ``metadata.resourceVersion`` guards against lost updates."""
        return self._transport.json("PUT", path, body=obj, query={"fieldValidation": "Strict"})

    def patch(self, path: str, body: Any, *, kind: str = "merge") -> Object:
        """Patch an object: ``merge``, ``strategic`` or ``json``."""
        return self._transport.json("PATCH", path, body=body, query={}, kind=_PATCH[kind])

    def delete(self, path: str, *, uid: str | None = None, grace: int | None = None, dry_run: bool = False) -> None:
        """Ask for deletion; an object that is already gone, or whose UID is another, is no error."""
        options: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        if dry_run:
            options["dryRun"] = ["All"]
        try:
            self._transport.send("DELETE", path, body=options, query={})
        except errors.NotFound:
            return
        except errors.Conflict:
            if not uid:
                raise

    def text(self, path: str, **query: Any) -> str:
        """Read a body that is no JSON object, such as a pod's log."""
        return self._transport.send("GET", path, query=query).decode("utf-8", "replace")

    def lines(self, path: str, *, seconds: float, **query: Any) -> Iterator[str]:
        """Lines of a body that grows, such as a followed log; ends when the server ends it or stays silent too long."""
        with self._transport.open("GET", path, query=query, read=seconds) as response:
            for line in self._lines(response, path):
                yield line.decode("utf-8", "replace")

    def first_line(self, path: str, wanted: Callable[[str], T | None], *, seconds: float, **query: Any) -> T | None:
        """What ``wanted`` makes of the first line that it takes; a broken read starts again from the first line."""
        for attempt in range(ATTEMPTS):
            try:
                found = (wanted(line) for line in self.lines(path, seconds=seconds, **query))
                return next((value for value in found if value is not None), None)
            except (errors.TooManyRequests, errors.Unavailable) as error:
                if attempt == ATTEMPTS - 1:
                    raise
                pause(attempt, error)
        return None

    def watch(
        self, path: str, *, version: str, seconds: float, label_selector: str = "", field_selector: str = ""
    ) -> Iterator[tuple[str, Object]]:
        """Events after ``version`` for at most ``seconds``; ends early where the server ends it.

        Raises ``errors.Gone`` when history is lost and ``errors.Unavailable`` when the connection breaks.
        """
        query = _selectors(label_selector, field_selector) | {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": max(1, int(seconds + 0.999)),
        }
        started = time.monotonic()
        try:
            with self._transport.open("GET", path, query=query, read=seconds + WATCH_SLACK) as response:
                for line in self._lines(response, path):
                    yield _event(line, path)
        finally:
            self.counters.wait_seconds += time.monotonic() - started

    def _lines(self, response: urllib3.BaseHTTPResponse, path: str) -> Iterator[bytes]:
        rest = b""
        try:
            for chunk in response.stream(amt=None, decode_content=True):
                self.counters.bytes += len(chunk)
                *lines, rest = (rest + chunk).split(b"\n")
                yield from filter(None, lines)
                if len(rest) > LINE_LIMIT:
                    raise errors.Unavailable(0, "TooLarge", f"an event of {path} is larger than {LINE_LIMIT} bytes")
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise errors.Unavailable(0, "Broken", f"the watch of {path} broke off: {type(error).__name__}") from error


def _selectors(label_selector: str, field_selector: str) -> dict[str, Any]:
    query: dict[str, Any] = {}
    if label_selector:
        query["labelSelector"] = label_selector
    if field_selector:
        query["fieldSelector"] = field_selector
    return query


def _event(line: bytes, path: str) -> tuple[str, Object]:
    try:
        event = json.loads(line)
        kind, obj = str(event["type"]), event["object"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise errors.Unavailable(0, "NotJson", f"the watch of {path} sent {line[:80]!r}") from error
    if not isinstance(obj, dict):
        raise errors.Unavailable(0, "NotJson", f"the watch of {path} sent an event without an object")
    if kind == "ERROR":
        code = obj.get("code")
        raise errors.from_answer(code if isinstance(code, int) else 500, json.dumps(obj).encode())
    return kind, obj
