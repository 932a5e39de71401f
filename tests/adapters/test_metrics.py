"""Adapters of metrics: found by their APIService, told apart, and how an autoscaler is made for each."""

from typing import Any

import pytest

from conformance.adapters import Look, metrics
from conformance.adapters.metrics import prometheus
from conformance.adapters.metrics.quantity import number
from conformance.adapters.metrics.scaler import Order, ask
from conformance.cluster import errors
from conformance.cluster.api import Api
from conformance.inventory.solutions import Solution

Object = dict[str, Any]
APISERVICES, DEPLOYMENTS = "/apis/apiregistration.k8s.io/v1/apiservices", "/apis/apps/v1/deployments"
CUSTOM, EXTERNAL = "custom.metrics.k8s.io", "external.metrics.k8s.io"
KEDA_SERVED: Object = {
    "/apis/keda.sh": {"versions": [{"version": "v1alpha1"}]},
    "/apis/keda.sh/v1alpha1": {
        "resources": [{"name": "scaledobjects", "kind": "ScaledObject", "namespaced": True, "verbs": ["list"]}]
    },
}


class FakeCluster(Api):
    """Lists and answers as a test wrote them down."""

    def __init__(self, lists: dict[str, list[Any]], answers: Object | None = None, *, forbidden: str = "") -> None:
        self.lists, self.answers, self.forbidden = lists, answers or {}, forbidden
        self.asked: list[tuple[str, Object]] = []

    def get(self, path: str, **query: Any) -> Object:
        self.asked.append((path, query))
        if path not in self.answers:
            raise errors.NotFound(404, "NotFound", path)
        found = self.answers[path]
        if isinstance(found, Exception):
            raise found
        return dict(found)

    def list(self, path: str, *, label_selector: str = "", field_selector: str = "") -> list[Object]:
        assert (label_selector, field_selector) == ("", "")
        if path == self.forbidden:
            raise errors.Forbidden(403, "Forbidden", path)
        return self.lists.get(path, [])


def _apiservice(
    group: str, service: str = "monitoring/adapter", *, version: str = "v1beta1", available: str = "True"
) -> Object:
    namespace, _, name = service.partition("/")
    condition = {"type": "Available", "status": available, "reason": "Passed", "message": "all checks passed"}
    return {
        "metadata": {"name": f"{version}.{group}"},
        "spec": {"group": group, "version": version, "service": {"namespace": namespace, "name": name}},
        "status": {"conditions": [condition]},
    }


def _deployment(name: str, available: int = 1) -> Object:
    return {"metadata": {"name": name, "namespace": "keda"}, "status": {"availableReplicas": available}}


KEDA_API = _apiservice(EXTERNAL, "keda/keda-operator-metrics-apiserver")


def _found(*services: Any, deployments: tuple[Any, ...] = (), keda: bool = False, **more: Any) -> dict[str, Solution]:
    lists = {APISERVICES: list(services), DEPLOYMENTS: list(deployments)}
    found = metrics.detect(Look(FakeCluster(lists, KEDA_SERVED if keda else {}, **more)))
    return {solution.id: solution for solution in found}


def test_nothing_is_found_where_nobody_serves_metrics() -> None:
    assert _found(_apiservice("metrics.k8s.io", "kube-system/metrics-server")) == {}


def test_cpu_metrics_alone_are_named_as_not_enough() -> None:
    cluster = FakeCluster({APISERVICES: [_apiservice("metrics.k8s.io", "kube-system/metrics-server")]})
    assert "metrics.k8s.io/v1beta1 is served, but CPU" in metrics.why_none(Look(cluster))


def test_an_adapter_of_custom_metrics_is_found_by_its_best_version() -> None:
    found = _found(*(_apiservice(CUSTOM, version=version) for version in ("v1beta1", "v1beta2")))
    assert (found["custom"].group_version, found["custom"].alive) == (f"{CUSTOM}/v1beta2", True)
    assert found["custom"].namespace == "monitoring"


def test_a_version_that_answers_is_better_than_a_newer_one_that_does_not() -> None:
    broken = _apiservice(CUSTOM, version="v1beta2", available="False")
    assert _found(_apiservice(CUSTOM), broken)["custom"].group_version == f"{CUSTOM}/v1beta1"


