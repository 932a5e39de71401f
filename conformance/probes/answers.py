"""Parts of a probe's answer beside the device nodes: files, a load, what NVML told. All of it is untrusted and bounded."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST = 64
"""Entries of a list that are taken."""
TEXT = 4096
"""Characters of a text that are taken."""


def text(value: object) -> str:
    """Text of bounded length."""
    return str(value)[:TEXT]


@dataclass(frozen=True)
class File:
    """One file that was asked for."""

    path: str
    refusal: str
    """errno by name where it could not be read, else empty."""
    content: str | None


@dataclass(frozen=True)
class Burned:
    """The load on one device."""

    id: str
    """Path of its node, or its UUID where a library tells it."""
    verified: bool
    """Whether every result was right."""
    operations: int
    memory: int | None
    """Bytes that the device lets be used, where a library tells it."""
    problem: str
    began: float | None = None
    """When the load was on the device, in seconds by the clock of its node; None where that was not told."""
    ended: float | None = None

    def __str__(self) -> str:
        return f"{self.id}: {'verified' if self.verified else self.problem or 'not verified'}, {self.operations} operations"


@dataclass(frozen=True)
class Burn:
    """The loads of one container."""

    by: str
    seconds: float
    devices: tuple[Burned, ...]
    problem: str
    """Why there could be no load at all, or empty."""

    def __str__(self) -> str:
        return "; ".join(map(str, self.devices)) or self.problem or "no device"


@dataclass(frozen=True)
class Nvml:
    """What NVML told. Every field is a value, or ``{"error": name}`` where it could not be read."""

    problem: str
    """Why the library could not be used, or empty."""
    fields: Mapping[str, Any]
    devices: tuple[Mapping[str, Any], ...]

    def value(self, name: str) -> str | None:
        """A field of the system as text, or None where it could not be read."""
        found = self.fields.get(name)
        return None if found is None or isinstance(found, dict | list) else text(found)

    def error(self, name: str) -> str:
        """Why a field could not be read."""
        found = self.fields.get(name)
        return text(found.get("error")) if isinstance(found, dict) else self.problem or "not told"


def files(data: Mapping[str, Any]) -> tuple[File, ...]:
    """Files of an answer."""
    return tuple(_file(entry) for entry in data.get("files", [])[:MOST])


def _file(entry: Mapping[str, Any]) -> File:
    state = text(entry["read"])
    content = text(entry["content"]) if state == "ok" else None
    return File(text(entry["path"]), "" if state == "ok" else state, content)


def burn(data: Mapping[str, Any]) -> Burn | None:
    """The load of an answer, or None where none was asked for."""
    found = data.get("burn")
    if found is None:
        return None
    devices = tuple(_burned(entry) for entry in found["devices"][:MOST])
    return Burn(text(found["by"]), float(found["seconds"]), devices, text(found["problem"]))


def _burned(entry: Mapping[str, Any]) -> Burned:
    memory = entry["memory"]
    return Burned(
        id=text(entry["id"]),
        verified=entry["verified"] is True,
        operations=int(entry["operations"]),
        memory=None if memory is None else int(memory),
        problem=text(entry["problem"]),
        began=_moment(entry.get("began")),
        ended=_moment(entry.get("ended")),
    )


def _moment(value: object) -> float | None:
    """A moment that is one: a finite number."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None  # type: ignore[arg-type]


def nvml(data: Mapping[str, Any]) -> Nvml | None:
    """What NVML told in an answer, or None where it was not asked."""
    found = data.get("nvml")
    if found is None:
        return None
    devices = tuple(dict(entry) for entry in found.get("devices", [])[:MOST])
    rest = {text(name): value for name, value in found.items() if name not in ("devices", "problem")}
    return Nvml(text(found["problem"]), rest, devices)
