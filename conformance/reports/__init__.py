"""How results are shown. Every format is a function of the results document and nothing else.

A new format is a module with ``render`` and one line in ``FORMATS``.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from conformance.documents import replace
from conformance.reports import junit, markdown, screen

FORMATS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "report.md": markdown.render,
    "junit.xml": junit.render,
}
"""File name and what makes its content."""


def write_all(out: Path, document: Mapping[str, Any]) -> list[Path]:
    """Write every format beside the results, each whole or not at all, and return the paths."""
    paths = [out / name for name in FORMATS]
    for path, render in zip(paths, FORMATS.values(), strict=True):
        replace(path, render(document))
    return paths


def terminal(document: Mapping[str, Any], width: int = 80, *, color: bool = False) -> str:
    """The final table and what did not pass, for a terminal of that width."""
    return screen.render(document, width, color=color)
