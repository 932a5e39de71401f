"""The whole way of a metric: from a pod by Prometheus and an adapter to the autoscaler, and back as replicas."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from conformance import simulator
from conformance.simulator import world as worlds
from conformance.simulator.switches import Switches
from tests.simulator.client import Client
from tests.simulator.servers import HPAS, SCALED, Servers, autoscaler, pods_metric

pytestmark = pytest.mark.slow

CUSTOM = "/apis/custom.metrics.k8s.io/{}/namespaces/{}/pods/*/{}"
EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1"
WAITING = "vllm_num_requests_waiting"


@pytest.fixture
def servers(client: Client, namespace: str) -> Servers:
    return Servers(client, namespace)


@pytest.fixture
def switches(running: simulator.Running) -> Iterator[Switches]:
    """The switches of the shared cluster; all are back in place afterwards."""
    live = running._cluster.switches
    saved = {name: dict(vars(part)) for name, part in vars(live).items()}
    yield live
    for name, values in saved.items():
        vars(getattr(live, name)).update(values)


def scaled_object(namespace: str, **spec: Any) -> dict[str, Any]:
    trigger = {
        "serverAddress": "http://prometheus.monitoring.svc:9090",
        "query": f'sum(vllm:num_requests_waiting{{namespace="{namespace}"}})',
        "threshold": "5",
    }
    advanced = {"horizontalPodAutoscalerConfig": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}}
    base = {
        "scaleTargetRef": {"name": "web"},
        "pollingInterval": 1,
        "minReplicaCount": 1,
        "maxReplicaCount": 3,
        "advanced": advanced,
        "triggers": [{"type": "prometheus", "metadata": trigger}],
    }
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "so"},
        "spec": {**base, **spec},
    }


def query(client: Client, text: str) -> tuple[int, dict[str, Any]]:
    """What Prometheus answers at the address of its service."""
    address = client.get("/api/v1/namespaces/monitoring/services/prometheus")["spec"]["clusterIP"]
    url = f"http://{address}:9090/api/v1/query?query={urllib.parse.quote(text)}"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def test_replicas_follow_a_metric_of_the_pods_up_and_down(servers: Servers) -> None:
    servers.start()
    servers.scale_by(pods_metric())
    servers.until_condition("ScalingActive", "ValidMetricFound")
    servers.wait(14)
    servers.until_ready(3)
    assert {tuple(p["spec"]["containers"][0]["resources"]["limits"].items()) for p in servers.pods()} == {
        (("sim.dev/accel", "1"),)
    }
    status = servers.client.get(servers.hpa)["status"]
    assert status["currentMetrics"][0]["pods"]["metric"]["name"] == WAITING
    assert (status["desiredReplicas"], status["observedGeneration"]) == (3, 1)
    for pod in servers.pods():
        address = pod["status"]["podIP"]
        urllib.request.urlopen(f"http://{address}:8000/0", data=b"", timeout=5).close()
    servers.until_ready(1)
    events = servers.client.get(f"/api/v1/namespaces/{servers.namespace}/events?fieldSelector=reason=SuccessfulRescale")
    assert sorted(event["message"] for event in events["items"]) == [
        "New size: 1; reason: All metrics below target",
        f"New size: 3; reason: pods metric {WAITING} above target",
    ]


def test_metric_that_nobody_has_shows_in_the_conditions(servers: Servers) -> None:
    servers.start()
    servers.scale_by(pods_metric(name="nobody_has_this"))
    hpa = servers.until_condition("ScalingActive", "FailedGetPodsMetric")
    assert {c["type"]: c["status"] for c in hpa["status"]["conditions"]} == {
        "AbleToScale": "True",
        "ScalingActive": "False",
    }
    events = servers.client.get(f"/api/v1/namespaces/{servers.namespace}/events")["items"]
    reasons = {e["reason"] for e in events if e["involvedObject"]["kind"] == "HorizontalPodAutoscaler"}
    assert reasons == {"FailedGetPodsMetric", "FailedComputeMetricsReplicas"}


def test_cpu_metric_is_not_served(servers: Servers) -> None:
    servers.start()
    target = {"type": "Utilization", "averageUtilization": 50}
    servers.scale_by({"type": "Resource", "resource": {"name": "cpu", "target": target}})
    servers.until_condition("ScalingActive", "FailedGetResourceMetric")


def test_target_that_is_not_there_shows_in_the_conditions(servers: Servers) -> None:
    servers.scale_by(pods_metric())
    servers.until_condition("AbleToScale", "FailedGetScale")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"maxReplicas": 0}, "spec.maxReplicas"),
        ({"minReplicas": 4}, "spec.maxReplicas"),
        ({"minReplicas": 0}, "spec.minReplicas"),
        ({"metrics": [{"type": "Pods"}]}, "spec.metrics[0].pods"),
        ({"metrics": [{"type": "Other"}]}, "spec.metrics[0].type"),
        ({"metrics": [pods_metric("0")]}, "spec.metrics[0].pods.target.averageValue"),
        ({"behavior": {"scaleUp": {"selectPolicy": "Best"}}}, "spec.behavior.scaleUp.selectPolicy"),
    ],
)
def test_impossible_autoscaler_is_refused_at_its_field(
    client: Client, namespace: str, change: dict[str, Any], field: str
) -> None:
    body = autoscaler("web", pods_metric())
    body["spec"].update(change)
    answer = client.call("POST", HPAS.format(namespace), body)
    assert (answer.status, answer.body["details"]["causes"][0]["field"]) == (422, field)


def test_scaled_object_becomes_an_autoscaler_that_follows_its_query(servers: Servers) -> None:
    servers.start()
    client, path = servers.client, f"{SCALED.format(servers.namespace)}/so"
    client.create(SCALED.format(servers.namespace), scaled_object(servers.namespace))
    made = client.until(path, lambda so: bool(so.get("status", {}).get("hpaName")))
    assert (made["status"]["hpaName"], made["status"]["externalMetricNames"]) == ("keda-hpa-so", ["s0-prometheus"])
    assert made["metadata"]["finalizers"] == ["finalizer.keda.sh"]
    hpa = f"{HPAS.format(servers.namespace)}/keda-hpa-so"
    metric = client.get(hpa)["spec"]["metrics"][0]["external"]["metric"]
    assert metric == {"name": "s0-prometheus", "selector": {"matchLabels": {"scaledobject.keda.sh/name": "so"}}}
    servers.wait(14)
    servers.until_ready(3)
    client.until(path, lambda so: {"Ready", "Active", "HPAActive"} <= {
        c["type"] for c in so["status"]["conditions"] if c["status"] == "True"})  # fmt: skip
    client.call("DELETE", path)
    client.until_gone(hpa)
    client.until_gone(path)


def test_scaled_object_without_a_target_says_so(client: Client, namespace: str) -> None:
    client.create(SCALED.format(namespace), scaled_object(namespace))
    client.until(
        f"{SCALED.format(namespace)}/so",
        lambda so: any(c["reason"] == "ScaledObjectCheckFailed" for c in so.get("status", {}).get("conditions", ())),
    )


@pytest.mark.parametrize(
    ("trigger", "spec"),
    [
        ({"threshold": "much"}, {}),
        ({"activationThreshold": "x"}, {}),
        ({"query": ""}, {}),
        ({}, {"maxReplicaCount": 0}),
        ({}, {"advanced": {"horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": {"selectPolicy": "Best"}}}}}),
        ({}, {"scaleTargetRef": {"apiVersion": "v1", "kind": "ConfigMap", "name": "kube-root-ca.crt"}}),
    ],
)
def test_scaled_object_that_makes_no_sense_says_so(
    servers: Servers, trigger: dict[str, Any], spec: dict[str, Any]
) -> None:
    servers.start()
    body = scaled_object(servers.namespace, **spec)
    body["spec"]["triggers"][0]["metadata"].update(trigger)
    servers.client.create(SCALED.format(servers.namespace), body)
    servers.client.until(
        f"{SCALED.format(servers.namespace)}/so",
        lambda so: any(c["reason"] == "ScaledObjectCheckFailed" for c in so.get("status", {}).get("conditions", ())),
    )


@pytest.mark.parametrize(
    "server", ["http://[", "http://prometheus.monitoring.svc:99999", "nonsense", "http://127.0.0.1:1"]
)
def test_server_that_cannot_be_asked_shows_in_the_scaled_object(servers: Servers, server: str) -> None:
    servers.start()
    body = scaled_object(servers.namespace)
    body["spec"]["triggers"][0]["metadata"]["serverAddress"] = server
    servers.client.create(SCALED.format(servers.namespace), body)
    servers.client.until(
        f"{SCALED.format(servers.namespace)}/so",
        lambda so: any(c.get("reason") == "TriggerError" for c in so.get("status", {}).get("conditions", ())),
    )
    servers.client.until(
        f"{HPAS.format(servers.namespace)}/keda-hpa-so",
        lambda hpa: any(c["reason"] == "FailedGetExternalMetric" for c in hpa.get("status", {}).get("conditions", ())),
    )


def test_prometheus_answers_its_two_queries_and_refuses_others(servers: Servers) -> None:
    servers.start()
    servers.scale_by(pods_metric())
    servers.until_condition("ScalingActive", "ValidMetricFound")
    client, own = servers.client, f'{{namespace="{servers.namespace}"}}'
    assert query(client, f"sum(vllm:num_requests_waiting{own})")[1]["data"]["result"][0]["value"][1] == "0"
    assert query(client, 'sum(vllm:num_requests_waiting{namespace="none"})')[1]["data"]["result"] == []
    status, body = query(client, "up")
    assert (status, body["status"], body["errorType"]) == (400, "error", "bad_data")


def test_adapter_serves_both_versions_and_404_for_what_is_unknown(servers: Servers) -> None:
    servers.start()
    servers.scale_by(pods_metric())
    servers.until_condition("ScalingActive", "ValidMetricFound")
    client, space = servers.client, servers.namespace
    [new] = client.get(CUSTOM.format("v1beta2", space, WAITING) + "?labelSelector=app%3Dweb")["items"]
    [old] = client.get(CUSTOM.format("v1beta1", space, WAITING))["items"]
    [pod] = servers.pods()
    assert new["metric"]["name"] == old["metricName"] == WAITING
    assert new["describedObject"]["name"] == old["describedObject"]["name"] == pod["metadata"]["name"]
    assert new["value"] == "0"
    assert client.call("GET", CUSTOM.format("v1beta2", space, "nobody_has_this")).body["reason"] == "NotFound"
    listed = [r["name"] for r in client.get("/apis/custom.metrics.k8s.io/v1beta1")["resources"]]
    assert f"pods/{WAITING}" in listed


def test_discovery_and_registrations_tell_the_providers(client: Client) -> None:
    groups = {group["name"]: group for group in client.get("/apis")["groups"]}
    assert groups["custom.metrics.k8s.io"]["preferredVersion"]["version"] == "v1beta2"
    services = {
        item["metadata"]["name"]: (item["spec"]["service"]["name"], item["status"]["conditions"][0]["status"])
        for item in client.get("/apis/apiregistration.k8s.io/v1/apiservices")["items"]
    }
    assert services["v1beta1.external.metrics.k8s.io"] == ("keda-operator-metrics-apiserver", "True")
    assert (
        services["v1beta2.custom.metrics.k8s.io"]
        == services["v1beta1.custom.metrics.k8s.io"]
        == ("prometheus-adapter", "True")
    )
    assert client.get(EXTERNAL)["resources"][0]["name"] == "externalmetrics"


def test_keda_is_there_with_all_its_deployments(client: Client) -> None:
    found = client.get("/apis/apps/v1/namespaces/keda/deployments")["items"]
    available = {d["metadata"]["name"]: d["status"].get("availableReplicas") for d in found}
    assert available == {"keda-admission": 1, "keda-operator": 1, "keda-operator-metrics-apiserver": 1}


def test_denied_user_may_not_read_metrics(viewer: Client, running: simulator.Running) -> None:
    nobody = Client(running.kubeconfig, "simulated-nobody")
    path = CUSTOM.format("v1beta2", "default", WAITING)
    assert (viewer.call("GET", path).status, nobody.call("GET", path).status) == (404, 403)


def test_world_without_adapters_has_none() -> None:
    with simulator.start("no-metrics-adapter") as cluster:
        client = Client(cluster.kubeconfig)
        assert client.get("/apis/apiregistration.k8s.io/v1/apiservices")["items"] == []
        assert not [g for g in client.get("/apis")["groups"] if "metrics" in g["name"] or "keda" in g["name"]]
        client.namespace("a")
        servers = Servers(client, "a")
        servers.start()
        servers.scale_by(pods_metric())
        servers.until_condition("ScalingActive", "FailedGetPodsMetric")


def test_fault_hpa_never_scales_up(servers: Servers, switches: Switches) -> None:
    worlds.apply(worlds.fault("hpa_never_scales_up"), switches)
    servers.start()
    servers.scale_by(pods_metric())
    servers.until_condition("ScalingActive", "ValidMetricFound")
    servers.wait(14)
    servers.client.until(servers.hpa, lambda hpa: hpa["status"]["desiredReplicas"] == 3)
    assert servers.client.get(servers.path)["spec"]["replicas"] == 1


def test_fault_hpa_stops_at_two(servers: Servers, switches: Switches) -> None:
    worlds.apply(worlds.fault("hpa_stops_at_two"), switches)
    servers.start()
    servers.scale_by(pods_metric())
    servers.until_condition("ScalingActive", "ValidMetricFound")
    servers.wait(100)
    servers.until_ready(2)
    servers.client.until(servers.hpa, lambda hpa: hpa["status"]["desiredReplicas"] == 3)
    assert servers.client.get(servers.path)["spec"]["replicas"] == 2


def test_fault_adapter_sums_all_pods(servers: Servers, switches: Switches) -> None:
    worlds.apply(worlds.fault("adapter_sums_all_pods"), switches)
    servers.start(2)
    servers.until_ready(2)
    servers.wait(14)
    path = CUSTOM.format("v1beta2", servers.namespace, WAITING)
    told: list[str] = []
    while told != ["14", "14"]:
        told = [item["value"] for item in servers.client.call("GET", path).body.get("items", [])]


def test_fault_hpa_never_scales_down(servers: Servers, switches: Switches) -> None:
    worlds.apply(worlds.fault("hpa_never_scales_down"), switches)
    servers.start(2)
    servers.scale_by(pods_metric())
    servers.client.until(servers.hpa, lambda hpa: hpa.get("status", {}).get("desiredReplicas") == 1)
    assert servers.client.get(servers.path)["spec"]["replicas"] == 2


def test_fault_hpa_scales_on_a_constant(servers: Servers, switches: Switches) -> None:
    worlds.apply(worlds.fault("hpa_scales_on_a_constant"), switches)
    servers.start()
    servers.scale_by(pods_metric())
    servers.until_ready(2)
    servers.wait(100)
    hpa = servers.until_condition("AbleToScale", "ReadyForNewScale")
    assert hpa["status"]["desiredReplicas"] == 2


def test_fault_replicas_land_off_accelerators(servers: Servers, switches: Switches) -> None:
    worlds.apply(worlds.fault("replicas_land_off_accelerators"), switches)
    servers.start(2)
    limits = [pod["spec"]["containers"][0]["resources"].get("limits") or {} for pod in servers.pods()]
    assert sorted(len(one) for one in limits) == [0, 1]


def test_fault_adapter_serves_stale_values(servers: Servers, switches: Switches) -> None:
    worlds.apply(worlds.fault("adapter_serves_stale_values"), switches)
    servers.start()
    servers.scale_by(pods_metric())
    servers.until_condition("ScalingActive", "ValidMetricFound")
    servers.wait(14)
    own = f'sum(vllm:num_requests_waiting{{namespace="{servers.namespace}"}})'
    while query(servers.client, own)[1]["data"]["result"][0]["value"][1] != "14":
        continue
    [item] = servers.client.get(CUSTOM.format("v1beta2", servers.namespace, WAITING))["items"]
    assert item["value"] == "0"


def test_fault_unreadable_metric_looks_fine(servers: Servers, switches: Switches) -> None:
    worlds.apply(worlds.fault("unreadable_metric_looks_fine"), switches)
    servers.start()
    servers.scale_by(pods_metric(name="nobody_has_this"))
    hpa = servers.until_condition("ScalingActive", "ValidMetricFound")
    assert not hpa["status"].get("currentMetrics")


def test_fault_metrics_adapter_down() -> None:
    with simulator.start("conformant", ["metrics_adapter_down"]) as cluster:
        client = Client(cluster.kubeconfig)
        path = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta2.custom.metrics.k8s.io"
        found = client.until(path, lambda obj: bool(obj.get("status", {}).get("conditions")))
        condition = found["status"]["conditions"][0]
        assert (condition["status"], condition["reason"]) == ("False", "MissingEndpoints")
        assert client.call("GET", CUSTOM.format("v1beta2", "default", WAITING)).status == 503
        assert "custom.metrics.k8s.io" in [group["name"] for group in client.get("/apis")["groups"]]
