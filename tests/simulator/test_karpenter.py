"""The stand-in for Karpenter: NodeClaims, limits of NodePools, no pods with claims, and an end for empty nodes."""

from collections.abc import Iterator
from typing import Any

import pytest

from conformance import simulator
from tests.simulator.client import PODS, Client, pod
from tests.simulator.test_allocation import STAY
from tests.simulator.test_cluster_autoscaler import NODES, PLUGIN, told

pytestmark = pytest.mark.slow

POOL = "/apis/karpenter.sh/v1/nodepools/accelerated"
CLAIMS = "/apis/karpenter.sh/v1/nodeclaims"
LABEL = {"karpenter.sh/nodepool": "accelerated"}


@pytest.fixture(scope="module")
def ground() -> Iterator[Client]:
    with simulator.start("karpenter") as cluster:
        client = Client(cluster.kubeconfig)
        client.namespace("test")
        yield client
        assert cluster.crashes == []


@pytest.fixture(autouse=True)
def _clean(ground: Client) -> Iterator[None]:
    """When a test ends, only the node of the world is left."""
    yield
    clear(ground)


def clear(ground: Client) -> None:
    ground.call("DELETE", PODS.format("test") + "?gracePeriodSeconds=0")
    for claim in ground.get(CLAIMS)["items"]:
        if claim["metadata"]["name"] != "node-a":
            ground.until_gone(f"{NODES}/{claim['metadata']['name']}")
            ground.until_gone(f"{CLAIMS}/{claim['metadata']['name']}")


def fill(ground: Client, count: int) -> None:
    for n in range(count):
        ground.create(PODS.format("test"), pod(f"p{n}", STAY, container=PLUGIN, nodeSelector=LABEL))


def true(obj: dict[str, Any]) -> set[str]:
    return {c["type"] for c in obj.get("status", {}).get("conditions", []) if c["status"] == "True"}


def test_pool_and_claim_of_the_world_are_ready(ground: Client) -> None:
    pool = ground.until(POOL, lambda obj: "Ready" in true(obj))
    assert true(pool) == {"ValidationSucceeded", "NodeClassReady", "NodeRegistrationHealthy", "Ready"}
    assert pool["spec"]["limits"] == {"sim.dev/accel": "4"}
    assert pool["status"]["resources"]["nodes"] == "1"
    claim = ground.until(f"{CLAIMS}/node-a", lambda obj: "Ready" in true(obj))
    assert {"Launched", "Registered", "Initialized"} < true(claim)
    node = ground.get(f"{NODES}/node-a")
    assert node["metadata"]["labels"]["karpenter.sh/nodepool"] == "accelerated"
    assert node["spec"]["providerID"] == claim["status"]["providerID"]


def test_pod_that_does_not_fit_gets_a_node_claim_which_goes_with_it(ground: Client) -> None:
    fill(ground, 3)
    for n in range(3):
        ground.until(f"{PODS.format('test')}/p{n}", lambda obj: obj["status"].get("phase") == "Running")
    claim = next(c for c in ground.get(CLAIMS)["items"] if c["metadata"]["name"] != "node-a")
    name = claim["metadata"]["name"]
    assert told(ground, "test", "p2", "Nominated") == f"Pod should schedule on: nodeclaim/{name}, node/{name}"
    ready = ground.until(f"{CLAIMS}/{name}", lambda obj: "Initialized" in true(obj))
    assert ready["status"]["nodeName"] == name
    labels = ground.get(f"{NODES}/{name}")["metadata"]["labels"]
    assert (labels["karpenter.sh/nodepool"], labels["karpenter.sh/registered"]) == ("accelerated", "true")
    clear(ground)
    assert [n["metadata"]["name"] for n in ground.get(NODES)["items"]] == ["node-a"]


def said(ground: Client, words: str) -> bool:
    """Whether Karpenter says this about a pod, sooner or later."""
    events = ground.watch("/api/v1/namespaces/test/events?watch=1&timeoutSeconds=20")
    found = (event["object"] for event in events)
    return any(e["source"].get("component") == "karpenter" and words in e["message"] for e in found)


def test_limits_of_the_pool_hold(ground: Client) -> None:
    fill(ground, 5)
    assert said(ground, 'all available instance types exceed limits for nodepool: "accelerated"')
    assert len(ground.get(NODES)["items"]) == 2


def test_pod_with_a_claim_is_refused(ground: Client) -> None:
    claims = [{"name": "acc", "resourceClaimName": "any"}]
    path = "/apis/resource.k8s.io/v1/namespaces/test/resourceclaims"
    request = {"name": "acc", "exactly": {"deviceClassName": "accel.sim.dev"}}
    ground.create(path, {"metadata": {"name": "any"}, "spec": {"devices": {"requests": [request]}}})
    main = {"resources": {"claims": [{"name": "acc"}]}}
    ground.create(PODS.format("test"), pod("p0", STAY, container=main, resourceClaims=claims))
    assert said(ground, "Dynamic Resource Allocation")
    assert len(ground.get(NODES)["items"]) == 1


def test_node_deleted_by_hand_takes_its_claim_along(ground: Client) -> None:
    fill(ground, 3)
    for n in range(3):
        ground.until(f"{PODS.format('test')}/p{n}", lambda obj: obj["status"].get("phase") == "Running")
    name = next(c["metadata"]["name"] for c in ground.get(CLAIMS)["items"] if c["metadata"]["name"] != "node-a")
    ground.call("DELETE", f"{NODES}/{name}")
    ground.until_gone(f"{CLAIMS}/{name}")
    ground.until_gone(f"{NODES}/{name}")


def test_fault_adds_a_node_without_the_label_of_its_pool_and_the_pod_goes_on_waiting() -> None:
    with simulator.start("karpenter", ["autoscaler_adds_other_label"]) as cluster:
        client = Client(cluster.kubeconfig)
        client.namespace("test")
        fill(client, 3)
        events = client.watch(f"{NODES}?watch=1&timeoutSeconds=20")
        node = next(e["object"] for e in events if e["object"]["metadata"]["name"] != "node-a")
        assert node["metadata"]["labels"].get("karpenter.sh/nodepool") != "accelerated"
        waiting = [client.get(f"{PODS.format('test')}/p{n}") for n in range(3)]
        assert sum("nodeName" not in pod["spec"] for pod in waiting) == 1
        assert cluster.crashes == []
