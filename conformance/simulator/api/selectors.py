"""Label and field selectors, as query parameters and as objects."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from conformance.simulator.api.errors import bad_request
from conformance.simulator.objects import Obj, dig

Labels = Mapping[str, str]
Test = Callable[[Labels], bool]
Match = Callable[[Obj], bool]

_FIELDS: dict[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "events": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "nodes": ("spec.unschedulable",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "jobs.batch": ("status.successful",),
    "replicasets.apps": ("status.replicas",),
    "resourceslices.resource.k8s.io": ("spec.nodeName", "spec.driver", "spec.pool.name"),
}
_SET = re.compile(r"^\s*([^\s!=,()]+)\s+(in|notin)\s+\(([^)]*)\)\s*$")
_EQUAL = re.compile(r"^\s*([^\s!=,()]+)\s*(==|=|!=)\s*([^\s!=,()]*)\s*$")
_ORDER = re.compile(r"^\s*([^\s!=,()]+)\s*([<>])\s*(-?\d+)\s*$")
_EXISTS = re.compile(r"^\s*(!?)\s*([^\s!=,()]+)\s*$")


def _split(text: str) -> list[str]:
    return [part for part in re.split(r",(?![^(]*\))", text) if part.strip()]


def requirement(key: str, operator: str, values: list[str]) -> Test:
    """One requirement of a selector object: label selectors, node selectors and node affinity."""
    tests: dict[str, Test] = {
        "In": lambda labels: labels.get(key) in values,
        "NotIn": lambda labels: labels.get(key) not in values,
        "Exists": lambda labels: key in labels,
        "DoesNotExist": lambda labels: key not in labels,
        "Gt": lambda labels: _number(labels.get(key)) > float(values[0]),
        "Lt": lambda labels: _number(labels.get(key), float("inf")) < float(values[0]),
    }
    return tests.get(operator, lambda _labels: False)


def _number(text: str | None, absent: float = float("-inf")) -> float:
    try:
        return float(text) if text is not None else absent
    except ValueError:
        return absent


def parse_labels(text: str) -> Test:
    """A ``labelSelector`` parameter."""
    tests = [_parse_requirement(part) for part in _split(text)]
    return lambda labels: all(test(labels) for test in tests)


def _parse_requirement(part: str) -> Test:
    if found := _SET.match(part):
        values = [value.strip() for value in found[3].split(",")]
        return requirement(found[1], "In" if found[2] == "in" else "NotIn", values)
    if found := _EQUAL.match(part):
        return requirement(found[1], "NotIn" if found[2] == "!=" else "In", [found[3]])
    if found := _ORDER.match(part):
        return requirement(found[1], "Gt" if found[2] == ">" else "Lt", [found[3]])
    if found := _EXISTS.match(part):
        return requirement(found[2], "DoesNotExist" if found[1] else "Exists", [])
    raise bad_request(
        f"unable to parse requirement: found {part!r}, expected: a label selector such as a=b or a in (b,c)"
    )


def parse_fields(text: str, resource: str) -> Match:
    """A ``fieldSelector`` parameter; fields that the real server does not index are refused."""
    known = ("metadata.name", "metadata.namespace", *_FIELDS.get(resource, ()))
    wanted = []
    for part in _split(text):
        found = _EQUAL.match(part)
        if not found:
            raise bad_request(f"invalid selector: {part!r}; can't understand it")
        if found[1] not in known:
            raise bad_request(f"field label not supported: {found[1]}")
        wanted.append((found[1].split("."), found[2] != "!=", found[3]))
    return lambda obj: all((_field(obj, path) == value) is equal for path, equal, value in wanted)


def _field(obj: Obj, path: list[str]) -> str:
    value = dig(obj, *path, default="")
    if path == ["source"]:
        value = dig(obj, "source", "component", default="") or obj.get("reportingComponent", "")
    if isinstance(value, bool) or path[-1] in ("unschedulable", "hostNetwork"):
        return "true" if value else "false"
    return str(value)


def label_selector(selector: Any) -> Test:
    """A ``LabelSelector`` object; None matches nothing, an empty one everything."""
    if selector is None:
        return lambda _labels: False
    tests = [requirement(key, "In", [value]) for key, value in (selector.get("matchLabels") or {}).items()]
    expressions = selector.get("matchExpressions") or ()
    tests += [requirement(item["key"], item["operator"], item.get("values") or []) for item in expressions]
    return lambda labels: all(test(labels) for test in tests)


def node_selector(selector: Any, node: Obj) -> bool:
    """Whether a ``NodeSelector`` object takes a node."""
    labels = node["metadata"].get("labels") or {}
    fields = {"metadata.name": node["metadata"]["name"]}
    for term in selector.get("nodeSelectorTerms") or ():
        parts = [(e, labels) for e in term.get("matchExpressions") or ()]
        parts += [(e, fields) for e in term.get("matchFields") or ()]
        if parts and all(requirement(e["key"], e["operator"], e.get("values") or [])(of) for e, of in parts):
            return True
    return False
