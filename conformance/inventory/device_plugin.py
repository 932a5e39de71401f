"""Accelerators that device plugins advertise: extended resources of nodes, less what pods hold."""

import json
from collections import Counter
from collections.abc import Iterable

from conformance.cluster.api import Object
from conformance.inventory import nodes as node_facts
from conformance.inventory import odd
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.vendor import ShareRule

_NOT_DEVICES = ("hugepages-", "attachable-volumes-")
_DIGITS = 19
_LONGEST = 262_144
"""Annotations of an object together have 256 KiB at most."""
_FINISHED = {"Succeeded", "Failed"}


def resources(node: Object) -> dict[str, tuple[int, int]]:
    """Extended resources of a node: capacity and allocatable by name."""
    capacity, allocatable = odd.part(node, "status", "capacity"), odd.part(node, "status", "allocatable")
    return {
        name: (_count(value), _count(allocatable.get(name, 0)))
        for name, value in capacity.items()
        if "/" in name and not name.startswith(_NOT_DEVICES) and not name.split("/")[0].endswith("kubernetes.io")
    }


def _count(value: object) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _DIGITS else 0


def requests(pod: Object) -> Counter[str]:
    """Extended resources that a pod holds: containers side by side, init containers one after the other."""
    spec = odd.part(pod, "spec")
    total: Counter[str] = Counter()
    for container in odd.entries(spec, "containers"):
        total.update(_asked(container))
    for container in odd.entries(spec, "initContainers"):
        asked = _asked(container)
        if container.get("restartPolicy") == "Always":
            total.update(asked)
        else:
            total |= asked
    return total


def _asked(container: Object) -> Counter[str]:
    limits = odd.part(container, "resources", "limits")
    return Counter({name: _count(value) for name, value in limits.items() if "/" in name})


def held(pods: Iterable[Object]) -> dict[str, Counter[str]]:
    """Extended resources in use, by node."""
    found: dict[str, Counter[str]] = {}
    for pod in pods:
        node = odd.part(pod, "spec").get("nodeName")
        if node and isinstance(node, str) and str(odd.part(pod, "status").get("phase")) not in _FINISHED:
            found.setdefault(node, Counter()).update(requests(pod))
    return found


def share_rule(resource: str, node: Object, descriptors: Iterable[Descriptor]) -> tuple[Descriptor, ShareRule] | None:
    """The way of sharing by which a unit of this resource on this node is a share of a device; None where it is whole."""
    have, noted = node_facts.labels(node), odd.part(node, "metadata", "annotations")
    rules = [(d, rule) for d in descriptors for rule in d.shares]
    said = [entry for entry in rules if entry[1].means(resource, entry[0].resources, have, noted)]
    said.sort(key=lambda entry: not entry[1].is_special)
    named = (entry for entry in rules if entry[1].may_mean(resource, have))
    return said[0] if said else next(named, None)


def strange_sharing(resource: str, node: Object, descriptors: Iterable[Descriptor]) -> tuple[Descriptor, str] | None:
    """``label=value`` of a node by which units of this resource are shared in a way that no descriptor knows.

    Such units are neither whole devices nor shares of which anything is known.
    """
    have = node_facts.labels(node)
    for descriptor in descriptors:
        whens = [(rule, when) for rule in descriptor.shares if (when := rule.when_for(resource)) and not when.like]
        for rule, when in whens:
            value = have.get(when.label)
            known = {other.equals for _, other in whens if other.label == when.label} | {*descriptor.unshared}
            ours = resource in descriptor.resources or rule.names(resource)
            if ours and value is not None and value not in known:
                return descriptor, f"{when.label}={value}"
    return None


def physical(resource: str, node: Object, rule: ShareRule) -> int | None:
    """Physical devices of which the node's units are shares, by its label or annotation; None where nobody tells it."""
    told = node_facts.labels(node).get(rule.label(rule.devices, resource)) if rule.devices else None
    if told:
        return _count(told)
    return _entries(odd.part(node, "metadata", "annotations").get(rule.annotation)) if rule.annotation else None


def _entries(text: object) -> int | None:
    try:
        found = json.loads(text) if isinstance(text, str) and len(text) <= _LONGEST else None
    except (ValueError, RecursionError):
        return None
    return len(found) if isinstance(found, list) else None
