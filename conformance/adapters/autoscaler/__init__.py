"""Cluster autoscalers: how each is found, what it says about its pools, and why it does not add a node.

An adapter is a module with ``detect``, ``groups``, ``trouble`` and ``SOURCE``; a new autoscaler is an entry of ``ADAPTERS``.
"""

from conformance.adapters.autoscaler import cluster_autoscaler, karpenter, managed
from conformance.adapters.autoscaler.model import Adapter
from conformance.adapters.look import Look
from conformance.inventory.solutions import Solution

__all__ = ["ADAPTERS", "Adapter", "detect"]

ADAPTERS: dict[str, Adapter] = {
    cluster_autoscaler.ID: cluster_autoscaler,
    karpenter.ID: karpenter,
    managed.ID: managed,
}
"""By id of the solution; ``managed`` last, because it speaks only where no other shows."""


def detect(look: Look) -> tuple[Solution, ...]:
    """Autoscalers that show; on a managed provider where none does, the provider itself, which may have one out of sight."""
    shown = [adapter.detect(look) for name, adapter in ADAPTERS.items() if name != managed.ID]
    found = tuple(solution for solution in shown if solution is not None)
    hidden = None if found else managed.detect(look)
    return (hidden,) if hidden else found