@pytest.mark.parametrize(("available", "alive"), [("True", True), ("False", False), ("Unknown", None)])
def test_an_adapter_lives_as_the_aggregation_layer_says(available: str, alive: bool | None) -> None:
    solution = _found(_apiservice(CUSTOM, available=available))["custom"]
    assert solution.alive is alive
    assert f"Available {available}" in solution.seen


def test_external_metrics_of_another_provider_are_not_keda() -> None:
    assert set(_found(_apiservice(EXTERNAL, "datadog/cluster-agent"))) == {"external"}


def test_external_metrics_of_keda_are_keda_alone() -> None:
    found = _found(KEDA_API, deployments=(_deployment("keda-operator"),), keda=True)
    assert set(found) == {"keda"}
    assert (found["keda"].alive, found["keda"].namespace) == (True, "keda")


@pytest.mark.parametrize(
    ("services", "deployments"),
    [
        ([], [_deployment("keda-operator")]),
        ([KEDA_API], [_deployment("keda-operator", available=0)]),
        ([_apiservice(EXTERNAL, "keda/keda-metrics-apiserver", available="False")], [_deployment("keda-operator")]),
        ([_apiservice(EXTERNAL, "datadog/cluster-agent")], [_deployment("keda-operator")]),
    ],
    ids=["no API", "operator down", "API down", "API of another"],
)
def test_keda_without_its_api_or_its_operator_is_found_and_down(
    services: list[Object], deployments: list[Object]
) -> None:
    assert _found(*services, deployments=tuple(deployments), keda=True)["keda"].alive is False


def test_without_the_right_to_list_apiservices_discovery_says_what_is_served() -> None:
    answers = {f"/apis/{CUSTOM}": {"versions": [{"version": "v1beta1"}]}}
    look = Look(FakeCluster({}, answers, forbidden=APISERVICES))
    (found,) = metrics.detect(look)
    assert (found.id, found.group_version, found.alive) == ("custom", f"{CUSTOM}/v1beta1", None)
    assert "not allowed to list apiservices" in look.notes


@pytest.mark.parametrize(
    "odd", [{}, {"spec": None}, {"spec": {"group": 7}}, {"spec": {"group": CUSTOM}, "status": {"conditions": "x"}}]
)
def test_an_odd_apiservice_ends_nothing(odd: Object) -> None:
    assert all(solution.alive is None for solution in _found(odd).values())


@pytest.mark.parametrize(
    ("text", "value"),
    [("1500m", 1.5), ("2", 2), ("0", 0), ("1k", 1000), ("1Ki", 1024), ("1e3", 1000), ("-5", -5), (".5", 0.5), (3, 3)],
)
def test_quantities_are_numbers(text: object, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "m", "1 2", "NaN", "inf", "1kk", None, [], {}, True, "9" * 400, "1e999"])
def test_what_is_no_quantity_is_no_number(text: object) -> None:
    assert number(text) is None


def _solution(name: str) -> Solution:
    versions = {"custom": f"{CUSTOM}/v1beta2", "external": f"{EXTERNAL}/v1beta1", "keda": "keda.sh/v1alpha1"}
    return Solution(family="metrics", id=name, title=name, group_version=versions[name], alive=True, seen="seen")


def _order(**changes: Any) -> Order:
    values: Object = {
        "name": "server",
        "deployment": "server",
        "namespace": "ns",
        "labels": "app=x",
        "signal": metrics.QUEUE_DEPTH,
        "least": 1,
        "most": 3,
        "calm": 5,
        "server": "http://10.0.0.9:9090",
        "window": 120,
    }
    return Order(**{**values, **changes})


def test_an_own_autoscaler_goes_by_pods_or_by_an_external_metric() -> None:
    pods = metrics.scaler(_solution("custom")).make(_order())
    external = metrics.scaler(_solution("external")).make(_order())
    assert pods.body["spec"]["metrics"][0]["pods"]["metric"] == {"name": "vllm_num_requests_waiting"}
    assert external.body["spec"]["metrics"][0]["external"]["metric"] == {"name": "vllm_num_requests_waiting"}
    assert (pods.hpa, pods.body["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"]) == ("server", 5)


