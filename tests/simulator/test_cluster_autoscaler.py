"""The stand-in for Cluster Autoscaler adds nodes for pods that a new node could take, and takes idle ones away."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from conformance import simulator
from tests.simulator.client import CLAIMS, PODS, Client, claim, pod
from tests.simulator.test_allocation import STAY, holder

pytestmark = pytest.mark.slow

NODES = "/api/v1/nodes"
POOL = {"sim.dev/pool": "accelerated"}
STATUS = "/api/v1/namespaces/kube-system/configmaps/cluster-autoscaler-status"
_numbers = itertools.count()
PLUGIN = {"resources": {"limits": {"sim.dev/accel": "1"}}}


@pytest.fixture(scope="module")
def ground() -> Iterator[Client]:
    """A cluster that no other module uses, because its nodes come and go."""
    with simulator.start("conformant") as cluster:
        yield Client(cluster.kubeconfig)
        assert cluster.crashes == []


@pytest.fixture
def space(ground: Client) -> Iterator[str]:
    """A namespace; when a test ends, the pool has its two nodes again."""
    name = ground.namespace(f"test-{next(_numbers)}")
    yield name
    clear(ground, name)


def clear(ground: Client, name: str) -> None:
    ground.call("DELETE", PODS.format(name) + "?gracePeriodSeconds=0")
    for node in added(ground):
        ground.until_gone(f"{NODES}/{node['metadata']['name']}")


def added(ground: Client) -> list[dict[str, Any]]:
    return [n for n in ground.get(NODES)["items"] if n["metadata"]["name"] not in ("node-a", "node-b")]


def events(ground: Client, space: str, name: str) -> dict[str, str]:
    listed = ground.get(f"/api/v1/namespaces/{space}/events?fieldSelector=involvedObject.name={name}")["items"]
    return {event["reason"]: event["message"] for event in listed}


def told(ground: Client, space: str, name: str, reason: str) -> str:
    """The message of an event about a pod, awaited."""
    query = f"watch=1&timeoutSeconds=20&fieldSelector=involvedObject.name={name}"
    for event in ground.watch(f"/api/v1/namespaces/{space}/events?{query}"):
        if event["object"]["reason"] == reason:
            return str(event["object"]["message"])
    raise AssertionError(f"no event {reason} about {name}")


def fill(ground: Client, space: str, count: int, **spec: Any) -> list[str]:
    names = [f"p{n}" for n in range(count)]
    for name in names:
        ground.create(PODS.format(space), pod(name, STAY, container=PLUGIN, nodeSelector=POOL, **spec))
    return names


def running(ground: Client, space: str, name: str) -> dict[str, Any]:
    return ground.until(f"{PODS.format(space)}/{name}", lambda obj: obj["status"].get("phase") == "Running")


def group(ground: Client) -> dict[str, Any]:
    status = yaml.safe_load(ground.get(STATUS)["data"]["status"])
    return dict(status["nodeGroups"][0])


def test_status_tells_limits_and_target(ground: Client) -> None:
    found = ground.get(STATUS)
    assert found["metadata"]["annotations"]["cluster-autoscaler.kubernetes.io/last-updated"]
    status = yaml.safe_load(found["data"]["status"])
    assert status["autoscalerStatus"] == "Running"
    health = status["nodeGroups"][0]["health"]
    assert (health["minSize"], health["maxSize"], health["cloudProviderTarget"]) == (2, 3, 2)
    assert status["nodeGroups"][0]["name"] == "accelerated"
    assert ground.get("/apis/apps/v1/namespaces/kube-system/deployments/cluster-autoscaler")["spec"]["replicas"] == 1


def test_pod_that_does_not_fit_gets_a_new_node_which_goes_with_it(ground: Client, space: str) -> None:
    before = {n["metadata"]["uid"] for n in ground.get(NODES)["items"]}
    names = fill(ground, space, 5)
    nodes = {running(ground, space, name)["spec"]["nodeName"] for name in names}
    new = ground.get(f"{NODES}/{next(iter(nodes - {'node-a', 'node-b'}))}")
    assert new["metadata"]["uid"] not in before
    assert new["metadata"]["labels"]["sim.dev/pool"] == "accelerated"
    assert new["status"]["allocatable"]["sim.dev/accel"] == "2"
    assert new["spec"]["providerID"].startswith("simulated://")
    late = [name for name in names if "TriggeredScaleUp" in events(ground, space, name)]
    assert len(late) == 1
    assert events(ground, space, late[0])["TriggeredScaleUp"] == (
        "pod triggered scale-up: [{accelerated 2->3 (max: 3)}]"
    )
    name = new["metadata"]["name"]
    slices = ground.get(f"/apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName={name}")["items"]
    assert len(slices[0]["spec"]["devices"]) == 2
    clear(ground, space)
    assert ground.call("GET", f"/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}").status == 404
    ground.until_gone(f"/apis/resource.k8s.io/v1/resourceslices/{slices[0]['metadata']['name']}")
    assert {n["metadata"]["uid"] for n in ground.get(NODES)["items"]} == before


def test_claims_that_do_not_fit_get_a_new_node_with_devices_of_its_own(ground: Client, space: str) -> None:
    for n in range(5):
        ground.create(CLAIMS.format(space), claim(f"c{n}"))
        ground.create(PODS.format(space), holder(f"p{n}", f"c{n}", nodeSelector=POOL))
    for n in range(5):
        running(ground, space, f"p{n}")
    held = [
        (r["pool"], r["device"])
        for n in range(5)
        for r in ground.get(f"{CLAIMS.format(space)}/c{n}")["status"]["allocation"]["devices"]["results"]
    ]
    assert len(set(held)) == 5
    assert len({device for _, device in held}) == 5


def test_extended_resource_of_a_class_that_does_not_fit_gets_a_new_node(ground: Client, space: str) -> None:
    by_class = {"resources": {"limits": {"deviceclass.resource.kubernetes.io/accel.sim.dev": "1"}}}
    for n in range(5):
        ground.create(PODS.format(space), pod(f"p{n}", STAY, container=by_class, nodeSelector=POOL))
    nodes = {running(ground, space, f"p{n}")["spec"]["nodeName"] for n in range(5)}
    assert len(nodes) == 3


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"nodeSelector": {"kubernetes.io/hostname": "node-a"}}, "node(s) didn't match Pod's node affinity/selector"),
        ({"nodeSelector": {"sim.dev/pool": "other"}}, "node(s) didn't match Pod's node affinity/selector"),
        ({"container": {"resources": {"limits": {"sim.dev/accel": "3"}}}}, "Insufficient sim.dev/accel"),
        (
            {"container": {"resources": {"limits": {"other.example.com/gpu": "1"}}}},
            "Insufficient other.example.com/gpu",
        ),
    ],
)
def test_pod_that_no_new_node_could_take_adds_none(ground: Client, space: str, spec: dict[str, Any], why: str) -> None:
    whole = {"container": {"resources": {"limits": {"sim.dev/accel": "3"}}}, **spec}
    ground.create(PODS.format(space), pod("p", STAY, **whole))
    assert told(ground, space, "p", "NotTriggerScaleUp") == f"pod didn't trigger scale-up: 1 {why}"
    assert added(ground) == []


def test_pod_bound_to_nodes_by_their_names_adds_none(ground: Client, space: str) -> None:
    field = {"key": "metadata.name", "operator": "In", "values": ["node-a", "node-b"]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    limits = {"resources": {"limits": {"sim.dev/accel": "1"}}}
    for n in range(5):
        ground.create(PODS.format(space), pod(f"p{n}", STAY, container=limits, affinity=affinity))
    waiting = [p["metadata"]["name"] for p in _pending(ground, space)]
    assert "didn't match" in told(ground, space, waiting[0], "NotTriggerScaleUp")
    assert added(ground) == []


def _pending(ground: Client, space: str) -> list[dict[str, Any]]:
    for n in range(5):
        ground.until(f"{PODS.format(space)}/p{n}", lambda obj: bool(obj["status"].get("conditions")))
    return [p for p in ground.get(PODS.format(space))["items"] if not p["spec"].get("nodeName")]


def test_full_pool_says_so(ground: Client, space: str) -> None:
    names = fill(ground, space, 7)
    seen = {event["object"]["message"] for event in _until_full(ground, space)}
    assert "pod didn't trigger scale-up: 1 max node group size reached" in seen, sorted(
        m for m in seen if "scale" in m or "avail" in m
    )
    assert len(added(ground)) == 1
    assert len(names) == 7


def _until_full(ground: Client, space: str) -> Iterator[dict[str, Any]]:
    for event in ground.watch(f"/api/v1/namespaces/{space}/events?watch=1&timeoutSeconds=20"):
        yield event
        if "max node group size reached" in event["object"].get("message", ""):
            return


def test_removed_node_takes_its_pods_along(ground: Client, space: str) -> None:
    names = fill(ground, space, 5)
    placed = {name: running(ground, space, name)["spec"]["nodeName"] for name in names}
    name, node = next((n, at) for n, at in placed.items() if at not in ("node-a", "node-b"))
    ground.call("DELETE", f"{NODES}/{node}")
    ground.until_gone(f"{PODS.format(space)}/{name}")


@pytest.fixture
def wrong(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A cluster with a fault in it, and a pod more than its accelerators of a kind can take in namespace ``test``."""
    with simulator.start("conformant", [request.param]) as cluster:
        client = Client(cluster.kubeconfig)
        fill(client, client.namespace("test"), 5)
        yield client
        assert cluster.crashes == []


