"""The words of a result and the rules that combine them (DESIGN 3 and 4).

They stand at the bottom of the layers because every other part speaks them: a check raises one of the exceptions here, the
plugin turns it into a verdict, scoring combines verdicts into requirements and reports print them.
"""

from collections.abc import Sequence
from enum import StrEnum


class Verdict(StrEnum):
    """What a check or requirement came to."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"
    UNVERIFIED = "unverified"
    SKIPPED = "skipped"


class Grade(StrEnum):
    """How strong the evidence behind a pass is, weakest first."""

    STATIC = "static"
    OBSERVED = "observed"
    BEHAVIOURAL = "behavioural"
    CONTROLLED = "controlled"
    REPEATED = "repeated"


class Decides(StrEnum):
    """What a check decides: the programme's words, hardening beyond them, or readiness."""

    PROGRAMME = "programme"
    HARDENING = "hardening"
    READINESS = "readiness"


class Impact(StrEnum):
    """What a check does to a cluster, mildest first (DESIGN 11)."""

    OBSERVE = "observe"
    PROBE = "probe"
    CONTEND = "contend"
    DISRUPT = "disrupt"


class Failure(AssertionError):
    """The capability was tried and is not there, or a control that had to fail did not.

    ``code`` is stable and machine-readable (``unclaimed_pod_opened_device``); ``observed`` and ``expected`` are sentences
    for a person; ``hint`` says the cure where the check's own text does not.
    """

    def __init__(self, code: str, *, observed: str, expected: str, hint: str = "") -> None:
        self.code, self.observed, self.expected, self.hint = code, observed, expected, hint
        super().__init__(f"{code}: observed {observed}; expected {expected}")


class Outcome(Exception):
    """A check that ends without having judged. ``reason`` is one sentence with what was seen."""

    verdict: Verdict

    def __init__(self, reason: str, *, code: str = "") -> None:
        self.reason, self.code = reason, code
        super().__init__(reason)


class NotApplicable(Outcome):
    """The condition of the requirement is false, and ``reason`` is the observation that proves it."""

    verdict = Verdict.NOT_APPLICABLE


class Unknown(Outcome):
    """The check cannot judge here: no descriptor, no permission, nothing to look at."""

    verdict = Verdict.UNKNOWN


class Skipped(Outcome):
    """The user has not allowed what the check would have to do; ``reason`` says how to allow it."""

    verdict = Verdict.SKIPPED


class Unverified(Outcome):
    """The check should have judged and could not: time-out, unreachable API, evidence lost."""

    verdict = Verdict.UNVERIFIED


_WORST_FIRST = (Verdict.FAILED, Verdict.UNVERIFIED, Verdict.UNKNOWN, Verdict.SKIPPED)


def combine(verdicts: Sequence[Verdict], *, conditional: bool) -> Verdict:
    """Verdict of a requirement from its deciding checks (DESIGN 3).

    ``conditional`` says whether the profile allows the requirement to be not applicable. No verdicts: unverified.
    """
    for verdict in _WORST_FIRST:
        if verdict in verdicts:
            return verdict
    if Verdict.PASSED in verdicts:
        return Verdict.PASSED
    if Verdict.NOT_APPLICABLE in verdicts:
        return Verdict.NOT_APPLICABLE if conditional else Verdict.UNKNOWN
    return Verdict.UNVERIFIED


def lowest(grades: Sequence[Grade]) -> Grade | None:
    """Lowest of the grades, or None where there is none."""
    order = list(Grade)
    return min(grades, key=order.index, default=None)
