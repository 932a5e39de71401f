"""Devices are shared, cut and virtualized as real platforms do it, and every switch breaks just one thing of that."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance import content, simulator
from tests.simulator.client import CLAIMS, PODS, Client, claim
from tests.simulator.client import pod as pod_of
from tests.simulator.test_faults import HOLD, LOOK, Ground

SHARED, PART, VIRTUAL = "sim.dev/accel.shared", "sim.dev/part-1g", "sim.dev/virtual"


class Shares:
    """A world with switches set, and pods that hold a unit of a resource on its first node."""

    def __init__(self, running: simulator.Running) -> None:
        self.running, self.client = running, Client(running.kubeconfig)
        self.space = self.client.namespace("a")
        self.ground = Ground(self.client, self.space)

    def node(self, name: str = "node-a") -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/api/v1/nodes/{name}")
        return found

    def start(self, name: str, resource: str, *, units: int = 1, node: str = "node-a") -> str:
        """Path of a pod that holds units, on whatever node where none is named."""
        main = {
            "name": "main",
            "image": "python:3",
            "command": HOLD,
            "resources": {"limits": {resource: str(units)}},
            "volumeMounts": [{"name": "probe", "mountPath": "/opt/probe"}],
        }
        pinned = {"kubernetes.io/hostname": node} if node else {}
        body = pod_of(name, "", containers=[main], nodeSelector=pinned, volumes=[self.ground.volume])
        self.client.create(PODS.format(self.space), body)
        return f"{PODS.format(self.space)}/{name}"

    def hold(self, name: str, resource: str, **more: Any) -> dict[str, Any]:
        """What such a pod sees, once it runs."""
        path = self.start(name, resource, **more)
        self.client.until(path, lambda obj: obj["status"]["phase"] == "Running")
        return self.said(path)

    def said(self, path: str) -> dict[str, Any]:
        connection, log = self.client.open("GET", f"{path}/log?follow=true")
        answer: dict[str, Any] = json.loads(log.readline())
        connection.close()
        return answer

    def refused(self, name: str, resource: str) -> str:
        """Why a pod does not run."""
        path = self.start(name, resource)
        found = self.client.until(path, lambda obj: obj["status"]["phase"] == "Failed" or bool(_waits(obj)))
        return str(found["status"].get("message") or _waits(found))

    def claimed(self, name: str, expression: str) -> dict[str, Any]:
        """What a pod sees whose claim takes a device that a selector picks."""
        wanted = claim(name, selectors=[{"cel": {"expression": expression}}])
        self.client.create(CLAIMS.format(self.space), wanted)
        main = {
            "name": "main",
            "image": "python:3",
            "command": LOOK,
            "resources": {"claims": [{"name": "acc"}]},
            "volumeMounts": [{"name": "probe", "mountPath": "/opt/probe"}],
        }
        claims = [{"name": "acc", "resourceClaimName": name}]
        body = pod_of(name, "", containers=[main], resourceClaims=claims, volumes=[self.ground.volume])
        self.client.create(PODS.format(self.space), body)
        path = f"{PODS.format(self.space)}/{name}"
        self.client.until(path, lambda obj: obj["status"]["phase"] == "Succeeded")
        return self.said(path)


def _waits(obj: dict[str, Any]) -> str:
    return "".join(c.get("message", "") for c in obj["status"].get("conditions", []) if c["status"] == "False")


@contextmanager
def world(folder: Path, name: str, **components: dict[str, Any]) -> Iterator[Shares]:
    """A world with switches of its components set."""
    found = yaml.safe_load((content.FIXTURES / "worlds" / f"{name}.yaml").read_text())
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({**found, "components": components}))
    with simulator.start(file) as running:
        yield Shares(running)
        assert running.crashes == []


def seen(answer: dict[str, Any]) -> list[dict[str, str]]:
    """What the devices say that a probe opened."""
    opened = [node["content"] for node in answer["nodes"] if node["open"] == "ok"]
    return [dict(word.split("=") for word in text.split() if "=" in word) for text in opened]


def uuids(answers: list[dict[str, Any]]) -> list[str]:
    return [device["uuid"] for answer in answers for device in seen(answer)]


def amount(node: dict[str, Any], resource: str) -> str:
    return str(node["status"]["allocatable"].get(resource))


def test_units_of_time_sliced_devices_are_spread_and_then_shared(tmp_path: Path) -> None:
    with world(tmp_path, "time-sliced") as shares:
        node = shares.node()
        labels = node["metadata"]["labels"]
        assert amount(node, SHARED) == "4"
        assert [labels[f"sim.dev/{name}"] for name in ("count", "replicas", "sharing-strategy")] == [
            "2",
            "2",
            "time-slicing",
        ]
        found = uuids([shares.hold(name, SHARED) for name in ("p", "q", "r", "s")])
        assert found == ["SIM-0000", "SIM-0001", "SIM-0000", "SIM-0001"]
        assert f"Insufficient {SHARED}" in shares.refused("t", SHARED)
        assert "sim.dev/count" not in shares.node("node-b")["metadata"]["labels"]


def test_ids_of_units_name_device_and_number(tmp_path: Path) -> None:
    with world(tmp_path, "time-sliced") as shares:
        path = shares.start("p", SHARED, units=3)
        status = shares.client.until(path, lambda obj: obj["status"]["phase"] == "Running")["status"]
        told = status["containerStatuses"][0]["allocatedResourcesStatus"][0]
        assert {unit["resourceID"] for unit in told["resources"]} == {"SIM-0000::0", "SIM-0000::1", "SIM-0001::0"}
        assert uuids([shares.said(path)]) == ["SIM-0000", "SIM-0001"]


def test_plugin_that_needs_a_device_for_each_replica_refuses_the_third_pod(tmp_path: Path) -> None:
    with world(tmp_path, "time-sliced", plugin={"replicas_are_devices": True}) as shares:
        assert amount(shares.node(), SHARED) == "4"
        assert uuids([shares.hold(name, SHARED) for name in ("p", "q")]) == ["SIM-0000", "SIM-0001"]
        assert "no device is free" in shares.refused("r", SHARED)


@pytest.mark.parametrize(("name", "resource"), [("time-sliced", SHARED), ("partitioned", PART)])
def test_plugin_hands_out_one_unit_more_than_is_allocatable(tmp_path: Path, name: str, resource: str) -> None:
    with world(tmp_path, name, plugin={"beyond_limit": True}) as shares:
        assert amount(shares.node(), resource) == "4"
        assert len([shares.hold(f"p{n}", resource) for n in range(5)]) == 5
        assert f"Insufficient {resource}" in shares.refused("q", resource)


@pytest.mark.parametrize(("name", "resource"), [("time-sliced", SHARED), ("partitioned", PART)])
def test_plugin_that_miscounts_registers_one_unit_less(tmp_path: Path, name: str, resource: str) -> None:
    with world(tmp_path, name, plugin={"miscounts": True}) as shares:
        assert amount(shares.node(), resource) == "3"
        assert amount(shares.node("node-b"), "sim.dev/accel") == "2"


def test_partition_is_a_device_of_its_own_and_names_its_parent(tmp_path: Path) -> None:
    with world(tmp_path, "partitioned") as shares:
        node = shares.node()
        labels = node["metadata"]["labels"]
        assert (amount(node, PART), amount(node, "sim.dev/accel")) == ("4", "None")
        assert [labels[f"{PART}.{name}"] for name in ("count", "replicas", "memory")] == ["4", "1", "4096"]
        found = [device for n in range(4) for device in seen(shares.hold(f"p{n}", PART))]
        assert {device["uuid"] for device in found} == {"SIM-1000", "SIM-1001", "SIM-1010", "SIM-1011"}
        assert sorted(device["parent"] for device in found) == ["SIM-0000", "SIM-0000", "SIM-0001", "SIM-0001"]
        assert {device["memory"] for device in found} == {"4Gi"}
        assert f"Insufficient {PART}" in shares.refused("q", PART)


def test_partition_lets_the_whole_memory_be_used(tmp_path: Path) -> None:
    with world(tmp_path, "partitioned", hardware={"partition_memory": "whole"}) as shares:
        (device,) = seen(shares.hold("p", PART))
        assert (device["uuid"], device["memory"]) == ("SIM-1000", "16Gi")
        assert shares.node()["metadata"]["labels"][f"{PART}.memory"] == "4096"


def test_two_partitions_are_one(tmp_path: Path) -> None:
    with world(tmp_path, "partitioned", hardware={"partitions_alias": True}) as shares:
        answers = [shares.hold(f"p{n}", PART) for n in range(4)]
        assert sorted(uuids(answers)) == ["SIM-1000", "SIM-1000", "SIM-1010", "SIM-1010"]
        assert len({answer["environment"]["SIM_ACCELERATOR"] for answer in answers}) == 4


def test_dra_publishes_partitions_beside_their_devices_with_counters_for_both(tmp_path: Path) -> None:
    with world(tmp_path, "dra-shared") as shares:
        slices = [one["spec"] for one in shares.client.get("/apis/resource.k8s.io/v1/resourceslices")["items"]]
        own = [spec for spec in slices if spec["nodeName"] == "node-a"]
        assert [spec["pool"]["resourceSliceCount"] for spec in own] == [2, 2]
        counters = next(spec["sharedCounters"] for spec in own if spec.get("sharedCounters"))
        assert {one["name"]: one["counters"]["memory"]["value"] for one in counters} == {
            "accel-0-counters": "16Gi",
            "accel-1-counters": "16Gi",
        }
        devices = next(spec["devices"] for spec in own if spec.get("devices"))
        used = {one["name"]: one["consumesCounters"][0]["counters"]["memory"]["value"] for one in devices}
        assert (used["accel-0"], used["accel-0-1g-1"], len(used)) == ("16Gi", "4Gi", 6)
        part = next(one["attributes"] for one in devices if one["name"] == "accel-1-1g-0")
        assert (part["type"], part["parentUUID"]) == ({"string": "partition"}, {"string": "SIM-0001"})


def test_dra_publishes_devices_that_several_claims_may_be_given(tmp_path: Path) -> None:
    with world(tmp_path, "dra-shared") as shares:
        slices = [one["spec"] for one in shares.client.get("/apis/resource.k8s.io/v1/resourceslices")["items"]]
        (own,) = [spec for spec in slices if spec["nodeName"] == "node-b"]
        assert all(one["allowMultipleAllocations"] for one in own["devices"])
        policy = own["devices"][0]["capacity"]["memory"]["requestPolicy"]
        assert policy == {"default": "4Gi", "validRange": {"min": "1Gi", "step": "1Gi"}}


def test_claim_for_a_partition_gives_that_partition(tmp_path: Path) -> None:
    with world(tmp_path, "dra-shared") as shares:
        (device,) = seen(shares.claimed("p", "device.attributes['accel.sim.dev'].type == 'partition'"))
        assert (device["parent"], device["memory"]) == ("SIM-0000", "4Gi")


@pytest.mark.parametrize(
    ("switch", "told"),
    [({}, {"memory": "4Gi", "virtual": "yes"}), ({"virtual_is_whole": True}, {"memory": "16Gi", "virtual": None})],
)
def test_virtual_device_is_one_or_with_the_fault_the_whole(
    tmp_path: Path, switch: dict[str, Any], told: dict[str, str | None]
) -> None:
    with world(tmp_path, "virtual", hardware=switch) as shares:
        assert amount(shares.node(), VIRTUAL) == "2"
        (device,) = seen(shares.hold("p", VIRTUAL))
        assert {key: device.get(key) for key in told} == told
        assert device.get("parent", device["uuid"]) == "SIM-0000"


@pytest.mark.parametrize(("only", "versions"), [("", ["2.0.0", "2.0.0"]), ("node-b", ["1.0.0", "2.0.0"])])
def test_platform_tells_another_version_than_the_device(tmp_path: Path, only: str, versions: list[str]) -> None:
    with world(tmp_path, "conformant", discovery={"version": "2.0.0", "only_on": only}) as shares:
        nodes = [shares.node(name) for name in ("node-a", "node-b")]
        assert [node["metadata"]["labels"]["sim.dev/driver-version"] for node in nodes] == versions
        slices = [one["spec"] for one in shares.client.get("/apis/resource.k8s.io/v1/resourceslices")["items"]]
        told = {spec["nodeName"]: spec["devices"][0]["attributes"]["driverVersion"]["version"] for spec in slices}
        assert [told["node-a"], told["node-b"]] == versions
        (device,) = seen(shares.hold("p", "sim.dev/accel", node="node-b"))
        assert device["driver"] == "1.0.0"


def test_runtime_of_one_node_injects_the_environment_alone(tmp_path: Path) -> None:
    with world(tmp_path, "conformant", runtime={"not_injected_on": "node-a"}) as shares:
        missing = shares.hold("p", "sim.dev/accel")
        assert (seen(missing), missing["environment"]["SIM_ACCELERATOR"]) == ([], "SIM-0002")
        assert uuids([shares.hold("q", "sim.dev/accel", node="node-b")]) == ["SIM-0006"]
