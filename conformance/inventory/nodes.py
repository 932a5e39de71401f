"""Nodes as the inventory needs them: ready, schedulable, their pool, and which of them a node selector means."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from conformance.cluster.api import Object
from conformance.inventory import odd

_INTEGER = re.compile(r"-?[0-9]{1,18}\Z")
POOL_LABELS = (
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "karpenter.sh/nodepool",
    "node.kubernetes.io/pool",
)
"""Node labels by which providers name a pool, first match wins."""


def usable(node: Object) -> bool:
    """Ready and schedulable, with a name to pin pods to."""
    if not odd.name(node) or odd.part(node, "spec").get("unschedulable"):
        return False
    conditions = odd.entries(odd.part(node, "status"), "conditions")
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def labels(node: Object) -> dict[str, str]:
    """Labels of a node, never None."""
    return {key: str(value) for key, value in odd.part(node, "metadata", "labels").items()}


def pool(node: Object) -> str:
    """The node pool by the provider's label, or empty."""
    have = labels(node)
    return next((have[label] for label in POOL_LABELS if label in have), "")


def tolerations(node: Object) -> list[Object]:
    """Tolerations for the taints that a node has on purpose, not for those that say it is broken."""
    taints = odd.entries(odd.part(node, "spec"), "taints")
    return [
        {"key": t["key"], "operator": "Exists", **({"effect": t["effect"]} if t.get("effect") else {})}
        for t in taints
        if isinstance(t.get("key"), str) and t["key"] and not t["key"].startswith("node.kubernetes.io/")
    ]


def _greater(value: str, values: list[str], sign: int) -> bool:
    """Whether a label is greater (sign 1) or less (-1) than the one value; what is no integer is neither."""
    texts = (value, *values)
    if len(texts) != 2 or not all(_INTEGER.match(text) for text in texts):  # noqa: PLR2004 - two sides
        return False
    return sign * int(value) > sign * int(values[0])


def _compare(value: str | None, operator: str, values: list[str]) -> bool:
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    if operator == "NotIn":
        return value not in values
    if value is None:
        return False
    if operator in {"Gt", "Lt"}:
        return _greater(value, values, 1 if operator == "Gt" else -1)
    return operator == "In" and value in values


def selects(selector: dict[str, Any], node: Object) -> bool:
    """Whether a NodeSelector (core/v1) means this node: any term, in it every expression."""
    have, fields = labels(node), {"metadata.name": node["metadata"]["name"]}
    for term in selector.get("nodeSelectorTerms") or []:
        wanted = [(have, e) for e in term.get("matchExpressions") or []] + [
            (fields, e) for e in term.get("matchFields") or []
        ]
        if wanted and all(_compare(source.get(e["key"]), e["operator"], e.get("values") or []) for source, e in wanted):
            return True
    return False


class Index:
    """Nodes by name and by label value, so that the one node that a selector means is found without trying all."""

    def __init__(self, nodes: Sequence[Object]) -> None:
        self._nodes = nodes
        self._by_name = {odd.name(node): node for node in nodes}
        self._by_label: dict[str, dict[str, list[Object]]] = {}
        self._found: dict[str, str | None] = {}

    def only(self, selector: dict[str, Any]) -> str | None:
        """The one node that a NodeSelector means; None where it means none or several, or is none at all."""
        key = repr(selector)
        if key not in self._found:
            try:
                met = {odd.name(node) for node in self._candidates(selector) if selects(selector, node)}
            except (AttributeError, KeyError, TypeError):  # the server stores no such selector, a proxy may give one
                met = set()
            self._found[key] = met.pop() if len(met) == 1 else None
        return self._found[key]

    def _candidates(self, selector: dict[str, Any]) -> Iterator[Object]:
        for term in selector.get("nodeSelectorTerms") or []:
            fields = [e for e in term.get("matchFields") or [] if e["operator"] == "In" and e["key"] == "metadata.name"]
            labelled = [e for e in term.get("matchExpressions") or [] if e["operator"] == "In"]
            if fields:
                yield from (self._by_name[value] for value in fields[0]["values"] if value in self._by_name)
            elif labelled:
                known = self._labelled(labelled[0]["key"])
                yield from (node for value in labelled[0]["values"] for node in known.get(value, ()))
            else:
                yield from self._nodes

    def _labelled(self, key: str) -> dict[str, list[Object]]:
        if key not in self._by_label:
            found: dict[str, list[Object]] = {}
            for node in self._nodes:
                value = labels(node).get(key)
                if value is not None:
                    found.setdefault(value, []).append(node)
            self._by_label[key] = found
        return self._by_label[key]
