"""The record of one check: what was done, expected and observed, in order, and the artefacts behind it (DESIGN 4).

The record is plain JSON data, because it travels on pytest reports through xdist and ends in ``conformance.json``.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conformance.verdicts import Grade

TEXT_LIMIT = 4_000
"""Longest text, in characters, that one field of a step keeps; a cluster's own words are not trusted to be short."""

ARTEFACT_LIMIT = 1_000_000
"""Largest artefact in bytes; what is longer is cut and says so."""


def now() -> str:
    """Time of an observation, ISO 8601 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def bounded(text: object, limit: int = TEXT_LIMIT) -> str:
    """Text cut to the limit, control characters made visible, with a mark where it was cut."""
    clean = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in str(text)[: limit + 1])
    return clean if len(clean) <= limit else f"{clean[:limit]} … (cut)"


def _facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts as JSON data; where they are too large, each one that is becomes bounded text."""
    told = {key: json.dumps(value, default=str) for key, value in facts.items()}
    share = ARTEFACT_LIMIT // max(1, len(told))
    return {key: json.loads(text) if len(text) <= share else bounded(text) for key, text in told.items()}


def _cut(data: bytes) -> bytes:
    return data if len(data) <= ARTEFACT_LIMIT else data[:ARTEFACT_LIMIT] + b"\n... (cut)\n"


class Evidence:
    """Steps, artefacts and grade of one check.

    A check calls ``step`` for each observation that its verdict rests on and ``grade`` once it has earned one. A pass
    without a grade is not possible: the plugin reports it as unverified.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.steps: list[dict[str, Any]] = []
        self.grade_earned: Grade | None = None
        self._folder = folder

    def step(self, action: str, *, expected: str = "", observed: object = "", obj: str = "", **facts: Any) -> None:
        """Add one step. ``obj`` names the object (``Pod ns/name``); ``facts`` are JSON values worth keeping."""
        entry: dict[str, Any] = {"time": now(), "action": bounded(action), "observed": bounded(observed)}
        if expected:
            entry["expected"] = bounded(expected)
        if obj:
            entry["object"] = bounded(obj)
        if facts:
            entry["facts"] = _facts(facts)
        self.steps.append(entry)

    def grade(self, grade: Grade) -> None:
        """Record the grade that the check has earned."""
        self.grade_earned = grade

    def artefact(self, name: str, content: object) -> None:
        """Keep a document (dict, list or text) in the evidence folder and name it in the last step."""
        if self._folder is None:
            return
        text = content if isinstance(content, str) else json.dumps(content, indent=2, default=str)
        self._folder.mkdir(parents=True, exist_ok=True)
        safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)[:120].lstrip(".") or "unnamed"
        path = self._folder / safe
        path.write_bytes(_cut(text.encode(errors="backslashreplace")))
        if self.steps:
            self.steps[-1].setdefault("artefacts", []).append(f"{self._folder.name}/{safe}")
