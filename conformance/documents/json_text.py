"""JSON with the line of every node, duplicate keys refused.

The lines are found only when something is wrong, because a results file is large and nearly always right.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn

from conformance.documents.wording import NodePath, path_text, quoted
from conformance.errors import ConfigurationError

_MARK = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


class _DuplicateKeyError(ValueError):
    """A JSON object has a key twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _DuplicateKeyError
    return result


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def parse(text: str, name: str) -> tuple[Any, Callable[[], dict[NodePath, int]]]:
    """Data, and what finds the line of each node."""
    try:
        data = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        ended = "; the file ends too early" if not text[error.pos :].strip() else ""
        raise ConfigurationError(f"{name}:{error.lineno}: not valid JSON: {error.msg}{ended}") from error
    except _DuplicateKeyError as error:
        path, line = _second(_places(text))
        raise ConfigurationError(f"{name}:{line}: the key {path_text(path)} stands twice") from error
    except ValueError as error:
        raise ConfigurationError(f"{name}: not valid JSON: {quoted(str(error))[1:-1]}") from error
    return data, lambda: dict(_places(text))


def _second(places: Iterable[tuple[NodePath, int]]) -> tuple[NodePath, int]:
    """The first place that comes again."""
    seen: set[NodePath] = set()
    for path, line in places:
        if path in seen:
            return path, line
        seen.add(path)
    raise AssertionError("a duplicate key was seen and is not found again")


def _places(text: str) -> Iterator[tuple[NodePath, int]]:
    """Path and line of every node of a text that is known to be JSON, in order."""
    frames: list[str | int | None] = []  # per open container: the index, the key, or None where a key comes next
    line, last = 1, 0
    yield (), 1
    for match in _MARK.finditer(text):
        line, last = line + text.count("\n", last, match.start()), match.start()
        mark, top = match.group(), frames[-1] if frames else ""
        if mark in "}]":
            frames.pop()
        elif mark == ",":
            frames[-1] = top + 1 if isinstance(top, int) else None
        elif mark != ":":
            if top is None:
                frames[-1] = json.loads(mark)
            if not isinstance(top, str):
                yield tuple(frame for frame in frames if frame is not None), line
            if mark in "{[":
                frames.append(None if mark == "{" else 0)
