"""Objects are refused as a real API server refuses them."""

import copy
from typing import Any

import pytest

from tests.simulator.client import CLAIMS, PODS, Client, claim, pod

RESOURCE = "/apis/resource.k8s.io/v1"
SLICE: dict[str, Any] = {
    "metadata": {"name": "probe"},
    "spec": {
        "driver": "run.example.com",
        "nodeName": "nowhere",
        "pool": {"name": "pool", "generation": 1, "resourceSliceCount": 1},
        "devices": [],
    },
}


def selector(expression: str) -> dict[str, Any]:
    return {"metadata": {"name": "probe"}, "spec": {"selectors": [{"cel": {"expression": expression}}]}}


def without(obj: dict[str, Any], *path: str) -> dict[str, Any]:
    changed = copy.deepcopy(obj)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return changed


@pytest.mark.parametrize(
    "expression",
    [
        "device.driver ==",
        "nothing == 1",
        "1 + 1",
        "device.colour == 'red'",
        "cel.bind(x, 1, x == 1)",
        "device.attributes['a'].?b",
        "",
    ],
)
def test_class_with_a_selector_that_does_not_compile_is_invalid(client: Client, expression: str) -> None:
    answer = client.call("POST", f"{RESOURCE}/deviceclasses", selector(expression))
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["details"]["causes"][0]["field"] == "spec.selectors[0].cel.expression"


def test_class_with_a_good_selector_is_taken(client: Client) -> None:
    expression = "device.driver == 'x' && device.capacity['x'].memory.compareTo(quantity('1Gi')) >= 0"
    assert client.call("POST", f"{RESOURCE}/deviceclasses?dryRun=All", selector(expression)).status == 201


@pytest.mark.parametrize(
    ("obj", "field"),
    [
        (without(SLICE, "spec", "pool", "name"), "spec.pool.name"),
        (without(SLICE, "spec", "nodeName"), "spec"),
        ({**SLICE, "spec": {**SLICE["spec"], "allNodes": True}}, "spec"),
        (without(SLICE, "spec", "driver"), "spec.driver"),
        ({**SLICE, "spec": {**SLICE["spec"], "driver": "Not a name"}}, "spec.driver"),
        ({**SLICE, "spec": {**SLICE["spec"], "devices": [{"name": "a"}, {"name": "a"}]}}, "spec.devices[1]"),
    ],
)
def test_slice_must_say_pool_driver_and_nodes(client: Client, obj: dict[str, Any], field: str) -> None:
    answer = client.call("POST", f"{RESOURCE}/resourceslices", obj)
    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert field in [cause["field"] for cause in answer.body["details"]["causes"]]


def test_good_slice_is_taken(client: Client) -> None:
    assert client.call("POST", f"{RESOURCE}/resourceslices?dryRun=All", SLICE).status == 201


@pytest.mark.parametrize(("effect", "status"), [("Never", 422), ("None", 201)])
def test_taint_rule_has_one_of_three_effects(client: Client, effect: str, status: int) -> None:
    taint = {"key": "example.com/probe", "effect": effect}
    rule = {"metadata": {"name": "probe"}, "spec": {"deviceSelector": {"driver": "run.example.com"}, "taint": taint}}
    assert client.call("POST", f"{RESOURCE}/devicetaintrules?dryRun=All", rule).status == status


@pytest.mark.parametrize(
    "request_",
    [
        {"name": "a"},
        {"name": "a", "exactly": {}},
        {"name": "A b", "exactly": {"deviceClassName": "x"}},
        {"name": "a", "exactly": {"deviceClassName": "x", "allocationMode": "Some"}},
        {"name": "a", "exactly": {"deviceClassName": "x", "count": -1}},
        {"name": "a", "exactly": {"deviceClassName": "x", "adminAccess": True}},
        {"name": "a", "exactly": {"deviceClassName": "x"}, "firstAvailable": [{"name": "b", "deviceClassName": "x"}]},
        {"name": "a", "exactly": {"deviceClassName": "x", "selectors": [{"cel": {"expression": "device."}}]}},
    ],
)
def test_claims_and_templates_with_a_wrong_request_are_invalid(client: Client, namespace: str, request_: Any) -> None:
    spec = {"devices": {"requests": [request_]}}
    body = {"metadata": {"name": "a"}, "spec": spec}
    assert client.call("POST", CLAIMS.format(namespace), body).status == 422
    template = f"{RESOURCE}/namespaces/{namespace}/resourceclaimtemplates"
    assert client.call("POST", template, {**body, "spec": {"spec": spec}}).status == 422


def test_spec_of_a_claim_stays(client: Client, namespace: str) -> None:
    path = CLAIMS.format(namespace)
    client.create(path, claim("a"))
    change = [{"op": "replace", "path": "/spec/devices/requests/0/exactly/count", "value": 2}]
    answer = client.call("PATCH", f"{path}/a", change, "application/json-patch+json")
    assert (answer.status, answer.body["details"]["causes"][0]["field"]) == (422, "spec")


