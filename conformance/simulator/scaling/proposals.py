"""How many replicas a metric asks for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import quote

from conformance.simulator.api.aggregation import Aggregation
from conformance.simulator.api.errors import Refused
from conformance.simulator.api.selectors import parse_labels
from conformance.simulator.objects import Obj, deleting, dig, labels_of, name_of
from conformance.simulator.quantities import parse, show
from conformance.simulator.storage import Store
from conformance.simulator.switches import AutoscalerSwitches
from conformance.simulator.workloads import ready

CUSTOM, EXTERNAL = "custom.metrics.k8s.io", "external.metrics.k8s.io"
_TOLERANCE = Fraction(1, 10)
_CONSTANT = 2
"""Replicas that the constant of a fault asks for."""


class UnreadableError(Exception):
    """A metric that cannot be had; ``reason`` is that of the condition."""

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


@dataclass(frozen=True)
class Proposal:
    """What one metric asks for."""

    replicas: int
    metric: str
    """The metric as messages name it."""
    status: Obj
    """Its entry in ``currentMetrics``."""


@dataclass(frozen=True)
class Scaled:
    """The workload of an autoscaler: its replicas as wanted and as there, and its pods' selector."""

    namespace: str
    wanted: int
    there: int
    selector: str


@dataclass(frozen=True)
class Tolerance:
    """How far a metric may be from its target."""

    up: Fraction
    down: Fraction

    def takes(self, ratio: Fraction) -> bool:
        """Whether a metric is near enough."""
        return 1 - self.down <= ratio <= 1 + self.up


def tolerance(spec: Obj) -> Tolerance:
    """The tolerances of an autoscaler."""
    behavior = spec.get("behavior") or {}
    up, down = (dig(behavior, side, "tolerance") for side in ("scaleUp", "scaleDown"))
    return Tolerance(parse(up) if up is not None else _TOLERANCE, parse(down) if down is not None else _TOLERANCE)


def selector_words(selector: Obj | None) -> str:
    """A selector as the messages of the real controller write it."""
    if selector is None:
        return "nil"
    labels = "".join(f"{key}: {value}," for key, value in sorted((selector.get("matchLabels") or {}).items()))
    inner = f"MatchLabels:map[string]string{{{labels}}}"
    return f"&LabelSelector{{{inner},MatchExpressions:[]LabelSelectorRequirement{{}},}}"


def _query(selector: Obj | None) -> dict[str, str]:
    labels = (selector or {}).get("matchLabels") or {}
    return {"labelSelector": ",".join(f"{key}={value}" for key, value in sorted(labels.items()))} if labels else {}


