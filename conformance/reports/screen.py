"""The table at the end of a run, for a terminal: what came out, and for what did not pass, why and what to do."""

import textwrap
from collections.abc import Iterator

from tabulate import tabulate

from conformance.records import NOT_SELECTED, WORST_FIRST
from conformance.reports import wording
from conformance.reports.wording import Entry, cut, human, plain

_COLOURS = {
    "passed": 32,
    "conformant": 32,
    "failed": 31,
    "not conformant": 31,
    "unknown": 33,
    "unverified": 33,
    "inconclusive": 33,
    "not applicable": 36,
    "skipped": 2,
}
_FIXED_COLUMNS = 69
_NARROWEST = 60
_ROOM_FOR_REASON = 40


class _Screen:
    """One rendering: a width and whether colour may be used."""

    def __init__(self, width: int, *, color: bool) -> None:
        self.width = max(width, _NARROWEST)
        self.color = color

    def paint(self, word: str) -> str:
        colour = _COLOURS.get(word)
        return f"\x1b[{colour}m{word}\x1b[0m" if self.color and colour else word

    def wrap(self, text: str, indent: str = "", hang: str | None = None) -> str:
        hang = indent if hang is None else hang
        return textwrap.fill(
            plain(text), self.width, initial_indent=indent, subsequent_indent=hang, break_on_hyphens=False
        )

    def field(self, name: str, text: str) -> str:
        return self.wrap(text, f"    {name + ':':10}", " " * 14)


def render(document: Entry, width: int = 80, *, color: bool = False) -> str:
    """Text for a terminal of that width; colour only where the caller says so."""
    screen = _Screen(width, color=color)
    parts = (_head, _warnings, _table, _left_out, _details, _outcomes, _notes, _legend)
    return "\n\n".join(text for part in parts if (text := part(screen, document))) + "\n"


def _head(screen: _Screen, document: Entry) -> str:
    cluster = document["cluster"]
    place = f"world {cluster.get('world')} (simulated)" if cluster["simulated"] else f"{cluster['server']}"
    faults = f", faults {', '.join(cluster['faults'])}" if cluster.get("faults") else ""
    lines = [
        f"{document['profile_title']} ({document['profile']})",
        f"Kubernetes {cluster['version']} at {place}{faults}",
        *wording.accelerators(document),
        *wording.solutions(document),
    ]
    return "\n".join(screen.wrap(line, "", "  ") for line in lines)


def _warnings(screen: _Screen, document: Entry) -> str:
    found = wording.warnings(document)
    return "\n".join(screen.wrap(line, "!! ") for line in found)


def _table(screen: _Screen, document: Entry) -> str:
    room = screen.width - _FIXED_COLUMNS
    rows = [
        (
            cut(plain(requirement["id"]), 27),
            requirement["level"],
            screen.paint(human(requirement["verdict"])),
            requirement["grade"] or "-",
            _why(requirement, room),
        )
        for requirement in document["requirements"]
        if not (document["partial"] and wording.left_out(requirement))
    ]
    headers = ("requirement", "level", "verdict", "grade", "why")
    return tabulate(rows, headers, tablefmt="simple", disable_numparse=True) if rows else "No requirement was judged."


def _why(requirement: Entry, room: int) -> str:
    """Number of checks behind the verdict, and the reason where the terminal is wide enough."""
    text = wording.why(requirement)
    wanted = requirement["reason"] and requirement["checks"] and room >= _ROOM_FOR_REASON
    return cut(f"{text}: {plain(requirement['reason'])}", room) if wanted else text


def _left_out(screen: _Screen, document: Entry) -> str:
    if not document["partial"]:
        return ""
    ids = [requirement["id"] for requirement in document["requirements"] if wording.left_out(requirement)]
    return screen.wrap(f"Not selected: {', '.join(ids)}", "", "  ") if ids else ""


def _details(screen: _Screen, document: Entry) -> str:
    """Every check that did not pass, those with the same words together."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for requirement in document["requirements"]:
        for record in requirement["checks"]:
            if record["verdict"] != "passed" and record["code"] != NOT_SELECTED:
                key = tuple(str(record[k]) for k in ("verdict", "code", "reason", "observed", "expected", "hint"))
                groups.setdefault(key, []).append(record)
    worst_first = sorted(groups.values(), key=lambda records: WORST_FIRST.index(records[0]["verdict"]))
    return "\n\n".join("\n".join(_group(screen, records)) for records in worst_first)


def _group(screen: _Screen, records: list[Entry]) -> Iterator[str]:
    first = records[0]
    code = f" ({cut(plain(first['code']), screen.width - 20)})" if first["code"] else ""
    yield f"{screen.paint(human(first['verdict']))}{code}"
    for record in records:
        remarks = "".join(f", {remark}" for remark in wording.remarks(record))
        yield screen.wrap(f"{record['id']}{remarks}", "  ", "      ")
    if len(records) == 1 and first["title"]:
        yield screen.field("wanted", first["title"])
    if first["observed"]:
        yield screen.field("observed", first["observed"])
        yield screen.field("expected", first["expected"])
    elif first["reason"]:
        yield screen.field("reason", first["reason"])
    if first["hint"]:
        yield screen.field("cure", first["hint"])


def _outcomes(screen: _Screen, document: Entry) -> str:
    rows = [(name, screen.paint(verdict), basis) for name, verdict, basis in wording.summaries(document)]
    return tabulate(rows, ("outcome of", "", "from"), tablefmt="simple", disable_numparse=True)


def _notes(screen: _Screen, document: Entry) -> str:
    lines = [screen.wrap(notice, "Note: ", "  ") for notice in document["notices"]]
    if again := wording.retried(document["requirements"]):
        lines.append(screen.wrap(f"Passed only on a later attempt: {', '.join(again)}", "", "  "))
    if document["leftovers"]:
        lines.append(f"Left behind on the cluster ({len(document['leftovers'])}), remove by hand:")
        lines += [screen.wrap(name, "  ", "    ") for name in document["leftovers"]]
    return "\n".join(lines)


def _legend(screen: _Screen, document: Entry) -> str:
    """What the words for `not seen` mean, where they occur."""
    verdicts = {requirement["verdict"] for requirement in document["requirements"]}
    verdicts |= {record["verdict"] for requirement in document["requirements"] for record in requirement["checks"]}
    meaning = wording.words()["verdicts"]
    said = [word for word in meaning if word in verdicts and word not in ("passed", "failed")]
    return "\n".join(screen.wrap(f"{human(word)}: {meaning[word]}", "", "  ") for word in said)
