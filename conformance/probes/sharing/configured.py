"""What the configuration of a node says about its shares, and whether the node offers as many."""

from collections.abc import Sequence

from conformance.cluster.api import Object
from conformance.inventory import device_plugin
from conformance.inventory import nodes as node_facts
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import Kind
from conformance.inventory.vendor import PARTITIONS, ShareRule
from conformance.verdicts import Failure, Unknown

_DIGITS = 9


def rule_of(share: Kind, node: Object, descriptors: Sequence[Descriptor]) -> ShareRule:
    """The rule by which the node's units are shares. Raises ``Unknown`` where the node no longer says that they are."""
    found = device_plugin.share_rule(share.name, node, descriptors)
    if found is None or found[1].strategy != share.strategy:
        now = found[1].strategy if found else "whole devices"
        raise Unknown(f"{share.title}: by the node's labels its units are {now} now", code="sharing_changed")
    return found[1]


def promised(share: Kind, node: Object, rule: ShareRule) -> tuple[int, str]:
    """Units that the configuration promises, and how it says so.

    Sources: node labels by the descriptor (devices, replicas). A partition without a label for replicas is not divided again.
    Raises ``Unknown`` naming the label that is missing or is no number.
    """
    devices, told = _number(share, node, rule.label(rule.devices, share.name), "the number of devices")
    replicas, also = 1, ""
    label = rule.label(rule.replicas, share.name)
    if rule.strategy != PARTITIONS or label in node_facts.labels(node):
        replicas, also = _number(share, node, label, "the number of replicas of a device")
    return devices * replicas, " and ".join(filter(None, (told, also)))


def _number(share: Kind, node: Object, label: str, what: str) -> tuple[int, str]:
    if not label:
        raise Unknown(f"{share.title}: its descriptor knows no label that tells {what}", code="configuration_not_told")
    value = node_facts.labels(node).get(label, "")
    if not (value.isascii() and value.isdecimal() and len(value) <= _DIGITS):
        seen = repr(value[:40]) if value else "absent"
        raise Unknown(
            f"{share.title}: {what} is not told: label {label} of node {node['metadata']['name']} is {seen}",
            code="configuration_not_told",
        )
    return int(value), f"{label}={value}"


def agrees(share: Kind, node: Object, rule: ShareRule) -> str:
    """Raise ``Failure`` where the node offers another number of units than its configuration promises; says what was compared.

    ``Unknown`` where the device plugin registered as many and some of them are not healthy: that says nothing of its sharing.
    """
    wanted, told = promised(share, node, rule)
    capacity, allocatable = device_plugin.resources(node).get(share.name, (0, 0))
    name = node["metadata"]["name"]
    if allocatable < capacity == wanted:
        raise Unknown(
            f"node {name} has {wanted} {share.name} as its labels say ({told}), of which {capacity - allocatable} are not healthy",
            code="units_not_healthy",
        )
    if allocatable != wanted:
        raise Failure(
            "shares_disagree",
            observed=f"node {name} offers {allocatable} {share.name} (capacity {capacity})",
            expected=f"{wanted}, as its labels say: {told}",
        )
    return f"{allocatable} {share.name}; {told}"
