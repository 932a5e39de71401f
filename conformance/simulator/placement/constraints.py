"""Constraints of a claim: devices that must have one value of an attribute in common, or all a different one."""

from typing import Any

from conformance.simulator.objects import Obj
from conformance.simulator.placement.pools import Candidate

_SCALARS = ("string", "int", "bool", "version")


class Constraint:
    """One constraint, with the values of the devices that are chosen so far."""

    def __init__(self, spec: Obj, *, lenient: bool = False) -> None:
        self._lenient = lenient
        self._requests = spec.get("requests") or []
        self._attribute = spec.get("matchAttribute") or spec.get("distinctAttribute") or ""
        self._match = bool(spec.get("matchAttribute"))
        self._values: list[tuple[str, Any]] = []

    def add(self, request: str, candidate: Candidate) -> bool:
        """Add a device where it agrees with the others; a device without the attribute never does."""
        if not self._concerns(request):
            return True
        value = attribute(candidate, self._attribute)
        if value is None and self._lenient:
            value = "string", ""
        if value is None:
            return False
        if self._values and (value[0] not in _SCALARS or (value in self._values) is not self._match):
            return False
        self._values.append(value)
        return True

    def remove(self, request: str) -> None:
        """Take back the device that was added last."""
        if self._concerns(request):
            self._values.pop()

    def _concerns(self, request: str) -> bool:
        return not self._requests or request in self._requests or request.partition("/")[0] in self._requests


def attribute(candidate: Candidate, name: str) -> tuple[str, Any] | None:
    """Type and value of an attribute of a device; names without a domain belong to the driver."""
    attributes = candidate.device.get("attributes") or {}
    domain, _, short = name.rpartition("/")
    found = attributes.get(name) or (attributes.get(short) if domain == candidate.driver else None)
    return next(iter(found.items())) if found else None
