"""Managed providers: an autoscaler may live out of sight of the API, so its absence proves nothing and nodes alone can judge it."""

from collections import Counter
from collections.abc import Sequence

from conformance.adapters.autoscaler.model import Group
from conformance.adapters.look import Look
from conformance.cluster.api import Object
from conformance.inventory import nodes as node_facts
from conformance.inventory import odd
from conformance.inventory.solutions import AUTOSCALER, Solution

ID, SOURCE = "managed", ""
LOCAL = frozenset({"kind", "k3s", "k3d", "minikube", "kwok"})
"""Prefixes of ``spec.providerID`` of nodes that no provider can add: they are made by hand on one machine."""


def providers(nodes: Sequence[Object]) -> Counter[str]:
    """Prefixes of ``spec.providerID`` that may stand for a provider with an autoscaler of its own, with their nodes."""
    ids = (odd.part(node, "spec").get("providerID") for node in nodes)
    found = Counter(str(text).partition(":")[0] for text in ids if text)
    return Counter({name: count for name, count in found.items() if name not in LOCAL})


def detect(look: Look) -> Solution | None:
    """A provider behind the nodes."""
    found = providers(look.some_nodes)
    if not found:
        return None
    told = ", ".join(f"{name}:// on {count} nodes" for name, count in sorted(found.items()))
    return Solution(
        family=AUTOSCALER,
        id=ID,
        title="Autoscaler of the provider, if it has one",
        alive=None,
        seen=f"no autoscaler shows in the API; providerID {told}",
    )


def groups(_look: Look, nodes: Sequence[Object]) -> list[Group]:
    """Pools by the provider's label; their bounds are not to be seen."""
    found = {}
    for node in nodes:
        have = node_facts.labels(node)
        label = next((key for key in node_facts.POOL_LABELS if key in have), None)
        if label:
            found[have[label]] = Group(name=have[label], labels={label: have[label]})
    return list(found.values())


def trouble(_look: Look, _group: Group | None) -> str:
    """Nothing is said."""
    return ""


def state(_look: Look) -> str:
    """Nothing is said."""
    return "it does not show in the API"
