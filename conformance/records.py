"""The records of a run made whole: what was lost, left out or broken gets a record that says so.

Scoring then sees one record or more for every check that should have judged, and never takes silence for a pass.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from conformance.catalogue import CheckInfo
from conformance.verdicts import Decides, Grade, Verdict

Record = dict[str, Any]

WORST_FIRST = (
    Verdict.FAILED,
    Verdict.UNVERIFIED,
    Verdict.UNKNOWN,
    Verdict.SKIPPED,
    Verdict.NOT_APPLICABLE,
    Verdict.PASSED,
)
NOT_SELECTED = "not_selected"
"""Code of the record of a check that was left out of the run."""

_ID = re.compile(r"(?P<requirement>[^/\[\]]+)/(?P<check>[^\[\]]+)(?:\[(?P<variant>.*)\])?", re.DOTALL)


def complete(
    records: Iterable[Mapping[str, Any]],
    *,
    selected: Iterable[str],
    checks: Sequence[CheckInfo],
    requirements: Iterable[str],
) -> list[Record]:
    """One record per id, in the order of the catalogue, with every check of the shown requirements.

    ``requirements`` are those that are shown whether or not anything of them ran.
    """
    infos = {info.id: info for info in checks}
    found: dict[str, Record] = {}
    for raw in records:
        record = _sound(raw, infos)
        known = found.get(record["id"])
        found[record["id"]] = min(known, record, key=_badness) if known else record
    for check_id in selected:
        if check_id not in found:
            found[check_id] = _stub(
                check_id, infos, Verdict.UNVERIFIED, "record_missing", "the record of this check was lost"
            )
    shown = {*requirements, *(record["requirement"] for record in found.values())}
    seen = {f"{record['requirement']}/{record['check']}" for record in found.values()}
    for info in checks:
        if info.requirement in shown and info.id not in seen:
            found[info.id] = _stub(info.id, infos, Verdict.SKIPPED, NOT_SELECTED, "left out of this run")
    order = {info.id: index for index, info in enumerate(checks)}
    return sorted(found.values(), key=lambda r: (order.get(f"{r['requirement']}/{r['check']}", len(order)), r["id"]))


def _badness(record: Record) -> int:
    return WORST_FIRST.index(record["verdict"])


def _stub(check_id: str, infos: Mapping[str, CheckInfo], verdict: Verdict, code: str, reason: str) -> Record:
    """Record of a check that left none."""
    match = _ID.fullmatch(check_id)
    requirement, check, variant = (
        match.group("requirement", "check", "variant") if match else (check_id, check_id, None)
    )
    info = infos.get(f"{requirement}/{check}")
    return {
        "id": check_id,
        "requirement": requirement,
        "check": check,
        "variant": variant,
        "title": info.title if info else "",
        "decides": (info.spec.decides if info else Decides.PROGRAMME).value,
        "provisional": info.spec.provisional if info else False,
        "verdict": verdict.value,
        "grade": None,
        "code": code,
        "reason": reason,
        "observed": "",
        "expected": "",
        "hint": "",
        "attempts": 0,
        "started": None,
        "duration_seconds": 0,
        "steps": [],
        "leftovers": [],
        "api": {"calls": 0, "bytes": 0, "wait_seconds": 0},
    } | ({"text": info.text} if info and info.text else {})


def _sound(raw: Mapping[str, Any], infos: Mapping[str, CheckInfo]) -> Record:
    """Record with nothing missing; a verdict that is not backed becomes unverified."""
    stub = _stub(str(raw.get("id", "")), infos, Verdict.UNVERIFIED, "", "")
    record = stub | dict(raw) | {key: stub[key] for key in ("id", "requirement", "check", "variant")}
    info = infos.get(f"{record['requirement']}/{record['check']}")
    if info:
        record |= {"decides": info.spec.decides.value, "provisional": info.spec.provisional}
    if flaw := _flaw(record):
        record |= {"verdict": Verdict.UNVERIFIED.value, "grade": None, "code": flaw[0], "reason": flaw[1]}
    return record


def _flaw(record: Record) -> tuple[str, str] | None:
    """Code and reason why a verdict cannot stand."""
    verdict = record["verdict"]
    if verdict not in list(Verdict) or record["decides"] not in list(Decides):
        return "record_broken", "the record of this check cannot be read"
    if verdict == Verdict.PASSED and record["grade"] not in list(Grade):
        return "no_grade", "the check ended without having earned a grade of evidence"
    if verdict == Verdict.NOT_APPLICABLE and not record["reason"]:
        return "no_proof", "the check says not applicable without an observation that proves it"
    return None
