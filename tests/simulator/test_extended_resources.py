"""Extended resources that a DeviceClass stands for: the scheduler makes the claim, the kubelet gives the device to the container that asked."""

import json

import pytest

from conformance.simulator.switches import Switches
from tests.simulator.client import CLAIMS, PODS, Client, pod
from tests.simulator.dra import CLASS, CLASSES, OTHER, STAY, Json, Maker, Pools

IMPLICIT = f"deviceclass.resource.kubernetes.io/{OTHER}"
NAME = "other.example.com/gpu"
LOOK = "import glob, os, json; print(json.dumps([glob.glob('/dev/simaccel*'), os.environ.get('SIM_ACCELERATOR')]))"


@pytest.fixture
def pools(client: Client, namespace: str, made: Maker) -> Pools:
    """A class that stands for an extended resource, and two devices of it on node-a."""
    found = Pools(client, namespace, made)
    path = f"{CLASSES}/{OTHER}"
    body = client.get(path)
    body["spec"]["extendedResourceName"] = NAME
    assert client.call("PUT", path, body).status == 200
    found.publish({"name": "d0"}, {"name": "d1"})
    return found


def asks(pools: Pools, name: str, resource: str = NAME, count: str = "1", script: str = STAY, **spec: object) -> None:
    """A pod that asks for an extended resource in its one container."""
    main = {"resources": {"limits": {resource: count}}}
    pools.client.create(PODS.format(pools.namespace), pod(name, script, container=main, **spec))


def bound(pools: Pools, name: str) -> Json:
    """A pod once it has a node."""
    path = f"{PODS.format(pools.namespace)}/{name}"
    return pools.client.until(path, lambda obj: bool(obj["spec"].get("nodeName")))


@pytest.mark.parametrize("resource", [NAME, IMPLICIT])
def test_pod_that_asks_for_the_resource_gets_a_claim_of_its_own(pools: Pools, resource: str) -> None:
    asks(pools, "p", resource)
    held = bound(pools, "p")
    status = held["status"]["extendedResourceClaimStatus"]
    mapping = {"containerName": "main", "resourceName": resource, "requestName": "container-0-request-0"}
    assert status["requestMappings"] == [mapping]
    claim = pools.client.get(f"{CLAIMS.format(pools.namespace)}/{status['resourceClaimName']}")
    meta = claim["metadata"]
    assert meta["name"].startswith("p-extended-resources-")
    assert meta["annotations"] == {"resource.kubernetes.io/extended-resource-claim": "true"}
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": held["metadata"]["uid"], "controller": True}
    assert meta["ownerReferences"] == [owner]
    (request,) = claim["spec"]["devices"]["requests"]
    exactly = {"deviceClassName": OTHER, "allocationMode": "ExactCount", "count": 1}
    assert request == {"name": "container-0-request-0", "exactly": exactly}
    assert claim["status"]["allocation"]["devices"]["results"][0]["device"] == "d0"
    assert [user["name"] for user in claim["status"]["reservedFor"]] == ["p"]
    pools.client.call("DELETE", f"{PODS.format(pools.namespace)}/p?gracePeriodSeconds=0")
    pools.client.until_gone(f"{CLAIMS.format(pools.namespace)}/{meta['name']}")


def test_pod_waits_until_a_device_of_the_class_is_free(pools: Pools) -> None:
    asks(pools, "p", count="2")
    bound(pools, "p")
    asks(pools, "q")
    assert "cannot allocate all claims" in pools.why("q")
    assert "extendedResourceClaimStatus" not in pools.client.get(f"{PODS.format(pools.namespace)}/q")["status"]
    assert len(pools.client.get(CLAIMS.format(pools.namespace))["items"]) == 1
    pools.client.call("DELETE", f"{PODS.format(pools.namespace)}/p?gracePeriodSeconds=0")
    bound(pools, "q")


@pytest.mark.parametrize("part", ["allocator", "dra"])
def test_resource_is_accepted_and_not_served_with_the_fault_or_without_the_gate(
    pools: Pools, switches: Switches, part: str
) -> None:
    switches.allocator.serves_extended_resources = part != "allocator"
    switches.dra.extended_resource = part != "dra"
    asks(pools, "p")
    assert f"2 Insufficient {NAME}" in pools.why("p")


