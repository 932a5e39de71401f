"""From the records of checks to requirements, outcomes and the exit code (DESIGN 3).

The worst mistake of a conformance suite is a pass that nobody earned, so everything here starts from what should have been
there: a planned record that is lost, a check that was left out and a requirement without a check all count against a pass.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from conformance import catalogue
from conformance.catalogue import CheckInfo
from conformance.declaration import CheckSpec, solution_of
from conformance.errors import ExitCode
from conformance.profiles import SECTIONS, Profile, Requirement
from conformance.records import NOT_SELECTED, Record, complete
from conformance.verdicts import Decides, Grade, Verdict, combine, lowest

CONFORMANT, NOT_CONFORMANT, INCONCLUSIVE = "conformant", "not_conformant", "inconclusive"

_NOT_OF_PROFILE = "none"


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a run came to; the fields are those of ``conformance.json``."""

    outcome: str
    outcomes: dict[str, dict[str, Any]]
    counts: dict[str, int]
    requirements: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """The fields as plain data."""
        return asdict(self)


def score(
    profile: Profile,
    records: Iterable[Mapping[str, Any]],
    *,
    partial: bool,
    selected: Iterable[str],
    checks: Sequence[CheckInfo] | None = None,
) -> Score:
    """Judge the records of a run by a profile.

    ``selected`` are the ids that were to run, each with its variant; one without a record counts as lost. ``checks`` is
    what the suite has; the default is the catalogue.
    """
    infos = catalogue.load() if checks is None else checks
    full = complete(records, selected=selected, checks=infos, requirements=[r.id for r in profile.requirements])
    by_requirement: dict[str, list[Record]] = {requirement.id: [] for requirement in profile.requirements}
    for record in full:
        by_requirement.setdefault(record["requirement"], []).append(record)
    sections = {info.requirement: info.section for info in infos}
    specs = {info.id: info.spec for info in infos}
    judged = [
        _judge(*_place(profile, requirement_id, sections), own, specs) for requirement_id, own in by_requirement.items()
    ]
    judged.sort(key=lambda requirement: requirement["level"] == _NOT_OF_PROFILE)
    return Score(
        outcome=outcome(judged, complete=True, partial=partial),
        outcomes=_outcomes(judged),
        counts=_count(r["verdict"] for r in judged if r["level"] != _NOT_OF_PROFILE),
        requirements=judged,
    )


def outcome(requirements: Iterable[Mapping[str, Any]], *, complete: bool, partial: bool) -> str:
    """Outcome of a run: conformant only if it was whole and every MUST passed, or is not applicable by its condition."""
    musts = [requirement for requirement in requirements if requirement["level"] == "MUST"]
    verdicts = [requirement["verdict"] for requirement in musts]
    if not complete:
        return INCONCLUSIVE
    if Verdict.FAILED in verdicts:
        return NOT_CONFORMANT
    if partial or Verdict.PASSED not in verdicts:
        return INCONCLUSIVE
    fine = (
        requirement["verdict"] == Verdict.PASSED
        or (requirement["verdict"] == Verdict.NOT_APPLICABLE and requirement["conditional"])
        for requirement in musts
    )
    return CONFORMANT if all(fine) else INCONCLUSIVE


def exit_code(document: Mapping[str, Any]) -> ExitCode:
    """Exit code of the command for a results document. That nothing could run at all is not seen here."""
    if document["interrupted"]:
        return ExitCode.INTERRUPTED
    code = _verdict_code(document)
    return ExitCode.LEFTOVERS if code is ExitCode.CONFORMANT and document["leftovers"] else code


def _verdict_code(document: Mapping[str, Any]) -> ExitCode:
    if not document["complete"]:
        return ExitCode.INCONCLUSIVE
    if document["partial"]:
        return _partial_code(document["requirements"])
    if document["outcome"] == CONFORMANT:
        return ExitCode.CONFORMANT
    return ExitCode.NOT_CONFORMANT if document["outcome"] == NOT_CONFORMANT else ExitCode.INCONCLUSIVE


def _partial_code(requirements: Iterable[Mapping[str, Any]]) -> ExitCode:
    """All that ran has to be passed or not applicable, and what decides a requirement only if its condition allows it."""
    verdicts: list[Verdict] = []
    for requirement in requirements:
        ran = [r for r in requirement["checks"] if not r["provisional"] and r["code"] != NOT_SELECTED]
        of_profile = requirement["level"] != _NOT_OF_PROFILE
        deciding = [r for r in ran if of_profile and r["decides"] == Decides.PROGRAMME]
        verdicts += [Verdict(record["verdict"]) for record in ran]
        if deciding:
            verdicts.append(combine([Verdict(r["verdict"]) for r in deciding], conditional=requirement["conditional"]))
    if Verdict.FAILED in verdicts:
        return ExitCode.NOT_CONFORMANT
    fine = verdicts and set(verdicts) <= {Verdict.PASSED, Verdict.NOT_APPLICABLE}
    return ExitCode.CONFORMANT if fine else ExitCode.INCONCLUSIVE