class Proposer:
    """Asks the metrics APIs, by the same providers that HTTP clients meet."""

    def __init__(self, store: Store, aggregation: Aggregation, switches: AutoscalerSwitches) -> None:
        self._store, self._aggregation, self._switches = store, aggregation, switches

    async def propose(self, metric: Obj, scaled: Scaled, near: Tolerance) -> Proposal:
        """What a metric asks for; ``UnreadableError`` where it cannot be had."""
        kind = metric.get("type")
        if kind == "Pods":
            return await self._pods(metric["pods"], scaled, near)
        if kind == "External":
            return await self._external(metric["external"], scaled, near)
        if kind in ("Resource", "ContainerResource"):
            part = metric[kind[0].lower() + kind[1:]]
            words = f"unable to get metrics for resource {part['name']}: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)"
            raise UnreadableError(
                f"FailedGet{kind}Metric", f"failed to get {part['name']} resource metric value: {words}"
            )
        if kind == "Object":
            return await self._object(metric["object"], scaled, near)
        raise UnreadableError("InvalidMetricSourceType", f'unknown metric source type "{kind}"')

    async def _get(self, group: str, namespace: str, steps: list[str], query: Mapping[str, str]) -> list[Obj]:
        versions = self._aggregation.groups().get(group)
        if not versions:
            words = {CUSTOM: "custom", EXTERNAL: "external"}[group]
            raise LookupError(f"no {words} metrics API ({group}) registered")
        found = await self._aggregation.get(
            group, versions[0], namespace, [quote(step, safe="*") for step in steps], query
        )
        return list(found["items"])

    async def _pods(self, part: Obj, scaled: Scaled, near: Tolerance) -> Proposal:
        name, reason = part["metric"]["name"], "FailedGetPodsMetric"
        try:
            items = await self._get(CUSTOM, scaled.namespace, ["pods", "*", name], {"labelSelector": scaled.selector})
        except (Refused, LookupError) as problem:
            raise UnreadableError(
                reason, _pods_words(name, "unable to fetch metrics from custom metrics API", problem)
            ) from problem
        values = {item["describedObject"]["name"]: parse(item["value"]) for item in items}
        chosen = parse_labels(scaled.selector)
        pods = [pod for pod in self._store.select("pods", scaled.namespace) if chosen(labels_of(pod))]
        if not pods:
            words = "no pods returned by selector while calculating replica count"
            raise UnreadableError(reason, f"failed to get pods metric value: {words}")
        target = parse(part["target"]["averageValue"])
        if self._switches.uses == "constant":
            values = {pod: target * _CONSTANT / len(values) for pod in values}
        counted = _Pods(pods, values)
        if not counted.values:
            words = "did not receive metrics for targeted pods (pods might be unready)"
            raise UnreadableError(reason, f"failed to get pods metric value: {words}")
        replicas, average = counted.replicas(target, scaled.wanted, near)
        status = {"metric": part["metric"], "current": {"averageValue": show(average)}}
        return Proposal(replicas, f"pods metric {name}", {"type": "Pods", "pods": status})

    async def _external(self, part: Obj, scaled: Scaled, near: Tolerance) -> Proposal:
        metric, target = part["metric"], part["target"]
        name, words = metric["name"], selector_words(metric.get("selector"))
        try:
            items = await self._get(EXTERNAL, scaled.namespace, [name], _query(metric.get("selector")))
        except (Refused, LookupError) as problem:
            inner = f"unable to get external metric {scaled.namespace}/{name}/{words}: unable to fetch metrics from external metrics API: {problem}"
            raise UnreadableError(
                "FailedGetExternalMetric",
                f"failed to get {name} external metric value: failed to get {name} external metric: {inner}",
            ) from problem
        usage = sum((parse(item["value"]) for item in items), Fraction())
        if self._switches.uses == "constant":
            usage = parse(target.get("averageValue") or target["value"]) * _CONSTANT
        replicas, current = self._of_total(target, usage, scaled, near)
        status = {"metric": metric, "current": current}
        return Proposal(replicas, f"external metric {name}({words})", {"type": "External", "external": status})

    async def _object(self, part: Obj, scaled: Scaled, near: Tolerance) -> Proposal:
        described, name = part["describedObject"], part["metric"]["name"]
        steps = (
            ["metrics", name]
            if described["kind"] == "Namespace"
            else [f"{described['kind'].lower()}s", described["name"], name]
        )
        try:
            items = await self._get(CUSTOM, scaled.namespace, steps, {})
        except (Refused, LookupError) as problem:
            words = (
                f"unable to get metric {name}: {described['kind']} on {scaled.namespace} {described['name']}/{problem}"
            )
            raise UnreadableError("FailedGetObjectMetric", f"failed to get object metric value: {words}") from problem
        replicas, current = self._of_total(part["target"], parse(items[0]["value"]), scaled, near)
        status = {"metric": part["metric"], "describedObject": described, "current": current}
        return Proposal(replicas, f"{described['kind']} metric {name}", {"type": "Object", "object": status})

    def _of_total(self, target: Obj, usage: Fraction, scaled: Scaled, near: Tolerance) -> tuple[int, Obj]:
        """Replicas for a value that is one for all pods, and the value as the status has it."""
        if target.get("averageValue") is not None:
            wanted = parse(target["averageValue"])
            ratio = usage / (wanted * scaled.there) if scaled.there else Fraction(0)
            steady = bool(scaled.there) and near.takes(ratio)
            replicas = scaled.there if steady else math.ceil(usage / wanted)
            share = usage / scaled.there if scaled.there else usage
            return replicas, {"averageValue": show(_milli(share))}
        ratio = usage / parse(target["value"])
        chosen = parse_labels(scaled.selector)
        good = sum(1 for p in self._store.select("pods", scaled.namespace) if chosen(labels_of(p)) and ready(p))
        return scaled.wanted if near.takes(ratio) else math.ceil(ratio * good), {"value": show(_milli(usage))}


def _pods_words(name: str, where: str, problem: Exception) -> str:
    return f"failed to get pods metric value: unable to get metric {name}: {where}: {problem}"


def _milli(value: Fraction) -> Fraction:
    """Rounded up to thousandths, as the status keeps values."""
    return Fraction(math.ceil(value * 1000), 1000)


class _Pods:
    """The pods of a workload by what is known of them."""

    def __init__(self, pods: list[Obj], values: dict[str, Fraction]) -> None:
        usable = [pod for pod in pods if not deleting(pod) and dig(pod, "status", "phase") != "Failed"]
        self._unready = {name_of(pod) for pod in usable if dig(pod, "status", "phase") == "Pending"}
        named = {name_of(pod) for pod in usable} - self._unready
        self.values = {name: value for name, value in values.items() if name in named}
        self._missing = named - set(self.values)

    def replicas(self, target: Fraction, current: int, near: Tolerance) -> tuple[int, Fraction]:
        """Replicas and the average; pods that say nothing count against any change."""
        average = sum(self.values.values(), Fraction()) / len(self.values)
        ratio = average / target
        shown = Fraction(int(average * 1000), 1000)
        if not self._missing and not (self._unready and ratio > 1):
            return (current if near.takes(ratio) else math.ceil(ratio * len(self.values))), shown
        filled = dict(self.values)
        if ratio < 1:
            filled.update(dict.fromkeys(self._missing, target))
        elif ratio > 1:
            filled.update(dict.fromkeys(self._missing | self._unready, Fraction()))
        again = sum(filled.values(), Fraction()) / len(filled) / target
        if near.takes(again) or (ratio < 1 < again) or (again < 1 < ratio):
            return current, shown
        replicas = math.ceil(again * len(filled))
        against = (again < 1 and replicas > current) or (again > 1 and replicas < current)
        return (current if against else replicas), shown
