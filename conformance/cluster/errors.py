"""Errors of the API server as a small tree, so that a check tells 'forbidden' from 'not there' from 'did not answer'.

::

    ApiError
    ├── BadRequest (400)   ├── Unauthorized (401)
    ├── Forbidden (403)    │   └── Denied (400, 422: a policy or webhook, told by what its Status lacks)
    ├── NotFound (404)     ├── MethodNotAllowed (405)
    ├── Conflict (409)     │   └── AlreadyExists (409, reason AlreadyExists)
    ├── Gone (410)         ├── Invalid (422)        ├── TooManyRequests (429)
    └── Unavailable (5xx, broken connection, answer that is not JSON)
    WaitTimeout (the thing waited for did not come; not an answer of the server)

No verdict is taken from the text of an error, only from its class and the fields of its Status (source: Kubernetes API
conventions, "Response status kind").
"""

import json
from typing import Any

MESSAGE_LIMIT = 600


class ApiError(Exception):
    """An answer of the API server that is not a success."""

    def __init__(self, status: int, reason: str, message: str, *, body: dict[str, Any] | None = None) -> None:
        self.status, self.reason, self.body = status, reason, body or {}
        self.message = message[:MESSAGE_LIMIT]
        super().__init__(f"{status} {reason}: {self.message}" if status else self.message)


class BadRequest(ApiError):
    """400."""


class Unauthorized(ApiError):
    """401: the server does not know us, or no longer."""


class Forbidden(ApiError):
    """403: the server knows us and refuses; also admission (Pod Security, quota)."""


class Denied(Forbidden):
    """400 or 422 by admission: the object itself is valid, and a policy or a webhook of the cluster does not want it."""


class NotFound(ApiError):
    """404."""


class MethodNotAllowed(ApiError):
    """405."""


class Conflict(ApiError):
    """409."""


class AlreadyExists(Conflict):
    """409 with reason AlreadyExists."""


class Gone(ApiError):
    """410: a watch or a continue token is too old."""


class Invalid(ApiError):
    """422: the object was refused by validation; ``causes`` has the fields."""

    @property
    def causes(self) -> list[dict[str, str]]:
        """Fields and messages of ``status.details.causes``."""
        return list((self.body.get("details") or {}).get("causes") or [])


class TooManyRequests(ApiError):
    """429 after all retries."""


class Unavailable(ApiError):
    """No usable answer: 5xx, broken connection, not JSON."""


class WaitTimeout(Exception):
    """What was waited for did not come within the limit; says what was seen last."""

    def __init__(self, what: str, seconds: float, last: str) -> None:
        self.what, self.seconds, self.last = what, seconds, last
        super().__init__(f"waited {seconds:.0f} s for {what}; seen last: {last or 'nothing'}")


_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


def from_answer(status: int, data: bytes) -> ApiError:
    """The error for an answer with this HTTP status and body."""
    body = _json_object(data)
    reason = str(body.get("reason") or "")
    message = str(body.get("message") or data[:MESSAGE_LIMIT].decode("utf-8", "replace") or "no message")
    if status == 409 and reason == "AlreadyExists":  # noqa: PLR2004 - HTTP
        return AlreadyExists(status, reason, message, body=body)
    if _is_denial(status, body):
        return Denied(status, reason or Denied.__name__, message, body=body)
    kind = _BY_STATUS.get(status, Unavailable if status >= 500 else ApiError)  # noqa: PLR2004 - HTTP
    return kind(status, reason or kind.__name__, message, body=body)


def _is_denial(status: int, body: dict[str, Any]) -> bool:
    """Whether admission refused an object with a status that validation has too.

    A webhook that gives no code gets 400 without a reason, which the server's own answers always have; the causes of a
    ValidatingAdmissionPolicy (422) have a message alone, those of validation say which field and why.
    Source: k8s.io/apiserver, admission/plugin/webhook/errors and admission/plugin/policy/validating.
    """
    if body.get("kind") != "Status":
        return False
    if status == 400:  # noqa: PLR2004 - HTTP
        return not body.get("reason")
    details = body.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    if status != 422 or not isinstance(causes, list) or not causes:  # noqa: PLR2004 - HTTP
        return False
    return all(isinstance(cause, dict) and not cause.get("reason") and not cause.get("field") for cause in causes)


def _json_object(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
