"""Whether a fault was caught: the check passed in the right world of this run, then came to exactly the verdict and code that
the fault's file lists, and no other check changed its verdict. A check that always fails catches nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance import content, documents
from conformance.declaration import WITH
from conformance.inventory.kinds import WAYS
from conformance.verdicts import Verdict

_ABSENT = "absent"
Ended = tuple[str, str]
"""Verdict and code."""
Verdicts = Mapping[str, Ended]
"""By record id."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way of making a world wrong, and the verdicts that it has to bring about."""

    name: str
    title: str
    world: str
    limits: float
    """Factor on every limit while the fault is planted: less than 1 where checks run into their limits anyway."""
    expected: Mapping[str, Ended]
    """By check id; by ``check[dra]``, ``check[+kueue]`` or ``check[dra+kueue]`` where only the variants of that allocation way or
    solution change; by record id where a single one does."""

    otherwise: Mapping[str, Ended] = field(default_factory=dict)
    """What a verdict may be instead, where the fault leaves less to the later checks of a run and their order is not fixed."""

    def checks(self) -> set[str]:
        """Ids of the checks that have to catch it."""
        return {check_of(word) for word in self.expected}

    def requirements(self) -> set[str]:
        """Requirements whose checks have to catch it."""
        return {requirement_of(word) for word in self.expected}

    def wanted(self, record_id: str) -> Ended | None:
        """Verdict that a record has to come to; None where it must not change."""
        word = self._word(record_id)
        return None if word is None else self.expected[word]

    def allows(self, record_id: str, ended: Ended) -> bool:
        """Whether a record that the fault touches came to what it has to."""
        word = self._word(record_id)
        return word is not None and ended in (self.expected[word], self.otherwise.get(word))

    def _word(self, record_id: str) -> str | None:
        """The most exact word of the file for a record."""
        check, _, variant = record_id.removesuffix("]").partition("[")
        way = next((way for way in WAYS if variant.startswith(f"{way}-")), "")
        solution = variant.partition(WITH)[1] + variant.partition(WITH)[2]
        names = (record_id, f"{check}[{way}{solution}]", f"{check}[{solution}]", f"{check}[{way}]", check)
        return next((name for name in names if name in self.expected), None)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table: one check against one fault."""

    fault: str
    check: str
    wanted: Ended
    found: str
    problems: tuple[str, ...]

    @property
    def caught(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.problems


def check_of(record_id: str) -> str:
    """Check id of a record id."""
    return record_id.partition("[")[0]


def requirement_of(record_id: str) -> str:
    """Requirement of a record id or check id."""
    return record_id.partition("/")[0]


def faults(folder: Path | None = None) -> list[Fault]:
    """Every fault of the suite that some check has to catch. Raises ``ConfigurationError`` with the place in the file."""
    return [
        found
        for path in sorted((folder or content.FIXTURES / "faults").glob("*.yaml"))
        if (found := _read(path)).expected
    ]


def _read(path: Path) -> Fault:
    document = documents.load(path)
    data: dict[str, Any] = document.data
    listed: dict[str, dict[str, Any]] = data.get("verdicts") or {}
    for word, entry in listed.items():
        for each in filter(None, (entry, entry.get("or"))):
            if each.get("verdict") not in list(Verdict):
                raise document.error(("verdicts", word), f"{each.get('verdict')!r} is no verdict")
    return Fault(
        name=path.stem,
        title=str(data.get("title", "")),
        world=str(data.get("world", "")),
        limits=float(data.get("limits", 1)),
        expected={word: _ended(entry) for word, entry in listed.items()},
        otherwise={word: _ended(entry["or"]) for word, entry in listed.items() if "or" in entry},
    )


def _ended(entry: Mapping[str, Any]) -> Ended:
    return str(entry["verdict"]), str(entry.get("code", ""))


def verdicts(document: Mapping[str, Any]) -> dict[str, Ended]:
    """Verdicts of a results document, without the checks that were not to run."""
    records = (record for requirement in document["requirements"] for record in requirement["checks"])
    return {r["id"]: (r["verdict"], r["code"]) for r in records if r["code"] != "not_selected"}


def compare(fault: Fault, right: Verdicts, wrong: Verdicts, selected: Iterable[str]) -> list[Row]:
    """One row for each check of the fault among the selected ones."""
    others = _others(fault, right, wrong)
    return [_row(fault, check, right, wrong, others) for check in sorted(fault.checks() & set(selected))]


def _others(fault: Fault, right: Verdicts, wrong: Verdicts) -> list[str]:
    """Checks that changed although the fault's file does not list them.

    A check that had nothing to judge, and whose variant is not there any more or is new, has not changed.
    """
    found = []
    for record_id in sorted({*right, *wrong}):
        before, after = right.get(record_id, (_ABSENT, ""))[0], wrong.get(record_id, (_ABSENT, ""))[0]
        nothing = {before, after} == {_ABSENT, Verdict.NOT_APPLICABLE}
        if fault.wanted(record_id) is None and before != after and not nothing:
            found.append(f"{record_id} changed from {before} to {after}")
    return found


def _row(fault: Fault, check: str, right: Verdicts, wrong: Verdicts, others: list[str]) -> Row:
    before = {i: ended for i, ended in right.items() if check_of(i) == check and fault.wanted(i)}
    after = {i: ended for i, ended in wrong.items() if check_of(i) == check and fault.wanted(i)}
    problems = [
        f"{i} is {ended[0]} in the right world" for i, ended in before.items() if not _can_catch(fault, i, ended)
    ]
    if not before:
        problems.append("it did not run in the right world")
    if not after:
        problems.append("it did not run with the fault")
    elif not set(after) - set(before):
        problems += [f"{i} did not run with the fault" for i in before if i not in after]
    problems += [f"{i} came to {_words(ended)}" for i, ended in after.items() if not fault.allows(i, ended)]
    found = ", ".join(sorted({_words(ended) for ended in after.values()})) or "nothing"
    wanted = next(fault.expected[word] for word in fault.expected if check_of(word) == check)
    return Row(fault=fault.name, check=check, wanted=wanted, found=found, problems=tuple(problems + others))


def _can_catch(fault: Fault, record_id: str, right: Ended) -> bool:
    """Whether what the right world came to says anything: a pass, or not applicable where the fault only hides that."""
    hides = (fault.wanted(record_id) or right)[0] in (Verdict.UNKNOWN, Verdict.UNVERIFIED)
    return right[0] == Verdict.PASSED or (right[0] == Verdict.NOT_APPLICABLE and hides)


def _words(ended: Ended) -> str:
    return f"{ended[0]} ({ended[1]})" if ended[1] else ended[0]
