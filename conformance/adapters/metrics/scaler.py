"""How an autoscaler on a metric is made for each adapter, and what is read of it.

With KEDA a ScaledObject is made, and the HorizontalPodAutoscaler that KEDA makes of it is judged; else we make our own.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from conformance.adapters.metrics.quantity import number
from conformance.adapters.metrics.signals import Signal
from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.inventory import odd
from conformance.inventory.solutions import Solution

HPA_GROUP_VERSION, HPAS = "autoscaling/v2", "horizontalpodautoscalers"
POLLING_SECONDS = 5
UNSERVED = "kube_ai_conformance_nobody_serves_this"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be scaled, by what, between which bounds."""

    name: str
    deployment: str
    namespace: str
    labels: str
    """Label selector of the pods."""
    signal: Signal
    least: int
    most: int
    calm: int
    """Stabilization window for scaling down, in seconds."""
    server: str = ""
    """URL of a Prometheus, for KEDA."""
    window: int = 60
    """Seconds over which the growth of a counter is taken, for KEDA."""
    model: str = ""
    """Label ``model_name`` of the servers, for KEDA: a namespace that is given may have other servers in it."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """What has to be created, and the name of the HorizontalPodAutoscaler that then judges."""

    plural: str
    group_version: str
    body: Object
    hpa: str


class Scaler(ABC):
    """Makes autoscalers for one adapter."""

    source: ClassVar[str]
    """Type of the metric in the HorizontalPodAutoscaler: ``Pods`` or ``External``."""
    needs_server: ClassVar[bool] = False
    of_our_pods: ClassVar[bool] = True
    """Whether it is asked for our pods alone; else what an adapter serves may be the work of others."""

    def __init__(self, solution: Solution) -> None:
        self.solution = solution

    def make(self, order: Order) -> Made:
        """The autoscaler for an order."""
        return self._own(order, self._metric(order.signal.name, order.signal.target))

    def unreadable(self, order: Order) -> Made:
        """An autoscaler on a metric that nobody serves."""
        return self._own(order, self._metric(UNSERVED, order.signal.target))

    def bounds(self, order: Order) -> Object:
        """What the ``spec`` of the HorizontalPodAutoscaler must hold for an order, whoever made it."""
        metric = {"type": self.source, self.source.lower(): {"target": average(order.signal.target)}}
        return {
            "scaleTargetRef": {"kind": "Deployment", "name": order.deployment},
            "minReplicas": order.least,
            "maxReplicas": order.most,
            "metrics": [metric],
        }

    @abstractmethod
    def _metric(self, name: str, target: int) -> Object:
        """Entry of ``spec.metrics``."""

    @abstractmethod
    def served(self, api: Api, order: Order) -> float | None:
        """Sum of the metric over our pods as the metrics API says it now; None where it says nothing, or not to us."""

    def _own(self, order: Order, metric: Object) -> Made:
        spec = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": order.deployment},
            "minReplicas": order.least,
            "maxReplicas": order.most,
            "metrics": [metric],
            "behavior": behavior(order.calm),
        }
        kind = {"apiVersion": HPA_GROUP_VERSION, "kind": "HorizontalPodAutoscaler"}
        body = {**kind, "metadata": {"name": order.name}, "spec": spec}
        return Made(plural=HPAS, group_version=HPA_GROUP_VERSION, body=body, hpa=order.name)

    def current(self, hpa: Object) -> float | None:
        """The average for each pod that the autoscaler read last; None where it read nothing."""
        for entry in odd.entries(odd.part(hpa, "status"), "currentMetrics"):
            if entry.get("type") == self.source:
                return number(odd.part(entry, self.source.lower(), "current").get("averageValue"))
        return None


class CustomScaler(Scaler):
    """A metric of the pods themselves (``custom.metrics.k8s.io``)."""

    source = "Pods"

    def _metric(self, name: str, target: int) -> Object:
        return {"type": "Pods", "pods": {"metric": {"name": name}, "target": average(target)}}

    def served(self, api: Api, order: Order) -> float | None:
        """Sum over the items."""
        path = f"/apis/{self.solution.group_version}/namespaces/{order.namespace}/pods/*/{order.signal.name}"
        return ask(api, path, order.labels)


class ExternalScaler(Scaler):
    """A metric beside the pods (``external.metrics.k8s.io``)."""

    source = "External"
    of_our_pods = False

    def _metric(self, name: str, target: int) -> Object:
        return {"type": "External", "external": {"metric": {"name": name}, "target": average(target)}}

    def served(self, api: Api, order: Order) -> float | None:
        """Sum over the items."""
        path = f"/apis/{self.solution.group_version}/namespaces/{order.namespace}/{order.signal.name}"
        return ask(api, path, "")


class KedaScaler(ExternalScaler):
    """A ScaledObject with a query to Prometheus."""

    needs_server = True
    of_our_pods = True

    def make(self, order: Order) -> Made:
        """The ScaledObject; an empty answer of Prometheus is an error and no zero."""
        trigger = {
            "type": "prometheus",
            "metricType": "AverageValue",
            "metadata": {
                "serverAddress": order.server,
                "query": order.signal.query(order.namespace, order.window, order.model),
                "threshold": str(order.signal.target),
                "ignoreNullValues": "false",
            },
        }
        spec = {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": order.deployment},
            "pollingInterval": POLLING_SECONDS,
            "minReplicaCount": order.least,
            "maxReplicaCount": order.most,
            "triggers": [trigger],
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior(order.calm)}},
        }
        group_version = self.solution.group_version
        kind = {"apiVersion": group_version, "kind": "ScaledObject"}
        body = {**kind, "metadata": {"name": order.name}, "spec": spec}
        return Made(plural="scaledobjects", group_version=group_version, body=body, hpa=f"keda-hpa-{order.name}")

    def served(self, api: Api, order: Order) -> float | None:
        """The value of the one trigger."""
        path = f"/apis/external.metrics.k8s.io/v1beta1/namespaces/{order.namespace}/s0-prometheus"
        return ask(api, path, f"scaledobject.keda.sh/name={order.name}")


def average(target: int) -> Object:
    """Target of so much for each pod."""
    return {"type": "AverageValue", "averageValue": str(target)}


def behavior(calm: int) -> Object:
    """Up at once, down after a short calm, each time as far as the metric asks."""
    every = {"type": "Pods", "value": 100, "periodSeconds": 15}
    return {
        "scaleUp": {"stabilizationWindowSeconds": 0, "policies": [every]},
        "scaleDown": {"stabilizationWindowSeconds": calm, "policies": [every]},
    }


def ask(api: Api, path: str, labels: str) -> float | None:
    """Sum of the values that a metrics API gives; None where it gives none."""
    try:
        answer = api.get(path, **({"labelSelector": labels} if labels else {}))
    except errors.ApiError:
        return None
    values = [number(item.get("value")) for item in odd.entries(answer, "items")]
    told = [value for value in values if value is not None]
    return sum(told) if told else None
