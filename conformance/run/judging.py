"""From the way a check ended to its record: the one place that says which exception means which verdict.

Only ``Failure`` is a failure. Whatever else goes wrong, a bare assert included, says that the check could not judge.
"""

import json
from dataclasses import dataclass
from typing import Any

from conformance.cluster import errors
from conformance.errors import ClusterError
from conformance.evidence import Evidence, bounded, now
from conformance.run.plan import Planned
from conformance.verdicts import Failure, Grade, Outcome, Verdict

REASON_LIMIT = 1_000
Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """How a check ended."""

    verdict: Verdict
    code: str = ""
    reason: str = ""
    observed: str = ""
    expected: str = ""
    hint: str = ""
    grade: Grade | None = None


class Stopped(BaseException):
    """Raised into a running check by a signal; no ``except Exception`` may swallow it."""


class Overrun(BaseException):
    """Raised into a check that runs far longer than it said."""


class Held(Outcome):
    """A check that the plan holds back; carries the verdict that the plan gave."""

    def __init__(self, verdict: Verdict, code: str, reason: str) -> None:
        super().__init__(reason, code=code)
        self.verdict = verdict


def passed(evidence: Evidence) -> Judgement:
    """Judgement of a check that returned; without a grade nothing was shown."""
    if evidence.grade_earned is None:
        reason = "the check ended without recording what its evidence is worth"
        return Judgement(verdict=Verdict.UNVERIFIED, code="no_grade", reason=reason)
    return Judgement(verdict=Verdict.PASSED, grade=evidence.grade_earned)


def judge(error: BaseException) -> Judgement:
    """Judgement of a check that raised."""
    if isinstance(error, Failure):
        observed, expected = bounded(error.observed), bounded(error.expected)
        return Judgement(
            verdict=Verdict.FAILED,
            code=error.code,
            reason=f"observed {observed}; expected {expected}",
            observed=observed,
            expected=expected,
            hint=bounded(error.hint),
        )
    if isinstance(error, Outcome):
        return Judgement(verdict=error.verdict, code=error.code, reason=bounded(error.reason, REASON_LIMIT))
    verdict, code = _by_class(error)
    text = bounded(f"{type(error).__name__}: {error}".rstrip(": "), REASON_LIMIT)
    return Judgement(verdict=verdict, code=code, reason=text)


def _by_class(error: BaseException) -> tuple[Verdict, str]:
    if isinstance(error, errors.Denied):
        return Verdict.UNKNOWN, "admission_denied"
    if isinstance(error, errors.Forbidden):
        return Verdict.UNKNOWN, "forbidden"
    if isinstance(error, (errors.WaitTimeout, Overrun)):
        return Verdict.UNVERIFIED, "timeout"
    if isinstance(error, (errors.ApiError, ClusterError)):
        return Verdict.UNVERIFIED, "api_error"
    if isinstance(error, Stopped):
        return Verdict.UNVERIFIED, "interrupted"
    return Verdict.UNVERIFIED, "crashed"


def make(planned: Planned, judgement: Judgement, *, started: str, seconds: float, evidence: Evidence | None) -> Record:
    """Record of one check variant, as the results file keeps it."""
    return clean(
        {
            "id": planned.id,
            "requirement": planned.requirement,
            "check": planned.check,
            "variant": planned.variant,
            "title": planned.title,
            "decides": str(planned.decides),
            "provisional": planned.provisional,
            "verdict": str(judgement.verdict),
            "grade": str(judgement.grade) if judgement.grade else None,
            "code": judgement.code,
            "reason": judgement.reason,
            "observed": judgement.observed,
            "expected": judgement.expected,
            "hint": judgement.hint,
            "attempts": 1,
            "started": started,
            "duration_seconds": round(seconds, 3),
            "steps": evidence.steps if evidence else [],
            "leftovers": [],
            "api": {"calls": 0, "bytes": 0, "wait_seconds": 0.0},
        }
    )


def missing(planned: Planned, reason: str, code: str = "record_missing") -> Record:
    """Record of a check that owes one."""
    judgement = Judgement(verdict=Verdict.UNVERIFIED, code=code, reason=reason)
    return make(planned, judgement, started=now(), seconds=0.0, evidence=None)


def clean(record: Record) -> Record:
    """The record as plain JSON data that every transport can carry: no odd numbers, no halves of characters."""
    text = json.dumps(record, ensure_ascii=False, default=str).encode("utf-8", "replace")
    data: Record = json.loads(text, parse_constant=str)
    return data
