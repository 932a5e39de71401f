"""Refusals of the simulated API server, shaped as the Status objects of the real one."""

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from conformance.simulator.objects import Obj


@dataclass(frozen=True, slots=True)
class Cause:
    """One field that is wrong; the words are those of the real server's field errors."""

    reason: str
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def required(field: str, detail: str = "") -> Cause:
    """A field that must be there is not."""
    return Cause("FieldValueRequired", field, "Required value" + (f": {detail}" if detail else ""))


def invalid(field: str, value: Any, detail: str) -> Cause:
    """A field has a value that cannot be."""
    return Cause("FieldValueInvalid", field, f"Invalid value: {shown(value)}: {detail}")


def unsupported(field: str, value: Any, allowed: tuple[str, ...]) -> Cause:
    """A field has none of its possible values."""
    words = ", ".join(json.dumps(word) for word in allowed)
    return Cause("FieldValueNotSupported", field, f"Unsupported value: {shown(value)}: supported values: {words}")


def forbidden_field(field: str, detail: str) -> Cause:
    """A field must not be set here."""
    return Cause("FieldValueForbidden", field, f"Forbidden: {detail}")


def duplicate(field: str, value: Any) -> Cause:
    """A value that must be unique is there twice."""
    return Cause("FieldValueDuplicate", field, f"Duplicate value: {shown(value)}")


def too_many(field: str, count: int, limit: int) -> Cause:
    """A list is longer than it may be."""
    return Cause("FieldValueTooMany", field, f"Too many: {count}: must have at most {limit} items")


def shown(value: Any) -> str:
    """A value as field errors quote it."""
    return json.dumps(value, separators=(",", ":"))


class Refused(Exception):
    """A request that is not carried out. ``status`` is the body of the answer."""

    def __init__(
        self, code: int, reason: str, message: str, *, details: Obj | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.code, self.reason, self.message = code, reason, message
        self.details, self.headers = details or {}, headers or {}
        super().__init__(message)

    @property
    def status(self) -> Obj:
        """The Status object."""
        body: Obj = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message}
        if self.reason:
            body["reason"] = self.reason
        if self.details:
            body["details"] = self.details
        body["code"] = self.code
        return body


def _details(resource: str, name: str = "") -> Obj:
    plural, _, group = resource.partition(".")
    details: Obj = {"name": name} if name else {}
    if group:
        details["group"] = group
    return {**details, "kind": plural}


def not_found(resource: str, name: str) -> Refused:
    """404 of an object."""
    return Refused(HTTPStatus.NOT_FOUND, "NotFound", f'{resource} "{name}" not found', details=_details(resource, name))


def no_such_path() -> Refused:
    """404 of a path that is not served."""
    return Refused(HTTPStatus.NOT_FOUND, "NotFound", "the server could not find the requested resource", details={})


def already_exists(resource: str, name: str) -> Refused:
    """409 of a create."""
    message = f'{resource} "{name}" already exists'
    return Refused(HTTPStatus.CONFLICT, "AlreadyExists", message, details=_details(resource, name))


def conflict(resource: str, name: str, why: str) -> Refused:
    """409 of an update or delete."""
    message = f'Operation cannot be fulfilled on {resource} "{name}": {why}'
    return Refused(HTTPStatus.CONFLICT, "Conflict", message, details=_details(resource, name))


def stale(resource: str, name: str) -> Refused:
    """409 of an update that was made from an older version."""
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(resource, name, why)


def forbidden(resource: str, name: str, why: str) -> Refused:
    """403, by admission or for want of a permission."""
    subject = f'{resource} "{name}"' if name else resource
    message = f"{subject} is forbidden: {why}"
    return Refused(HTTPStatus.FORBIDDEN, "Forbidden", message, details=_details(resource, name))


def bad_request(message: str) -> Refused:
    """400."""
    return Refused(HTTPStatus.BAD_REQUEST, "BadRequest", message)


def unauthorized() -> Refused:
    """401."""
    return Refused(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized")


def method_not_allowed() -> Refused:
    """405."""
    message = "the server does not allow this method on the requested resource"
    return Refused(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", message, details={})


def unsupported_media(message: str) -> Refused:
    """415."""
    return Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)


def gone(message: str) -> Refused:
    """410: a continue token or a watch start that is too old."""
    return Refused(HTTPStatus.GONE, "Expired", message)


def invalid_object(group: str, kind: str, name: str, causes: list[Cause]) -> Refused:
    """422 with the fields."""
    qualified = f"{kind}.{group}" if group else kind
    words = [str(cause) for cause in causes]
    listed = words[0] if len(words) == 1 else f"[{', '.join(words)}]"
    details: Obj = {"name": name} if name else {}
    if group:
        details["group"] = group
    details["kind"] = kind
    details["causes"] = [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]
    message = f'{qualified} "{name}" is invalid: {listed}'
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", message, details=details)
