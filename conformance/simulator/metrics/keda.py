"""The metrics side of the stand-in for KEDA: ``external.metrics.k8s.io``, answered by asking the server that a trigger names."""

import math
from collections.abc import Mapping
from fractions import Fraction
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp

from conformance.simulator.api.errors import Refused
from conformance.simulator.api.selectors import parse_labels
from conformance.simulator.objects import Obj, name_of, namespace_of, stamp
from conformance.simulator.quantities import show
from conformance.simulator.storage import Store
from conformance.simulator.switches import MetricsSwitches

RESOURCE, LABEL = "scaledobjects.keda.sh", "scaledobject.keda.sh/name"
TIMEOUT = 3.0
_SERVICE_PARTS = 2
"""Parts of a name in the cluster that count: service and namespace."""


class TriggerError(Exception):
    """A trigger that cannot be evaluated."""


def metric_name(index: int, trigger: Obj) -> str:
    """The name under which a trigger's metric is served."""
    return f"s{index}-{trigger.get('type')}"


class Scalers:
    """Evaluates triggers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def value(self, trigger: Obj) -> float:
        """The present value of a trigger; ``TriggerError`` where there is none."""
        meta = trigger.get("metadata") or {}
        if trigger.get("type") != "prometheus":
            raise TriggerError(f"no scaler found for type: {trigger.get('type')}; the stand-in knows prometheus alone")
        for key in ("serverAddress", "query", "threshold"):
            if not meta.get(key):
                raise TriggerError(f"error parsing prometheus metadata: missing required parameter {key!r}")
        value = await self._ask(str(meta["serverAddress"]), str(meta["query"]))
        if value is None and str(meta.get("ignoreNullValues", "true")).lower() == "false":
            raise TriggerError("prometheus metrics 'prometheus' target may be lost, the result is empty")
        return value or 0.0

    async def _ask(self, server: str, query: str) -> float | None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        try:
            url = f"{self._address(server).rstrip('/')}/api/v1/query"
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(url, params={"query": query}) as answer,
            ):
                if answer.status != HTTPStatus.OK:
                    raise TriggerError(f"prometheus query api returned error. status: {answer.status}")
                body = await answer.json(content_type=None)
                found = body["data"]["result"]
                value = float(found[0]["value"][1]) if found else None
        except (OSError, aiohttp.ClientError, TimeoutError) as problem:
            raise TriggerError(f"error requesting prometheus at {server}: {problem or 'timeout'}") from problem
        except (KeyError, TypeError, ValueError, IndexError) as problem:
            raise TriggerError(f"error parsing the answer of prometheus at {server}: {problem!r}") from problem
        if value is not None and not math.isfinite(value):
            raise TriggerError(f"promql query returns {value}: {query}")
        return value

    def _address(self, server: str) -> str:
        """The server with the name of a service replaced by its address, as the cluster's DNS would."""
        parts = urlsplit(server)
        steps = (parts.hostname or "").split(".")
        service = self._store.get("services", steps[1], steps[0]) if len(steps) >= _SERVICE_PARTS else None
        if service is None:
            return server
        port = f":{parts.port}" if parts.port else ""
        return parts._replace(netloc=f"{service['spec'].get('clusterIP')}{port}").geturl()


class KedaMetrics:
    """An aggregated API."""

    group = "external.metrics.k8s.io"
    versions: tuple[str, ...] = ("v1beta1",)
    service = ("keda", "keda-operator-metrics-apiserver")

    def __init__(self, store: Store, switches: MetricsSwitches) -> None:
        self._store, self._switches, self._scalers = store, switches, Scalers(store)
        self._first: dict[tuple[str, str, str], float] = {}

    def resources(self, _version: str) -> list[Obj]:
        """Discovery: one entry that stands for all, as the real one has it."""
        shape = {"singularName": "", "namespaced": True, "kind": "ExternalMetricValueList", "verbs": ["get"]}
        return [{"name": "externalmetrics", **shape}]

    async def answer(self, version: str, namespace: str, steps: list[str], query: Mapping[str, str]) -> Obj:
        """The value of a trigger of the ScaledObject that the label selector names."""
        chosen = parse_labels(query.get("labelSelector", ""))
        found = [obj for obj in self._store.select(RESOURCE, namespace) if chosen({LABEL: name_of(obj)})]
        if LABEL not in query.get("labelSelector", "") or len(steps) != 1:
            raise _failed(f"scaled object name is not specified: want the label selector {LABEL}=NAME")
        for obj in found:
            for index, trigger in enumerate(obj["spec"].get("triggers") or ()):
                if metric_name(index, trigger) == steps[0]:
                    item = await self._item(obj, steps[0], trigger)
                    return {
                        "kind": "ExternalMetricValueList",
                        "apiVersion": f"{self.group}/{version}",
                        "metadata": {},
                        "items": [item],
                    }
        raise _failed(f"rpc error: code = Unknown desc = no matching metrics found for {steps[0]}")

    async def _item(self, obj: Obj, metric: str, trigger: Obj) -> Obj:
        try:
            value = await self._scalers.value(trigger)
        except TriggerError as problem:
            raise _failed(f"rpc error: code = Unknown desc = error when getting metric values {problem}") from problem
        if self._switches.stale:
            value = self._first.setdefault((namespace_of(obj), name_of(obj), metric), value)
        return {"metricName": metric, "metricLabels": None, "timestamp": stamp(), "value": show(Fraction(value))}


def _failed(words: str) -> Refused:
    return Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", f"Internal error occurred: {words}")