def test_resource_of_no_class_is_insufficient(pools: Pools) -> None:
    asks(pools, "p", "nobody.example.com/gpu")
    assert "2 Insufficient nobody.example.com/gpu" in pools.why("p")


def test_requests_and_mappings_follow_the_containers(pools: Pools) -> None:
    pools.publish({"name": "d2"}, name="pool-b")

    def container(name: str, count: str, **more: object) -> Json:
        limits = {NAME: count, "cpu": "10m", "memory": "16Mi"}
        return {
            "name": name,
            "image": "python:3",
            "command": ["python3", "-c", STAY],
            "resources": {"limits": limits},
            **more,
        }

    first = {**container("init", "3"), "command": ["python3", "-c", ""]}
    body = pod("p", STAY, containers=[container("a", "1"), container("b", "1")], initContainers=[first])
    pools.client.create(PODS.format(pools.namespace), body)
    status = bound(pools, "p")["status"]["extendedResourceClaimStatus"]
    assert sorted((m["containerName"], m["requestName"]) for m in status["requestMappings"]) == [
        ("a", "container-1-request-2"),
        ("b", "container-2-request-2"),
        ("init", "container-0-request-2"),
        ("init", "container-1-request-2"),
        ("init", "container-2-request-2"),
    ]
    claim = pools.client.get(f"{CLAIMS.format(pools.namespace)}/{status['resourceClaimName']}")
    assert [(r["name"], r["exactly"]["count"]) for r in claim["spec"]["devices"]["requests"]] == [
        ("container-0-request-2", 1),
        ("container-1-request-2", 1),
        ("container-2-request-2", 1),
    ]


def test_device_is_injected_where_it_was_asked_for_and_the_claim_ends_with_the_pod(
    client: Client, namespace: str
) -> None:
    main = {
        "name": "main",
        "image": "python:3",
        "command": ["python3", "-c", LOOK],
        "resources": {"limits": {f"deviceclass.resource.kubernetes.io/{CLASS}": "1"}},
    }
    beside = {"name": "beside", "image": "python:3", "command": ["python3", "-c", LOOK]}
    path = f"{PODS.format(namespace)}/p"
    client.create(PODS.format(namespace), pod("p", "", containers=[main, beside]))
    done = client.until(path, lambda obj: obj["status"]["phase"] == "Succeeded")
    (nodes, told), (none, nothing) = (
        json.loads(client.log(namespace, "p", f"container={n}")) for n in ("main", "beside")
    )
    assert (len(nodes), told, none, nothing) == (1, f"SIM-{int(nodes[0].removeprefix('/dev/simaccel')):04d}", [], None)
    client.until_gone(
        f"{CLAIMS.format(namespace)}/{done['status']['extendedResourceClaimStatus']['resourceClaimName']}"
    )


def test_device_plugin_that_has_the_resource_comes_first(client: Client, namespace: str, made: Maker) -> None:
    spec = {"selectors": [{"cel": {"expression": "true"}}], "extendedResourceName": "sim.dev/accel"}
    made(CLASSES, {"metadata": {"name": "plugged"}, "spec": spec})
    body = pod("p", "pass", container={"resources": {"limits": {"sim.dev/accel": "1"}}})
    client.create(PODS.format(namespace), body)
    done = client.until(f"{PODS.format(namespace)}/p", lambda obj: obj["status"]["phase"] == "Succeeded")
    assert "extendedResourceClaimStatus" not in done["status"]
    assert client.get(CLAIMS.format(namespace))["items"] == []


def test_class_is_found_by_a_name_that_it_gets_later(pools: Pools) -> None:
    asks(pools, "p", "later.example.com/gpu")
    assert "Insufficient later.example.com/gpu" in pools.why("p")
    body = pools.client.get(f"{CLASSES}/{OTHER}")
    body["spec"]["extendedResourceName"] = "later.example.com/gpu"
    assert pools.client.call("PUT", f"{CLASSES}/{OTHER}", body).status == 200
    assert bound(pools, "p")["status"]["extendedResourceClaimStatus"]
