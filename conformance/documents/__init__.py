"""Read the YAML and JSON that people and other programs write, and say where in a file something is wrong.

A profile, a descriptor or a results file is untrusted and often written by hand, so every complaint is one line with file,
line and path: ``my.yaml:7: requirements[2].level: 'MAY' is not one of MUST, SHOULD``. YAML is read without the guesses of
YAML 1.1 (``no`` is a word, a date is a text, keys are texts) and what different readers read differently is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from conformance.documents import json_text, schema, yaml_text
from conformance.documents.atomic import replace
from conformance.documents.wording import NodePath, did_you_mean, path_text, quoted
from conformance.errors import ConfigurationError

__all__ = ["Document", "did_you_mean", "load", "parse", "quoted", "replace"]

SIZE_LIMIT = 1024 * 1024
"""Largest file in bytes, unless the caller says otherwise; what people write by hand is far smaller."""


@dataclass(frozen=True)
class Document:
    """The data of one file, with the line of every node."""

    name: str
    data: Any
    find_lines: Callable[[], Mapping[NodePath, int]]
    written: Mapping[NodePath, str]
    """Numbers as they stand in the file: ``1.30`` is 1.3 once read."""

    @cached_property
    def _lines(self) -> Mapping[NodePath, int]:
        return self.find_lines()

    def line(self, path: NodePath) -> int:
        """Line of a node, or of the nearest node around it."""
        return next(self._lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self._lines)

    def error(self, path: NodePath, message: str) -> ConfigurationError:
        """Error with the place of a node; the caller raises it."""
        where = f"{path_text(path)}: " if path else ""
        return ConfigurationError(f"{self.name}:{self.line(path)}: {where}{message}")

    def check(self, schema_file: Path) -> None:
        """Raise ConfigurationError for the first breach of a JSON Schema, in the order of the file."""
        errors = schema.breaches(schema_file, self.data)
        if not errors:
            return
        first = min(errors, key=lambda error: self.line(tuple(error.absolute_path)))
        path, message = schema.explain(first, self.written)
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise self.error(path, message + more)


def load(path: str | Path, *, limit: int = SIZE_LIMIT) -> Document:
    """Read a YAML or JSON file (by its suffix: ``.json`` is JSON). ConfigurationError for whatever is wrong with it."""
    name = str(path)
    try:
        with Path(path).open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot be read: {error.strerror or error}") from error
    if len(content) > limit:
        raise ConfigurationError(f"{name}: larger than {limit:,} bytes; this is not a file of the kind that is wanted")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{name}:{line}: not UTF-8 text; save the file as UTF-8") from error
    return parse(text, name)


def parse(text: str, name: str) -> Document:
    """Read text that came from ``name``; JSON where the name ends so, otherwise YAML."""
    try:
        if name.endswith(".json"):
            data, find = json_text.parse(text, name)
            return Document(name, data, find, {})
        data, lines, written = yaml_text.parse(text, name)
    except RecursionError as error:
        raise ConfigurationError(f"{name}: nested too deep to be read") from error
    return Document(name, data, lambda: lines, written)