def test_keda_gets_a_scaled_object_for_which_no_answer_is_an_error() -> None:
    made = metrics.scaler(_solution("keda")).make(_order())
    (trigger,) = made.body["spec"]["triggers"]
    assert (made.plural, made.hpa) == ("scaledobjects", "keda-hpa-server")
    assert trigger["metadata"]["query"] == 'sum(vllm:num_requests_waiting{namespace="ns"})'
    assert trigger["metadata"]["ignoreNullValues"] == "false"


def test_a_counter_is_asked_for_as_its_growth_and_a_named_metric_as_it_is() -> None:
    rate, named = metrics.TOKEN_RATE, metrics.TOKEN_RATE.named("tokens:rate")
    assert rate.query("ns", 60) == 'sum(rate(vllm:generation_tokens_total{namespace="ns"}[60s]))'
    assert rate.query("ns", 60, "m") == 'sum(rate(vllm:generation_tokens_total{namespace="ns",model_name="m"}[60s]))'
    assert named.query("ns", 60, "m") == named.query("ns", 60)
    assert (named.query("ns", 60), named.name) == ('sum(tokens:rate{namespace="ns"})', "tokens:rate")


@pytest.mark.parametrize(("name", "key"), [("custom", "pods"), ("external", "external"), ("keda", "external")])
def test_an_unreadable_metric_is_one_that_nobody_serves(name: str, key: str) -> None:
    made = metrics.scaler(_solution(name)).unreadable(_order())
    (entry,) = made.body["spec"]["metrics"]
    assert made.plural == "horizontalpodautoscalers"
    assert entry[key]["metric"]["name"] == "kube_ai_conformance_nobody_serves_this"


def test_the_value_that_was_read_is_the_average_of_the_own_kind_of_metric() -> None:
    scaler = metrics.scaler(_solution("custom"))
    read = {"type": "Pods", "pods": {"current": {"averageValue": "5500m"}}}
    other = {"type": "External", "external": {"current": {"averageValue": "9"}}}
    assert scaler.current({"status": {"currentMetrics": [other, read]}}) == 5.5
    assert scaler.current({"status": {"currentMetrics": None}}) is None
    assert scaler.current({"status": {"currentMetrics": [other]}}) is None


def test_the_metrics_api_is_asked_for_the_sum_over_our_pods() -> None:
    path = f"/apis/{CUSTOM}/v1beta2/namespaces/ns/pods/*/vllm_num_requests_waiting"
    cluster = FakeCluster({}, {path: {"items": [{"value": "1500m"}, {"value": "2"}, {"value": "odd"}, 7]}})
    assert metrics.scaler(_solution("custom")).served(cluster, _order()) == 3.5
    assert cluster.asked == [(path, {"labelSelector": "app=x"})]


def test_a_metrics_api_that_says_nothing_gives_no_value() -> None:
    assert ask(FakeCluster({}, {"/m": {"items": []}}), "/m", "") is None
    assert ask(FakeCluster({}, {"/m": errors.Unavailable(503, "Unavailable", "down")}), "/m", "") is None


def _service(name: str, *, port: int = 9090, address: str = "10.0.0.7", label: str = "") -> Object:
    labels = {"app.kubernetes.io/name": label} if label else {}
    return {
        "metadata": {"name": name, "namespace": "monitoring", "labels": labels},
        "spec": {"clusterIP": address, "ports": [{"port": port}]},
    }


def _urls(*services: Any) -> list[str]:
    return [url for _, url in prometheus.urls(FakeCluster({"/api/v1/services": list(services)}))]


def test_a_prometheus_is_a_service_with_its_name_and_its_port() -> None:
    assert _urls(_service("prometheus-k8s"), _service("prometheus-adapter", port=443), _service("web")) == [
        "http://10.0.0.7:9090"
    ]


def test_a_prometheus_without_an_address_is_called_by_its_name_and_comes_last() -> None:
    headless = _service("prometheus-operated", address="None", label="prometheus")
    six = _service("my-prometheus", address="fd00::7")
    assert _urls(headless, six) == ["http://[fd00::7]:9090", "http://prometheus-operated.monitoring.svc:9090"]


@pytest.mark.parametrize("odd", [{}, {"metadata": None}, {"metadata": {"name": "prometheus"}, "spec": {"ports": 7}}])
def test_an_odd_service_is_no_prometheus(odd: Object) -> None:
    assert _urls(odd) == []
