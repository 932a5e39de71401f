"""What the suite knows about solutions of others: how each is found, how its workload is made, where it says its state.

A family is a package with ``detect``; a new solution is a module in it.
"""

from conformance.adapters import autoscaler, gang, metrics
from conformance.adapters.look import Look
from conformance.cluster.api import Api
from conformance.inventory.solutions import Solution

__all__ = ["Look", "detect"]


def detect(api: Api) -> tuple[tuple[Solution, ...], list[str]]:
    """Every solution that is installed, and notes on what must not be looked at. Creates nothing."""
    look = Look(api)
    found = (*gang.detect(look), *metrics.detect(look), *autoscaler.detect(look))
    return found, look.notes
