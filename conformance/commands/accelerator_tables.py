"""The inventory for people: a table by kind and one by node, on 100 columns, bounded, and harmless whatever a cluster calls things."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import SEPARATING_LINE, tabulate

from conformance.declaration import WITH
from conformance.evidence import bounded
from conformance.inventory.kinds import DRA
from conformance.inventory.vendor import CAPACITY, SHARED_CLAIM, VIRTUAL

NODES = 20
"""Nodes that are shown."""
NOTES = 20
"""Notes that are shown."""
WIDTH = 100
_TITLE, _NODE = 44, 62
_DESCRIPTOR = 13
_TEXT = 200

Entry = Mapping[str, Any]


def text(found: Entry) -> str:
    """All that is shown, as one text without a newline at its end."""
    kinds = found["kinds"]
    whole = [kind for kind in kinds if not kind["shared"]]
    shares = [kind for kind in kinds if kind["shared"] not in {None, SHARED_CLAIM, VIRTUAL}]
    virtual = [kind for kind in kinds if kind["shared"] == VIRTUAL]
    counted = {kind["id"].partition(WITH)[0] for kind in (*whole, *shares)}
    parts = [
        _head(found),
        _by_kind("Whole devices", whole),
        _by_kind("Shares of devices", shares, behind=True),
        _by_kind("Virtual devices", virtual),
        _shared_claims([kind["id"] for kind in kinds if kind["shared"] == SHARED_CLAIM]),
        _by_node([*whole, *shares, *(kind for kind in virtual if kind["id"].partition(WITH)[0] not in counted)]),
        _notes(found["notes"]),
    ]
    return "\n\n".join(part for part in parts if part)


def _head(found: Entry) -> str:
    context = f"context {found['context']}, " if found["context"] else ""
    lines = [f"{found['server']} ({context}Kubernetes {found['version']}, {found['nodes']} nodes)"]
    if found["none"]:
        lines.append(found["none"])
    return "\n".join(_wrapped(line, WIDTH) for line in lines)


def _by_kind(title: str, kinds: Sequence[Entry], *, behind: bool = False) -> str:
    """A row for each kind; ``behind``: with the number of physical devices behind its units."""
    if not kinds:
        return ""
    heads = [title, "all", "allocated", "free", *(["devices"] if behind else []), "nodes", "descriptor"]
    rows = [
        [
            _name(kind),
            *_numbers(kind),
            *([_known(kind["physical"])] if behind else []),
            len(kind["nodes"]),
            _cut(kind["descriptor"], _DESCRIPTOR) if kind["descriptor"] else "none: unknown",
        ]
        for kind in kinds
    ]
    return _table(heads, rows)


def _name(kind: Entry) -> str:
    lines = [_wrapped(kind["title"], _TITLE), *_id(kind["id"])]
    if kind["extended_resource"]:
        lines.insert(1, _wrapped(f"also as extended resource {kind['extended_resource']}", _TITLE))
    elif kind["way"] == DRA and not kind["device_class"]:
        lines.insert(1, "no DeviceClass that is known to give it")
    if kind["shared"] == CAPACITY:
        unit = ", ".join(f"{name} {amount}" for name, amount in kind["unit"].items())
        lines.insert(1, _wrapped(f"counted in claims for {unit}" if unit else "takes any number of claims", _TITLE))
    return "\n".join(lines)


def _id(name: str) -> list[str]:
    base, joined, strategy = name.partition(WITH)
    return [name] if len(name) <= _TITLE else [base, f"  {joined}{strategy}"]


def _shared_claims(ids: Sequence[str]) -> str:
    if not ids:
        return ""
    names = ", ".join(name.partition(WITH)[0] for name in ids)
    return _wrapped(f"Several pods may share a claim for a whole device of: {names}", WIDTH)


def _by_node(kinds: Sequence[Entry]) -> str:
    rows: dict[str, list[list[str]]] = {}
    for kind in kinds:
        for node in kind["nodes"]:
            line = [f"  {_cut(kind['id'], _NODE - 2)}", *_numbers(node), _known(node["physical"], "")]
            rows.setdefault(node["name"], []).append(line)
    if not rows:
        return ""
    shown = sorted(rows)[:NODES]
    table = [line for name in shown for line in ([_cut(name, _NODE), "", "", "", ""], *rows[name])]
    wide = 5 if any(row[-1] for row in table) else 4
    heads = ["By node", "all", "allocated", "free", "devices"]
    more = len(rows) - len(shown)
    rest = f"\n… and {more:,} more nodes; --output json lists all" if more else ""
    return _table(heads[:wide], [row[:wide] for row in table]) + rest


def _numbers(entry: Entry) -> list[str]:
    return [str(entry["units"]), _known(entry["allocated"]), _known(entry["free"])]


def _known(count: int | None, otherwise: str = "unknown") -> str:
    return otherwise if count is None else str(count)


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    lines = [
        textwrap.fill(_plain(note), WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)
        for note in notes[:NOTES]
    ]
    if len(notes) > NOTES:
        lines.append(f"- … and {len(notes) - NOTES:,} more notes; --output json lists all")
    return "\n".join(["Notes", *lines])


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows under their heads. Heads are given as a row, because tabulate makes a column of numbers wider than its head."""
    numbers = {"all", "allocated", "free", "devices", "nodes"}
    align = ["right" if head in numbers else "left" for head in heads]
    framed = tabulate(
        [heads, SEPARATING_LINE, *rows],
        tablefmt="simple",
        disable_numparse=True,
        colalign=align,
        preserve_whitespace=True,
    )
    return "\n".join(framed.splitlines()[1:-1])


def _plain(value: object) -> str:
    return bounded(value, _TEXT).replace("\n", "\\n")


def _wrapped(value: object, width: int) -> str:
    return textwrap.fill(_plain(value), width, break_on_hyphens=False)


def _cut(value: object, width: int) -> str:
    plain = _plain(value)
    return plain if len(plain) <= width else f"{plain[: width - 1]}…"
