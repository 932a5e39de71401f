"""Gang schedulers: how each is found, how a gang is made for it and where it says what became of it."""

from conformance.adapters.look import Look
from conformance.inventory.solutions import Solution


def detect(look: Look) -> tuple[Solution, ...]:
    """Solutions of this family that are installed."""
    del look
    return ()
