"""Whether what a node offers is what its configuration says, by each way of sharing."""

from conformance.inventory.kinds import DRA
from conformance.inventory.vendor import SHARED_CLAIM
from conformance.probes.sharing import configured, published
from conformance.probes.sharing.shares import Shares


def agrees_with_configuration(shares: Shares) -> None:
    """Raise ``Failure`` where offer and configuration differ, ``Unknown`` where nobody tells the configuration.

    ``NotApplicable`` for one claim that several pods name: how many, nobody configures.
    """
    if shares.strategy == SHARED_CLAIM:
        shares.is_not(
            "any number of pods may name one claim; that claims end at the devices is judged by "
            "dra_support/unsatisfiable_claim_waits"
        )
    if shares.kind.way == DRA:
        told = published.agrees(shares)
    else:
        node = shares.node_object()
        told = configured.agrees(shares.kind, node, configured.rule_of(shares.kind, node, shares.descriptors))
    shares.evidence.step("compared what is offered with its configuration", observed=told, obj=f"Node {shares.node}")
