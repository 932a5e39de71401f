"""The report for people, as Markdown that renders well on a code host and reads well as text.

Nothing in it may become a link, a mention, an image or HTML because a cluster said so: every text is escaped, and what looks
like an address is shown as code.
"""

import json
import re
from collections.abc import Iterable, Iterator

from conformance.records import NOT_SELECTED
from conformance.reports import wording
from conformance.reports.wording import Entry, cut, human, plain

_TOKENS = re.compile(r"([^\s|`]+)")
_ADDRESS = re.compile(r"://|www\.|@")
_SPECIAL = re.compile(r"[\\`*\[\]~$|<>&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_LINE_START = re.compile(r"^(\s*)(?=[-+#=])|^(\s*\d+)(?=[.)](?:\s|$))")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;"}
_LONGEST_CELL = 500
"""Characters of one text in a table of steps; the results file has it whole."""


def code(text: object) -> str:
    """Text as inline code that nothing in it can end. A pipe would still end a table cell, so it is shown as a look-alike."""
    content = plain(text).replace("|", "¦").strip() or "-"
    fence = "`" * (max((len(run) for run in re.findall("`+", content)), default=0) + 1)
    pad = " " if "`" in (content[0], content[-1]) else ""
    return f"{fence}{pad}{content}{pad}{fence}"


def escape(text: object) -> str:
    """Text on one line in which nothing is markup; addresses become code, so that they are neither links nor mentions."""
    content = plain(text)
    if _ADDRESS.search(content) is None:
        shown = _escape_words(content)
    else:
        tokens = _TOKENS.split(content)
        shown = "".join(code(token) if _ADDRESS.search(token) else _escape_words(token) for token in tokens)
    return _LINE_START.sub(lambda match: f"{match.group()}\\", shown)


def _escape_words(text: str) -> str:
    return _SPECIAL.sub(lambda match: _ENTITIES.get(match.group(), f"\\{match.group()}"), text)


def prose(text: str) -> str:
    """Several paragraphs or lists, with what the author put in backticks shown as code."""
    lines = []
    for line in map(str.strip, text.splitlines()):
        mark = "- " if line.startswith("- ") else ""
        pieces = re.split(r"`+([^`]+)`+", line.removeprefix(mark))
        lines.append(mark + "".join(code(p) if index % 2 else escape(p) for index, p in enumerate(pieces)))
    return "\n".join(lines)


def render(document: Entry) -> str:
    """The whole report."""
    requirements = [r for r in document["requirements"] if not (document["partial"] and wording.left_out(r))]
    parts = [
        f"# AI conformance: {human(document['outcome']).upper()}",
        _warnings(document),
        _facts(document),
        _summary(document),
        _requirements(requirements),
        _left_behind(document),
        _not_seen(document),
        *(_requirement(requirement) for requirement in requirements if requirement["checks"]),
        _legend(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _warnings(document: Entry) -> str:
    found = wording.warnings(document)
    if not found:
        return ""
    return "\n".join(["> [!WARNING]", f"> **{escape(found[0])}**", ">", *(f"> - {escape(line)}" for line in found[1:])])


def _table(headers: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(headers)
    lines = [head, ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _facts(document: Entry) -> str:
    cluster = document["cluster"]
    rows = [
        ("Profile", f"{escape(document['profile_title'])} ({code(document['profile'])})"),
        ("Cluster", f"{code(cluster['server'])}, context {code(cluster['context'] or '-')}"),
        ("Kubernetes", code(cluster["version"])),
    ]
    if cluster["simulated"]:
        faults = ", ".join(code(fault) for fault in cluster.get("faults", ())) or "none"
        rows.append(("Simulated", f"world {code(cluster.get('world') or '-')}, faults planted: {faults}"))
    if "nodes" in cluster:
        rows.append(("Nodes", str(cluster["nodes"])))
    if "accelerators" in cluster:
        rows.append(("Accelerators", "<br>".join(map(escape, wording.accelerators(document))) or "none found"))
    if found := wording.solutions(document):
        rows.append(("Scheduling and scaling", "<br>".join(map(escape, found))))
    took = f"{document['duration_seconds']:.0f} s" if document["finished"] else "not ended"
    rows.append(
        (
            "Run",
            f"{code(document['run_id'])}, {escape(document['started'])}, {took}, suite {escape(document['suite_version'])}",
        )
    )
    return _table(("", ""), rows)


def _summary(document: Entry) -> str:
    rows = [
        (name.capitalize(), verdict if verdict == "-" else f"**{verdict}**", basis)
        for name, verdict, basis in wording.summaries(document)
    ]
    return f"{_table(('Outcome of', '', 'From'), rows)}\n\nOnly the programme decides conformance."


def _link(requirement: Entry) -> str:
    anchor = requirement["id"]
    if re.fullmatch(r"[a-z0-9_]+", anchor) and requirement["checks"]:
        return f"[{code(anchor)}](#{anchor})"
    return code(anchor)


def _verdict(word: str) -> str:
    return human(word) if word == "passed" else f"**{human(word)}**"


def _requirements(requirements: list[Entry]) -> str:
    if not requirements:
        return "## Requirements\n\nNo requirement was judged."
    rows = []
    for entry in requirements:
        reason = f": {escape(cut(plain(entry['reason']), 300))}" if entry["reason"] and entry["checks"] else ""
        grade = entry["grade"] or "-"
        title = f"{_link(entry)}<br>{escape(entry['title'])}"
        rows.append((title, entry["level"], _verdict(entry["verdict"]), grade, wording.why(entry) + reason))
    return "## Requirements\n\n" + _table(("Requirement", "Level", "Verdict", "Evidence", "Why"), rows)


def _left_behind(document: Entry) -> str:
    if not document["leftovers"]:
        return ""
    names = "\n".join(f"- {code(name)}" for name in document["leftovers"])
    return f"## Left behind on the cluster\n\nThese objects could not be removed; remove them by hand.\n\n{names}"


def _not_seen(document: Entry) -> str:
    """What this run says nothing about."""
    requirements = document["requirements"]
    lines = [f"- {escape(notice)}" for notice in document["notices"]]
    if uncovered := wording.not_covered(requirements):
        lines.append(f"- No check decides these requirements yet: {', '.join(map(code, uncovered))}.")
    left_out = [code(r["id"]) for r in requirements if document["partial"] and wording.left_out(r)]
    if left_out:
        lines.append(f"- Not selected for this run: {', '.join(left_out)}.")
    if again := wording.retried(requirements):
        lines.append(f"- Passed only on a later attempt, so a first attempt went wrong: {', '.join(map(code, again))}.")
    unseen = ("unknown", "unverified")
    ids = [code(check["id"]) for r in requirements for check in r["checks"] if check["verdict"] in unseen]
    if ids:
        lines.append(f"- Not judged, for the reasons given below: {', '.join(ids)}.")
    return "## What was not seen\n\n" + "\n".join(lines) if lines else ""


def _requirement(requirement: Entry) -> str:
    level = requirement["level"] if requirement["level"] != "none" else "not of this profile"
    grade = f", evidence {requirement['grade']}" if requirement["grade"] else ""
    head = f"## {escape(requirement['id'])}"
    text = f"\n\n{escape(requirement['text'])}" if requirement.get("text") else ""
    line = f"{_verdict(requirement['verdict'])}{grade} · {level} · {wording.why(requirement)}"
    checks = "\n\n".join(map(_check, requirement["checks"]))
    return f"{head}{text}\n\n{line}\n\n{checks}"


def _check(record: Entry) -> str:
    if record["code"] == NOT_SELECTED:
        return f"### {code(record['id'])}\n\n{_verdict(record['verdict'])}: left out of this run"
    facts = [_verdict(record["verdict"]) + (f" ({code(record['code'])})" if record["code"] else "")]
    if record["grade"]:
        facts.append(f"evidence {record['grade']}")
    facts += [*wording.remarks(record), f"{record['duration_seconds']:.1f} s"]
    title = f"**{escape(record['title'])}**\n\n" if record["title"] else ""
    parts = [f"### {code(record['id'])}\n\n{title}{' · '.join(facts)}", _findings(record), *_folded(record)]
    return "\n\n".join(part for part in parts if part)


def _findings(record: Entry) -> str:
    names = ("observed", "expected") if record["observed"] else ("reason",)
    lines = [f"- {name.capitalize()}: {escape(record[name])}" for name in names if record[name]]
    if record["hint"]:
        lines.append(f"- Cure: {prose(plain(record['hint']))}")
    lines += [f"- Left behind: {code(name)}" for name in record["leftovers"]]
    return "\n".join(lines)


def _folded(record: Entry) -> Iterator[str]:
    if record.get("text"):
        yield _details("Why, how it is proven, how to fix it", prose(record["text"]))
    if record["steps"]:
        number = len(record["steps"])
        yield _details(
            f"{number} step{'s' if number != 1 else ''}",
            _table(("", "Done", "Expected", "Observed"), map(_step, record["steps"])),
        )


def _details(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def _step(step: Entry) -> Iterator[str]:
    yield escape(step["time"][11:19])
    yield escape(cut(plain(step["action"]), _LONGEST_CELL)) + (
        f"<br>{code(step['object'])}" if step.get("object") else ""
    )
    yield escape(cut(plain(step.get("expected", "")), _LONGEST_CELL))
    observed = [escape(cut(plain(step["observed"]), _LONGEST_CELL))]
    if step.get("facts"):
        observed.append(code(cut(json.dumps(step["facts"], ensure_ascii=False), _LONGEST_CELL)))
    observed += [code(path) for path in step.get("artefacts", ())]
    yield "<br>".join(part for part in observed if part)


def _legend() -> str:
    say = wording.words()
    sections = (
        ("Verdicts", say["verdicts"]),
        ("Evidence, weakest first", say["grades"]),
        ("Outcomes", say["outcomes"]),
    )
    lists = (
        f"{title}:\n\n" + "\n".join(f"- {human(word)}: {meaning}" for word, meaning in meanings.items())
        for title, meanings in sections
    )
    return "## What the words mean\n\n" + "\n\n".join(lists)
