"""Which trial belongs to which way of sharing, and what a way of sharing does not have."""

from conformance.inventory.vendor import PARTITIONS
from conformance.probes.sharing import giving, limit, partitions
from conformance.probes.sharing.shares import MOST_UNITS, Shares
from conformance.verdicts import Grade, Unknown


def given_to_several(shares: Shares) -> Grade:
    """Try that pods share a device, in the way that the shares of this variant have; the grade that was earned."""
    if shares.strategy == PARTITIONS:
        return partitions.are_parts_of_one(shares)
    trial = giving.GIVEN.get(shares.strategy)
    if trial is None:
        raise Unknown(f"{shares.kind.title}: how to try this way of sharing is not known", code="no_trial")
    return trial(shares)


def keeps_its_limit(shares: Shares) -> None:
    """Try that the shares of the node end at its units."""
    crew = shares.crew(1, load=False)
    free = shares.bench.free()
    if free is None:
        raise Unknown("free units cannot be counted: pods or claims must not be listed", code="forbidden")
    if free > MOST_UNITS:
        raise Unknown(
            f"{shares.node} has {free} free units; a check takes at most {MOST_UNITS}, so that their end is not reached",
            code="too_many_units",
        )
    limit.is_kept(shares, crew, free)


def parts_are_apart(shares: Shares) -> None:
    """Try that partitions are apart; no other way of sharing has any."""
    if shares.strategy != PARTITIONS:
        shares.is_not(f"shares by {shares.strategy} are no partitions: every one sees the whole device")
    partitions.are_apart(shares)