def _new_node(client: Client) -> dict[str, Any]:
    for event in client.watch(f"{NODES}?watch=1&timeoutSeconds=20"):
        node: dict[str, Any] = event["object"]
        ready = any(
            c["type"] == "Ready" and c["status"] == "True" for c in node.get("status", {}).get("conditions", [])
        )
        if ready and node["metadata"]["name"] not in ("node-a", "node-b"):
            return node
    raise AssertionError("no new node")


@pytest.mark.parametrize("wrong", ["autoscaler_adds_wrong_node"], indirect=True)
def test_wrong_node_has_no_accelerator(wrong: Client) -> None:
    node = _new_node(wrong)
    assert "sim.dev/accel" not in node["status"]["allocatable"]
    assert node["metadata"]["labels"]["sim.dev/pool"] == "accelerated"


@pytest.mark.parametrize("wrong", ["autoscaler_replaces_a_node"], indirect=True)
def test_an_old_node_goes_for_the_new_one(wrong: Client) -> None:
    _new_node(wrong)
    assert "node-a" not in [node["metadata"]["name"] for node in wrong.get(NODES)["items"]]


@pytest.mark.parametrize("wrong", ["new_node_removed_under_its_pods"], indirect=True)
def test_a_new_node_goes_although_a_pod_runs_on_it(wrong: Client) -> None:
    node = _new_node(wrong)["metadata"]["name"]
    bound = [
        p for p in wrong.get(PODS.format("test"))["items"] if p["spec"].get("nodeName") not in ("node-a", "node-b")
    ]
    running(wrong, "test", bound[0]["metadata"]["name"])
    wrong.until_gone(f"{NODES}/{node}")


