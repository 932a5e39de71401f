"""One HTTP exchange with the API server, its repetition where that is safe, and the count of what it cost.

The official client gives configuration, credentials (exec plugins, refreshed tokens) and the connection pool; bodies stay raw
JSON, because its models refuse objects of other API versions (a null list, an unknown required field).
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes.client import ApiClient

from conformance.cluster import errors

ATTEMPTS = 6
"""Tries of one call that may be repeated."""
BACKOFF_SECONDS = 0.2
"""First pause before a repetition; doubled each time, at most ``BACKOFF_LIMIT``."""
BACKOFF_LIMIT = 5.0
CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
BODY_LIMIT = 64 * 1024 * 1024
"""Largest answer in bytes; lists are paged, so an honest one stays far below."""

_REPEATABLE = frozenset({500, 502, 503, 504})
_TOO_MANY = 429
_ERROR = 400


@dataclass
class Counters:
    """What the calls of one client cost."""

    calls: int = 0
    bytes: int = 0
    wait_seconds: float = 0.0
    retries: int = 0


class Transport:
    """Sends requests for one user agent. Thread safe as far as urllib3's pool is."""

    def __init__(self, client: ApiClient, agent: str) -> None:
        self._client = client
        self._agent = agent
        self.server = str(client.configuration.host).rstrip("/")
        self.counters = Counters()

    def with_agent(self, agent: str) -> "Transport":
        """The same connection under another user agent, with counters of its own."""
        return Transport(self._client, agent)

    def json(
        self, method: str, path: str, *, body: Any = None, query: dict[str, Any], kind: str = "", repeat: bool = False
    ) -> dict[str, Any]:
        """Send and read one JSON object; repeated where safe. Raises ``errors.ApiError``."""
        data = self.send(method, path, body=body, query=query, kind=kind, repeat=repeat)
        try:
            answer = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise errors.Unavailable(0, "NotJson", f"{method} {path} answered {data[:80]!r}, not JSON") from error
        if not isinstance(answer, dict):
            raise errors.Unavailable(
                0, "NotJson", f"{method} {path} answered a JSON {type(answer).__name__}, not an object"
            )
        return answer

    def send(
        self, method: str, path: str, *, body: Any = None, query: dict[str, Any], kind: str = "", repeat: bool = False
    ) -> bytes:
        """Send and read the whole body.

        A POST is repeated on 429, which the server has not acted on, and otherwise only where ``repeat`` says that it
        changes nothing.
        """
        failure: errors.ApiError
        for attempt in range(ATTEMPTS):
            try:
                with self.open(method, path, body=body, query=query, kind=kind) as response:
                    return self._read(response, path)
            except (errors.TooManyRequests, errors.Unavailable) as error:
                failure = error
                if not (repeat or _may_repeat(method, error)) or attempt == ATTEMPTS - 1:
                    raise
            self.counters.retries += 1
            pause(attempt, failure)
        raise errors.Unavailable(0, "NoAttempt", f"{method} {path} was never sent")

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: dict[str, Any],
        kind: str = "",
        read: float = READ_SECONDS,
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Open one exchange without repetition; the caller reads the body. Raises ``errors.ApiError``."""
        self.counters.calls += 1
        url = self.server + path + (f"?{urlencode(query)}" if query else "")
        payload = None if body is None else json.dumps(body).encode()
        try:
            response = self._client.rest_client.pool_manager.request(
                method,
                url,
                body=payload,
                headers=self._headers(kind or "application/json"),
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=read),
                retries=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise errors.Unavailable(0, "NoConnection", f"{method} {path}: {_cause(error)}") from error
        try:
            if response.status >= _ERROR:
                raise _with_delay(errors.from_answer(response.status, self._read(response, path)), response)
            yield response
        finally:
            response.close()

    def _read(self, response: urllib3.BaseHTTPResponse, path: str) -> bytes:
        try:
            data = response.read(BODY_LIMIT + 1)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise errors.Unavailable(0, "Broken", f"the answer to {path} broke off: {_cause(error)}") from error
        self.counters.bytes += len(data)
        if len(data) > BODY_LIMIT:
            raise errors.ApiError(0, "TooLarge", f"the answer to {path} is larger than {BODY_LIMIT} bytes")
        return bytes(data)

    def _headers(self, kind: str) -> dict[str, str]:
        headers = {"Accept": "application/json, */*", "Content-Type": kind, "User-Agent": self._agent}
        for setting in self._client.configuration.auth_settings().values():
            if setting["in"] == "header" and setting.get("value"):
                headers[setting["key"]] = setting["value"]
        return headers


def _cause(error: BaseException) -> str:
    reason = getattr(error, "reason", None) or error
    return f"{type(reason).__name__}: {reason}"[: errors.MESSAGE_LIMIT]


def _may_repeat(method: str, error: errors.ApiError) -> bool:
    if isinstance(error, errors.TooManyRequests):
        return True
    return method != "POST" and (error.status == 0 or error.status in _REPEATABLE)


def _with_delay(error: errors.ApiError, response: urllib3.BaseHTTPResponse) -> errors.ApiError:
    value = response.headers.get("Retry-After", "")
    if value.isdecimal() and value.isascii():
        if not isinstance(error.body.get("details"), dict):
            error.body["details"] = {}
        error.body["details"].setdefault("retryAfterSeconds", int(value[:6]))
    return error


def _delay(attempt: int, error: errors.ApiError) -> float:
    details = error.body.get("details")
    asked = details.get("retryAfterSeconds") if isinstance(details, dict) else 0
    wanted = asked if isinstance(asked, int) else 0
    return float(min(BACKOFF_LIMIT, max(BACKOFF_SECONDS * 2**attempt, wanted)))


def pause(attempt: int, error: errors.ApiError) -> None:
    """Wait before the next try, longer each time, or as long as the server asks."""
    threading.Event().wait(_delay(attempt, error))