@pytest.mark.parametrize(("mode", "status"), [("Strict", 400), ("Warn", 201), ("Ignore", 201)])
def test_unknown_field_is_refused_warned_of_or_dropped(client: Client, namespace: str, mode: str, status: int) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps?fieldValidation={mode}"
    answer = client.call("POST", path, {"metadata": {"name": "a"}, "date": {"k": "v"}})
    assert answer.status == status
    assert ('unknown field \\"date\\"' in answer.headers.get("Warning", "")) is (mode == "Warn")
    assert "date" not in answer.body


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"restartPolicy": "Sometimes"}, 422),
        ({"containers": []}, 422),
        ({"containers": "none"}, 400),
        ({"terminationGracePeriodSeconds": "soon"}, 400),
        ({"resourceClaims": [{"name": "a"}]}, 422),
        ({"volumes": [{"name": "v", "emptyDir": {}}], "containers": [{"name": "c"}]}, 422),
    ],
)
def test_wrong_pods_are_refused(client: Client, namespace: str, change: dict[str, Any], status: int) -> None:
    assert client.call("POST", PODS.format(namespace), pod("a", "", **change)).status == status


def test_spec_of_a_pod_stays(client: Client, namespace: str) -> None:
    path = PODS.format(namespace)
    client.create(path, pod("a", "", nodeSelector={"no": "where"}))
    change = {"spec": {"nodeSelector": {"any": "where"}}}
    assert client.call("PATCH", f"{path}/a", change, "application/merge-patch+json").status == 422


def test_status_of_an_object_is_not_written_with_its_spec(client: Client, namespace: str) -> None:
    made = client.create(CLAIMS.format(namespace), {**claim("a"), "status": {"devices": []}})
    assert made["status"] == {}


def test_restricted_namespace_refuses_a_plain_pod_and_takes_a_careful_one(client: Client) -> None:
    space = client.namespace("careful", **{"pod-security.kubernetes.io/enforce": "restricted"})
    answer = client.call("POST", PODS.format(space), pod("a", ""))
    assert answer.status == 403
    assert 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false' in answer.body["message"]
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    whole = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    careful = pod("a", "", container={"securityContext": security}, securityContext=whole)
    assert client.call("POST", PODS.format(space), careful).status == 201


def test_baseline_namespace_takes_a_root_pod_and_refuses_the_host(client: Client) -> None:
    space = client.namespace("baseline", **{"pod-security.kubernetes.io/enforce": "baseline"})
    root = pod("a", "", container={"securityContext": {"runAsUser": 0, "capabilities": {"add": ["MKNOD"]}}})
    assert client.call("POST", PODS.format(space), root).status == 201
    host = pod("b", "", volumes=[{"name": "h", "hostPath": {"path": "/dev"}}])
    assert client.call("POST", PODS.format(space), host).status == 403


def test_quota_is_kept(client: Client, namespace: str) -> None:
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"requests.cpu": "150m", "pods": "5"}}}
    client.create(f"/api/v1/namespaces/{namespace}/resourcequotas", quota)
    path = PODS.format(namespace)
    answer = client.call("POST", path, pod("a", ""))
    assert (answer.status, "must specify requests.cpu" in answer.body["message"]) == (403, True)
    asking = {"resources": {"requests": {"cpu": "100m"}}}
    client.create(path, pod("a", "import signal; signal.pause()", container=asking))
    answer = client.call("POST", path, pod("b", "", container=asking))
    assert "exceeded quota: q, requested: requests.cpu=100m, used: requests.cpu=100m" in answer.body["message"]


def test_pod_waits_for_its_service_account(client: Client) -> None:
    answer = client.call("POST", PODS.format("kube-system"), pod("a", "", serviceAccountName="nobody"))
    assert (answer.status, "error looking up service account" in answer.body["message"]) == (403, True)


@pytest.mark.parametrize("value", [None, "", 0, True, [], [None], {}, "x", {"a": None}])
def test_no_body_makes_the_server_stumble(client: Client, namespace: str, value: Any) -> None:
    review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    bodies = [
        (PODS.format(namespace), {"metadata": {"name": "a"}, "spec": {"containers": value}}),
        (CLAIMS.format(namespace), {"metadata": {"name": "a"}, "spec": {"devices": {"requests": value}}}),
        (f"{RESOURCE}/deviceclasses", {"metadata": value, "spec": {"selectors": value}}),
        (f"{RESOURCE}/resourceslices", value),
        (review, {"spec": value}),
    ]
    for path, body in bodies:
        assert client.call("POST", f"{path}?dryRun=All", body).status < 500