@pytest.mark.parametrize("wrong", ["node_never_removed"], indirect=True)
def test_node_that_nobody_needs_stays_as_a_candidate(wrong: Client) -> None:
    node = _new_node(wrong)
    wrong.call("DELETE", PODS.format("test") + "?gracePeriodSeconds=0")
    path = f"{NODES}/{node['metadata']['name']}"
    marked = wrong.until(path, lambda obj: "DeletionCandidate" in str(obj["spec"].get("taints")))
    assert not any(t["effect"] == "NoSchedule" for t in marked["spec"]["taints"])


@pytest.mark.parametrize("wrong", ["pool_is_fixed"], indirect=True)
def test_fixed_pool_says_that_it_is_full(wrong: Client) -> None:
    assert any("max node group size reached" in e["object"]["message"] for e in _until_full(wrong, "test"))
    assert (group(wrong)["health"]["minSize"], group(wrong)["health"]["maxSize"]) == (2, 2)
    assert added(wrong) == []


@pytest.mark.parametrize("wrong", ["autoscaler_does_nothing"], indirect=True)
def test_autoscaler_that_stands_still_tells_nothing(wrong: Client) -> None:
    for n in range(5):
        wrong.until(f"{PODS.format('test')}/p{n}", lambda obj: bool(obj["status"].get("conditions")))
    listed = wrong.get("/api/v1/namespaces/test/events")["items"]
    assert {event["source"].get("component") for event in listed} <= {"kubelet", None}
    assert added(wrong) == []
