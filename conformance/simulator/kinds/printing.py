"""Columns of Table answers, and times as they are shown in them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.simulator.objects import Obj, age, name_of

_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86400, 86400 * 365


@dataclass(frozen=True)
class Column:
    """One column."""

    name: str
    cell: Callable[[Obj], Any]
    type: str = "string"
    format: str = ""
    priority: int = 0

    def definition(self) -> Obj:
        """The column as a Table describes it."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.name,
            "priority": self.priority,
        }


def human(seconds: float) -> str:
    """A duration in at most two units, coarser the longer it is."""
    s = max(int(seconds), 0)
    if s < 2 * _MINUTE:
        return f"{s}s"
    if s < 3 * _HOUR:
        minutes, rest = divmod(s, _MINUTE)
        return f"{minutes}m{rest}s" if rest and s < 10 * _MINUTE else f"{minutes}m"
    if s < 2 * _DAY:
        hours, rest = s // _HOUR, s % _HOUR // _MINUTE
        return f"{hours}h{rest}m" if rest and s < 8 * _HOUR else f"{hours}h"
    if s < 2 * _YEAR:
        days, rest = s // _DAY, s % _DAY // _HOUR
        return f"{days}d{rest}h" if rest and s < 8 * _DAY else f"{days}d"
    return f"{s // _YEAR}y"


def since(moment: str | None) -> str:
    """How long ago."""
    return human(age(moment)) if moment else "<unknown>"


NAME = Column("Name", name_of, format="name")
AGE = Column("Age", lambda obj: since(obj["metadata"].get("creationTimestamp")))
