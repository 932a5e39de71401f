"""How messages about files are worded: values bounded and on one line, paths as a person writes them, near misses named."""

import difflib
import json
from collections.abc import Iterable

NodePath = tuple[str | int, ...]


def quoted(value: object, limit: int = 80) -> str:
    """Value as it may stand in a message: on one line, bounded, control characters visible."""
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= limit else f"{text[:limit]}…"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean 'x'?`` for a word that is close to a known one, otherwise nothing."""
    close = difflib.get_close_matches(word[:100], list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def path_text(path: NodePath) -> str:
    """Path as a person writes it: ``requirements[2].level``."""
    parts = (f"[{p}]" if isinstance(p, int) else f".{p}" if p.isidentifier() else f"[{quoted(p)}]" for p in path)
    return "".join(parts).removeprefix(".")
