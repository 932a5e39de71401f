"""Values of a world's file that know where they stand, so that an error names the place."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from conformance.simulator.objects import Obj


class WorldError(ValueError):
    """A world or fault that cannot be used; one line that names the place and the cure."""


class Place:
    """A value in a file, that knows where it is."""

    def __init__(self, file: Path, value: Any, path: str = "") -> None:
        self._file, self.value, self._path = file, value, path

    def error(self, words: str) -> WorldError:
        """An error that names this place."""
        where = f"{self._file}: {self._path}" if self._path else f"{self._file}"
        return WorldError(f"{where}: {words}")

    def _wanted(self, kind: type, words: str) -> None:
        if not isinstance(self.value, kind) or (kind is int and isinstance(self.value, bool)):
            raise self.error(f"found {self.value!r}, want {words}")

    def mapping(self, *allowed: str) -> dict[str, "Place"]:
        """Values by key; other keys than those allowed are refused."""
        self._wanted(dict, "a mapping")
        for key in self.value:
            if allowed and key not in allowed:
                raise self.error(
                    f"{key!r} is not known here{meant(str(key), allowed)}; known are {', '.join(sorted(allowed))}"
                )
        return {
            str(key): self._inner(value, f".{key}" if self._path else str(key)) for key, value in self.value.items()
        }

    def items(self) -> list["Place"]:
        """Entries of a list."""
        self._wanted(list, "a list")
        return [self._inner(value, f"[{n}]") for n, value in enumerate(self.value)]

    def _inner(self, value: Any, step: str) -> "Place":
        return Place(self._file, value, self._path + step)

    def text(self) -> str:
        """A text."""
        self._wanted(str, "text")
        return str(self.value)

    def number(self) -> int:
        """A whole number."""
        self._wanted(int, "a whole number")
        return int(self.value)

    def words(self) -> tuple[str, ...]:
        """A list of texts."""
        return tuple(item.text() for item in self.items())

    def objects(self) -> tuple[Obj, ...]:
        """A list of mappings."""
        return tuple({key: place.value for key, place in item.mapping().items()} for item in self.items())

    def plain(self, kind: type) -> Any:
        """A value of a type."""
        self._wanted(kind, {bool: "true or false", int: "a whole number"}.get(kind, "text"))
        return self.value


def meant(word: str, known: Sequence[str]) -> str:
    """``; did you mean 'x'?``, or nothing."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def read(file: Path) -> Place:
    """The whole of a file."""
    try:
        return Place(file, yaml.safe_load(file.read_text()))
    except (OSError, UnicodeDecodeError) as problem:
        raise WorldError(f"{file}: cannot be read: {problem}") from problem
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise WorldError(f"{file}{place}: not YAML: {getattr(problem, 'problem', problem)}") from problem
