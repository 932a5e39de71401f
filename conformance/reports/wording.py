"""What all reports say in the same words, and text from a cluster made harmless.

A report of a run that is not a whole, conformant run on a real cluster says so in its first lines, so that nobody submits it
by accident.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from conformance import content, documents
from conformance.inventory.solutions import FAMILIES
from conformance.inventory.vendor import VIRTUAL
from conformance.records import NOT_SELECTED
from conformance.verdicts import Verdict

Entry = Mapping[str, Any]


@cache
def words() -> dict[str, dict[str, str]]:
    """The sentences of ``reports/words.yaml``."""
    found: dict[str, dict[str, str]] = documents.load(content.REPORTS / "words.yaml").data
    return found


def plain(text: object) -> str:
    """Text on one line with every control, formatting and invisible character made visible."""
    whole = str(text)
    if whole.isprintable():
        return whole
    return "".join(c if c.isprintable() else " " if c in "\n\t" else repr(c)[1:-1] for c in whole)


def cut(text: str, width: int) -> str:
    """Text in at most so many characters, with a mark where it was cut."""
    return text if len(text) <= width else f"{text[: max(width - 1, 0)]}…"


def human(word: str) -> str:
    """Word of the results as it stands in a sentence."""
    return word.replace("_", " ")


def warnings(document: Entry) -> list[str]:
    """Why these results prove no conformance; empty for a whole, conformant run on a real cluster."""
    say = words()["warnings"]
    reasons = []
    if not document["complete"]:
        reasons.append(say["interrupted" if document["interrupted"] else "unfinished"])
    if document["partial"]:
        reasons.append(say["partial"])
    if document["cluster"]["simulated"]:
        reasons.append(say["simulated"])
    if document["outcome"] in say:
        reasons.append(say[document["outcome"]])
    return [say["not_for_submission"], *reasons] if reasons else []


def counted(counts: Mapping[str, int]) -> str:
    """``1 passed, 7 unverified``."""
    return ", ".join(f"{counts[v]} {human(v)}" for v in Verdict if counts.get(v)) or "none"


def summaries(document: Entry) -> list[tuple[str, str, str]]:
    """The three outcomes: name, verdict and what it rests on."""
    lines = []
    for name, unit in (("programme", "MUST"), ("hardening", "check"), ("readiness", "check")):
        summary = document["outcomes"][name]
        total = sum(summary["counts"].values())
        verdict = document["outcome"] if name == "programme" else summary["verdict"]
        plural = "s" if unit == "check" and total != 1 else ""
        basis = f"{total} {unit}{plural}: {counted(summary['counts'])}" if total else "nothing was judged"
        lines.append((name, human(verdict) if total else "-", basis))
    return lines


def why(requirement: Entry) -> str:
    """Short account of a requirement's verdict: ``2 of 5 checks``, or that none decides it."""
    if requirement["code"] == "not_covered":
        return "no check yet"
    deciding = [r for r in requirement["checks"] if r["decides"] == "programme" and not r["provisional"]]
    same = sum(record["verdict"] == requirement["verdict"] for record in deciding)
    return f"{same} of {len(deciding)} check{'s' if len(deciding) != 1 else ''}"


def left_out(requirement: Entry) -> bool:
    """Whether nothing of a requirement was selected for this run."""
    checks = requirement["checks"]
    return bool(checks) and all(record["code"] == NOT_SELECTED for record in checks)


def remarks(record: Entry) -> list[str]:
    """What has to be known about a verdict beside it: a retry, that it decides nothing."""
    found = []
    if record["attempts"] > 1:
        found.append(f"on attempt {record['attempts']}")
    if record["provisional"]:
        found.append("provisional, decides nothing")
    elif record["decides"] != "programme":
        found.append(f"decides {record['decides']} only")
    return found


def accelerators(document: Entry) -> list[str]:
    """One line for each kind of accelerator that the inventory found, and for each way in which devices are shared."""
    lines = []
    for kind in document["cluster"].get("accelerators", ()):
        units = "shares" if kind.get("shared") not in {None, VIRTUAL} else "devices"
        words = {"nodes": "nodes", "devices": units, "free": "free"}
        numbers = [
            f"{'unknown number' if kind[k] is None else kind[k]} {word}" for k, word in words.items() if k in kind
        ]
        numbers += [f"of {kind['physical']} devices"] if kind.get("shared") and kind.get("physical") is not None else []
        name = kind.get("title") or f"{kind.get('id', 'accelerator')} by {kind.get('way', 'an unknown way')}"
        lines.append(plain(name + (f": {', '.join(numbers)}" if numbers else "")))
    return lines


def solutions(document: Entry) -> list[str]:
    """One line for each family of solutions that was found: names, and whether their controllers were seen."""
    state = {True: "", False: " (its controllers are down)", None: " (its controllers were not seen)"}
    found: dict[str, list[str]] = {}
    for entry in document["cluster"].get("solutions", ()):
        name = f"{entry.get('title') or entry.get('id')}{state.get(entry.get('alive'), '')}"
        found.setdefault(str(entry.get("family")), []).append(plain(name))
    return [f"{FAMILIES.get(family, family).capitalize()}: {', '.join(names)}" for family, names in found.items()]


def not_covered(requirements: Iterable[Entry]) -> list[str]:
    """Ids of the requirements that no check decides."""
    return [requirement["id"] for requirement in requirements if requirement["code"] == "not_covered"]


def retried(requirements: Iterable[Entry]) -> list[str]:
    """Ids of the checks that passed, but not at once."""
    records = (record for requirement in requirements for record in requirement["checks"])
    return [record["id"] for record in records if record["verdict"] == Verdict.PASSED and record["attempts"] > 1]
