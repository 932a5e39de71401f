"""The one results file, ``conformance.json``, from which every report is made.

It is never yesterday's: a run begins by replacing it with one that says incomplete and inconclusive, and every later write
is whole or does not happen. What is written and what is read has to satisfy the schema and must not contradict itself.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conformance import content, scoring
from conformance.documents import Document, load, parse, quoted, replace
from conformance.errors import ConfigurationError
from conformance.verdicts import Verdict

NAME = "conformance.json"
SCHEMA_VERSION = 1
READ_LIMIT = 256 * 1024 * 1024
"""Largest results file that is read, in bytes."""

_SCHEMA = content.REPORTS / "conformance.schema.json"


class ResultsError(ValueError):
    """The suite itself made results that do not fit their schema or contradict themselves."""


def begin(out: Path, header: Mapping[str, Any]) -> dict[str, Any]:
    """Replace the results in a folder by unfinished ones, before anything is run, and return them.

    ``header`` has what is known of the run by then: suite_version, run_id, started, profile, profile_title, cluster, and
    partial, selection and notices where there are any.
    """
    nothing = {verdict.value: 0 for verdict in Verdict}
    document = {
        "schema_version": SCHEMA_VERSION,
        "complete": False,
        "interrupted": False,
        "partial": False,
        "outcome": scoring.INCONCLUSIVE,
        "finished": None,
        "duration_seconds": 0,
        "outcomes": {
            name: {"verdict": Verdict.UNVERIFIED.value, "counts": nothing}
            for name in ("programme", "hardening", "readiness")
        },
        "selection": {},
        "notices": [],
        "leftovers": [],
        "requirements": [],
        "counts": nothing,
        **header,
    }
    out.mkdir(parents=True, exist_ok=True)
    write(out, document)
    return document


def finish(
    begun: Mapping[str, Any],
    score: scoring.Score,
    *,
    finished: str,
    duration_seconds: float,
    complete: bool = True,
    interrupted: bool = False,
    leftovers: list[str] | None = None,
) -> dict[str, Any]:
    """Document of a run that has ended, from the one that it began with."""
    own = [
        name for requirement in score.requirements for record in requirement["checks"] for name in record["leftovers"]
    ]
    whole = complete and not interrupted
    return {
        **begun,
        **score.to_json(),
        "outcome": scoring.outcome(score.requirements, complete=whole, partial=begun["partial"]),
        "complete": whole,
        "interrupted": interrupted,
        "finished": finished,
        "duration_seconds": round(duration_seconds, 3),
        "leftovers": list(dict.fromkeys([*(leftovers or ()), *own])),
    }


def write(out: Path, document: Mapping[str, Any]) -> Path:
    """Write the results, whole or not at all, and return the path."""
    text = json.dumps(_finite(document), indent=1, allow_nan=False) + "\n"
    path = out / NAME
    try:
        checked = parse(text, str(path))
        checked.check(_SCHEMA)
        _consistent(checked)
    except ConfigurationError as error:
        raise ResultsError(str(error)) from error
    replace(path, text)
    return path


def read(path: str | Path) -> dict[str, Any]:
    """Read a results file, or the one in a folder. ConfigurationError in one line for whatever is wrong with it."""
    place = Path(path)
    document = load(place / NAME if place.is_dir() else place, limit=READ_LIMIT)
    data = document.data
    if not isinstance(data, dict) or "schema_version" not in data:
        raise document.error((), f"this is no results file of the suite ({NAME} has a schema_version)")
    version = data["schema_version"]
    if isinstance(version, bool) or version != SCHEMA_VERSION:
        advice = "use the suite that wrote it, or run again with this one"
        raise document.error(("schema_version",), f"is {quoted(version)}, this suite reads {SCHEMA_VERSION}; {advice}")
    document.check(_SCHEMA)
    _consistent(document)
    return data


def _consistent(document: Document) -> None:
    """Refuse an outcome that does not follow from the requirements under it."""
    data = document.data
    found = scoring.outcome(data["requirements"], complete=data["complete"], partial=data["partial"])
    if data["outcome"] != found:
        raise document.error(("outcome",), f"says {data['outcome']}, but the requirements in the file come to {found}")


def _finite(value: Any) -> Any:
    """Data without the numbers that JSON cannot hold; a measurement of a cluster may be one."""
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