def _place(profile: Profile, requirement_id: str, sections: Mapping[str, str]) -> tuple[Requirement, str]:
    """Requirement with its level in this profile; ``none`` where the profile does not have it."""
    if found := profile.get(requirement_id):
        return found, found.level
    former = next((r for r in profile.removed if r.id == requirement_id), None)
    if former:
        return former, _NOT_OF_PROFILE
    title = requirement_id.replace("_", " ").capitalize()
    section = sections.get(requirement_id, SECTIONS[0])
    return Requirement(id=requirement_id, section=section, level="", title=title, text=""), _NOT_OF_PROFILE


def _judge(
    requirement: Requirement, level: str, records: list[Record], specs: Mapping[str, CheckSpec]
) -> dict[str, Any]:
    """Entry of one requirement in the results."""
    conditional = requirement.conditional
    groups = by_solution([record for record in records if _decides(requirement, record)], specs)
    solution, deciding = _best(groups, conditional=conditional)
    verdict = combine([Verdict(record["verdict"]) for record in deciding], conditional=conditional)
    code, reason = _why(verdict, deciding)
    if len(groups) > 1:
        others = {name: combine(_verdicts(own), conditional=conditional) for name, own in groups.items()}
        told = ", ".join(f"{name} {found}" for name, found in others.items() if name != solution)
        reason = f"{reason or f'by {solution}'}; other solutions, which do not decide: {told}"
    grade = lowest([Grade(r["grade"]) for r in deciding if r["verdict"] == Verdict.PASSED])
    return {
        "id": requirement.id,
        "section": requirement.section,
        "level": level,
        "title": requirement.title,
        "text": requirement.text,
        "conditional": conditional,
        "verdict": verdict.value,
        "grade": grade.value if grade and verdict is Verdict.PASSED else None,
        "code": code,
        "reason": reason,
        "checks": records,
    }


_BEST_FIRST = (
    Verdict.PASSED,
    Verdict.UNVERIFIED,
    Verdict.UNKNOWN,
    Verdict.SKIPPED,
    Verdict.FAILED,
    Verdict.NOT_APPLICABLE,
)
"""Which of several solutions speaks for a requirement: one that passed; else one that might pass, had it been seen; else one
that failed. Not applicable is the requirement only if it is so for all of them."""


def by_solution(records: Sequence[Record], specs: Mapping[str, CheckSpec]) -> dict[str, list[Record]]:
    """Records of each solution, each with those that are about none; all of them under an empty name where there is none."""
    named = [(solution_of(specs.get(f"{r['requirement']}/{r['check']}"), r["variant"]), r) for r in records]
    found = sorted({name for name, _ in named if name})
    if not found:
        return {"": list(records)}
    return {solution: [r for name, r in named if name in ("", solution)] for solution in found}


def _verdicts(records: Iterable[Record]) -> list[Verdict]:
    return [Verdict(record["verdict"]) for record in records]


def _best(groups: Mapping[str, list[Record]], *, conditional: bool) -> tuple[str, list[Record]]:
    """The solution that decides: one must pass every deciding check, the others are shown."""

    def rank(name: str) -> tuple[int, int, str]:
        passed = [Grade(r["grade"]) for r in groups[name] if r["verdict"] == Verdict.PASSED]
        weakest = lowest(passed)
        strength = list(Grade).index(weakest) if weakest else 0
        return _BEST_FIRST.index(combine(_verdicts(groups[name]), conditional=conditional)), -strength, name

    best = min(groups, key=rank)
    return best, groups[best]


def _decides(requirement: Requirement, record: Record) -> bool:
    if record["provisional"]:
        return False
    if requirement.checks is not None:
        return record["check"] in requirement.checks
    return bool(record["decides"] == Decides.PROGRAMME)


def _why(verdict: Verdict, deciding: list[Record]) -> tuple[str, str]:
    """Code and reason of a requirement's verdict: those of the first check that brought it about."""
    if not deciding:
        return "not_covered", "no check of the suite decides this requirement yet"
    if verdict is Verdict.PASSED:
        return "", ""
    cause = [record for record in deciding if record["verdict"] == verdict]
    if not cause:
        return "not_conditional", "every check says not applicable, but the requirement has no condition"
    more = f" (and {len(cause) - 1} more)" if len(cause) > 1 else ""
    return cause[0]["code"], f"{cause[0]['id'].partition('/')[2]}: {cause[0]['reason']}{more}"


def _outcomes(requirements: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The three outcomes side by side: the programme by its MUSTs, the others by their checks.

    What would decide a requirement that the profile does not have counts for readiness.
    """
    verdicts: dict[Decides, list[Verdict]] = {decides: [] for decides in Decides}
    for requirement in requirements:
        of_profile = requirement["level"] != _NOT_OF_PROFILE
        if requirement["level"] == "MUST":
            verdicts[Decides.PROGRAMME].append(Verdict(requirement["verdict"]))
        for record in requirement["checks"]:
            if record["provisional"]:
                continue
            decides = Decides(record["decides"])
            if decides is Decides.PROGRAMME and of_profile:
                continue
            target = Decides.READINESS if decides is Decides.PROGRAMME else decides
            verdicts[target].append(Verdict(record["verdict"]))
    return {
        decides.value: {"verdict": combine(found, conditional=True).value, "counts": _count(found)}
        for decides, found in verdicts.items()
    }


def _count(verdicts: Iterable[str]) -> dict[str, int]:
    found = Counter(verdicts)
    return {verdict.value: found[verdict] for verdict in Verdict}
