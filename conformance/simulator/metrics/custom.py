"""The stand-in for an adapter between Prometheus and ``custom.metrics.k8s.io``: metrics of pods and of namespaces.

Names are changed as such adapters are usually told to: ``:`` becomes ``_``, and a counter ``…_total`` is served as its growth
``…_per_second``.
"""

from collections.abc import Mapping
from fractions import Fraction
from http import HTTPStatus

from conformance.simulator.api.errors import Refused
from conformance.simulator.api.selectors import parse_labels
from conformance.simulator.metrics.archive import Archive, Labels
from conformance.simulator.objects import Obj, labels_of, name_of, namespace_of, stamp
from conformance.simulator.quantities import show
from conformance.simulator.storage import Store
from conformance.simulator.switches import MetricsSwitches

WINDOW = 5
"""Seconds over which the growth of counters is taken; short, because simulated time is."""
_POD_STEPS, _NAMESPACE_STEPS = 3, 2
_TOTAL, _RATE = "_total", "_per_second"


class CustomMetrics:
    """An aggregated API."""

    group = "custom.metrics.k8s.io"
    versions: tuple[str, ...] = ("v1beta2", "v1beta1")
    service = ("monitoring", "prometheus-adapter")

    def __init__(self, store: Store, archive: Archive, switches: MetricsSwitches) -> None:
        self._store, self._archive, self._switches = store, archive, switches
        self._first: dict[tuple[str, str, str], float] = {}

    def resources(self, _version: str) -> list[Obj]:
        """Discovery: every metric of every resource that has it."""
        names = sorted({_served(name) for name in self._archive.names()})
        shape: Obj = {"singularName": "", "kind": "MetricValueList", "verbs": ["get"]}
        return [
            *({"name": f"namespaces/{name}", "namespaced": False, **shape} for name in names),
            *({"name": f"pods/{name}", "namespaced": True, **shape} for name in names),
        ]

    async def answer(self, version: str, namespace: str, steps: list[str], query: Mapping[str, str]) -> Obj:
        """``pods/*/METRIC``, ``pods/NAME/METRIC`` or ``metrics/METRIC`` of a namespace."""
        if len(steps) == _POD_STEPS and steps[0] == "pods":
            items = self._pods(version, namespace, steps[1], steps[2], query)
        elif len(steps) == _NAMESPACE_STEPS and steps[0] == "metrics":
            items = self._namespace(version, namespace, steps[1], query)
        else:
            raise _missing("/".join(steps), "this resource")
        return {"kind": "MetricValueList", "apiVersion": f"{self.group}/{version}", "metadata": {}, "items": items}

    def _pods(self, version: str, namespace: str, name: str, metric: str, query: Mapping[str, str]) -> list[Obj]:
        chosen = parse_labels(query.get("labelSelector", ""))
        pods = self._store.select("pods", namespace)
        wanted = [pod for pod in pods if (chosen(labels_of(pod)) if name == "*" else name_of(pod) == name)]
        items = []
        for pod in wanted:
            own = {"namespace": namespace} if self._switches.sums else {"namespace": namespace, "pod": name_of(pod)}
            value = self._value(metric, own, query)
            if value is not None:
                described = {"kind": "Pod", "namespace": namespace_of(pod), "name": name_of(pod), "apiVersion": "/v1"}
                items.append(_item(version, described, metric, value))
        if not items:
            raise _missing(metric, "pods" if name == "*" else f"pods {name}")
        return items

    def _namespace(self, version: str, namespace: str, metric: str, query: Mapping[str, str]) -> list[Obj]:
        value = self._value(metric, {"namespace": namespace}, query)
        if value is None:
            raise _missing(metric, f"namespaces {namespace}")
        return [_item(version, {"kind": "Namespace", "name": namespace, "apiVersion": "/v1"}, metric, value)]

    def _value(self, metric: str, labels: Labels, query: Mapping[str, str]) -> float | None:
        chosen = parse_labels(query.get("metricLabelSelector", ""))
        found = [
            value
            for name in self._archive.names()
            if _served(name) == metric
            for own, value in self._read(name, labels)
            if chosen(own)
        ]
        if not found:
            return None
        value = sum(found)
        if self._switches.stale:
            return self._first.setdefault((metric, labels.get("namespace", ""), labels.get("pod", "")), value)
        return value

    def _read(self, name: str, labels: Labels) -> list[tuple[Labels, float]]:
        if name.endswith(_TOTAL):
            return self._archive.rates(name, labels, WINDOW)
        return self._archive.last(name, labels)


def _served(name: str) -> str:
    """The name under which a series is served."""
    plain = name.replace(":", "_")
    return plain.removesuffix(_TOTAL) + _RATE if plain.endswith(_TOTAL) else plain


def _item(version: str, described: Obj, metric: str, value: float) -> Obj:
    named: Obj = {"metricName": metric} if version == "v1beta1" else {"metric": {"name": metric, "selector": None}}
    item = {"describedObject": described, **named, "timestamp": stamp(), "value": show(Fraction(value))}
    if metric.endswith(_RATE):
        item["windowSeconds"] = WINDOW
    return {**item, "selector": None} if version == "v1beta1" else item


def _missing(metric: str, subject: str) -> Refused:
    words = f"the server could not find the metric {metric} for {subject}"
    return Refused(HTTPStatus.NOT_FOUND, "NotFound", words)
