"""Gang schedulers: how each is found, how a gang is made for it and where it says what became of it."""

from collections.abc import Callable

from conformance.adapters.gang import coscheduling, kai, kueue, native, volcano
from conformance.adapters.gang.base import Adapter, Ask, Piece, State
from conformance.adapters.look import Look
from conformance.inventory.solutions import Solution

__all__ = ["Adapter", "Ask", "Piece", "State", "adapter_for", "detect"]

MODULES = (native, kueue, volcano, kai, coscheduling)
_ADAPTERS: dict[str, Callable[[Solution], Adapter]] = {
    "native": native.Native,
    "kueue": kueue.Kueue,
    "volcano": volcano.Volcano,
    "kai": kai.Kai,
    "coscheduling": coscheduling.Coscheduling,
}


def detect(look: Look) -> tuple[Solution, ...]:
    """Solutions of this family that are installed."""
    found = (module.detect(look) for module in MODULES)
    return tuple(solution for solution in found if solution is not None)


def adapter_for(solution: Solution) -> Adapter:
    """What the suite knows about a solution that was found."""
    return _ADAPTERS[solution.id](solution)
