"""``accelerators``: what people and programs are told about the accelerators of a cluster, and that a vendor is a file."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance import simulator
from conformance.cluster import connect
from conformance.commands import accelerator_tables, accelerators
from conformance.inventory import descriptors, take
from tests.inventory.fakes import FakeCluster, Object, bare_node, cluster, with_amounts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.simulator import Running
    from tests.cli.conftest import Command

RESOURCE = "/apis/resource.k8s.io/v1"
ACME = """
id: acme
title: Chips of Acme
dra:
  drivers: [chips.acme.dev]
  device_classes: [chip.acme.dev]
  whole: {attribute: form, equals: chip}
  partition: {attribute: form, equals: core, parent: chip, device_classes: [core.acme.dev]}
  model: series
device_plugin:
  resources: [acme.dev/chip]
  shares:
    - strategy: time-slicing
      when: {label: acme.dev/sharing, equals: turns}
      devices: acme.dev/chips
  model: acme.dev/series
"""


def _device(name: str, form: str, **more: Any) -> Object:
    attributes = {"form": {"string": form}, "series": {"string": "A1"}, **more}
    return {"name": name, "attributes": attributes, "capacity": {"memory": {"value": "8Gi" if more else "32Gi"}}}


def _acme_slice(devices: list[Object]) -> Object:
    pool = {"name": "acme-a", "generation": 1, "resourceSliceCount": 1}
    spec = {"driver": "chips.acme.dev", "nodeName": "node-a", "pool": pool, "devices": devices}
    kind = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "acme-a"}}
    return {**kind, "spec": spec}


@pytest.fixture(scope="module")
def acme() -> "Iterator[Running]":
    """A simulated cluster on which a driver of an invented vendor publishes a chip and two cores of another one."""
    with simulator.start("time-sliced") as running:
        api = connect(str(running.kubeconfig))
        cores = [_device(f"core-{n}", "core", chip={"string": "chip-1"}) for n in range(2)]
        api.create(f"{RESOURCE}/resourceslices", _acme_slice([_device("chip-0", "chip"), *cores]))
        for name, resource in (("chip.acme.dev", "acme.dev/chip"), ("core.acme.dev", "acme.dev/core")):
            meta = {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": name}}
            api.create(f"{RESOURCE}/deviceclasses", {**meta, "spec": {"extendedResourceName": resource}})
        yield running


def _told(command: "Command", running: "Running", *more: object) -> dict[str, Any]:
    said = command("accelerators", "--kubeconfig", running.kubeconfig, "--output", "json", *more)
    assert said.code == 0, said.err
    return {kind["id"]: kind for kind in json.loads(said.out)["kinds"] if kind["name"] == "chips.acme.dev"}


def test_a_vendor_that_no_descriptor_knows_is_shown_as_unknown(command: "Command", acme: "Running") -> None:
    (kind,) = (kind for kind in _told(command, acme).values() if not kind["shared"])
    assert (kind["units"], kind["descriptor"], kind["device_class"], kind["model"]) == (3, None, None, None)
    assert "none: unknown" in command("accelerators", "--kubeconfig", acme.kubeconfig).out


def test_a_new_vendor_is_a_file(command: "Command", acme: "Running", tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(ACME, encoding="utf-8")

    told = _told(command, acme, "--descriptor", file)

    seen = {name: (k["shared"], k["units"], k["physical"], k["device_class"], k["model"]) for name, k in told.items()}
    assert seen == {
        "dra-a1": (None, 1, None, "chip.acme.dev", "A1"),
        "dra-a1+shared-claim": ("shared-claim", 1, 1, "chip.acme.dev", "A1"),
        "dra-a1-8gi+partitions": ("partitions", 2, 1, "core.acme.dev", "A1"),
    }
    assert {kind["descriptor"] for kind in told.values()} == {"acme"}
    assert "none: unknown" not in command("accelerators", "--kubeconfig", acme.kubeconfig, "--descriptor", file).out


def test_a_new_vendors_way_of_sharing_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(ACME, encoding="utf-8")
    labels = {"acme.dev/sharing": "turns", "acme.dev/chips": "2", "acme.dev/series": "A1"}
    api = cluster(with_amounts({"acme.dev/chip": "8"}, labels=labels))

    before, after = (take(api, descriptors.load(extra)) for extra in ((), (str(file),)))

    assert ([k.devices for k in before.kinds], before.shares) == ([8], ())
    assert after.kinds == ()
    assert [(s.strategy, s.devices, s.physical, s.model) for s in after.shares] == [("time-slicing", 8, 2, "A1")]


def test_a_wrong_descriptor_is_one_line_and_exit_code_2(command: "Command", tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(ACME.replace("time-slicing", "magic"), encoding="utf-8")
    said = command("accelerators", "--descriptor", file)
    assert said.code == 2
    assert f"{file}:" in said.error()
    assert "device_plugin.shares[0].strategy" in said.error()


def test_a_class_that_backs_an_extended_resource_is_named(command: "Command", acme: "Running", tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    file.write_text(ACME, encoding="utf-8")
    said = command("accelerators", "--kubeconfig", acme.kubeconfig, "--descriptor", file)
    assert _told(command, acme, "--descriptor", file)["dra-a1"]["extended_resource"] == "acme.dev/chip"
    assert "also as extended resource acme.dev/chip" in said.out


def test_what_pods_hold_is_allocated(command: "Command", cluster: "Running") -> None:
    found = json.loads(command("accelerators", "--kubeconfig", cluster.kubeconfig, "--format", "json").out)
    assert all(kind["units"] == kind["allocated"] + kind["free"] for kind in found["kinds"])


def test_leave_to_read_is_enough(command: "Command", cluster: "Running") -> None:
    words = ("accelerators", "--kubeconfig", cluster.kubeconfig, "--context")
    assert command(*words, "simulated-viewer").out.splitlines()[1:] == command(*words, "simulated").out.splitlines()[1:]


def test_a_cluster_that_cannot_be_reached_is_exit_code_3(command: "Command", tmp_path: Path) -> None:
    text = "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
    text += "clusters: [{name: k, cluster: {server: 'http://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n"
    (tmp_path / "kc").write_text(text, encoding="utf-8")
    assert command("accelerators", "--kubeconfig", tmp_path / "kc").code == 3


def _shown(api: FakeCluster) -> str:
    found = take(api, descriptors.load())
    told = accelerators.document(found, server="https://cluster", context=None, version="v1.37.0")
    assert json.loads(json.dumps(told)) == told
    return accelerator_tables.text(told)


def test_without_the_list_of_pods_what_is_free_is_unknown() -> None:
    api = cluster(with_amounts({"nvidia.com/gpu": "8"}))
    api.forbidden = {"/api/v1/pods"}
    text = _shown(api)
    (line,) = (line for line in text.splitlines() if line.startswith("model not told by device plugin"))
    assert line.split()[-5:] == ["8", "unknown", "unknown", "1", "nvidia"]
    assert "- not allowed to list pods" in text


def test_without_the_list_of_nodes_nothing_is_claimed() -> None:
    api = cluster(with_amounts({"nvidia.com/gpu": "8"}))
    api.forbidden = {"/api/v1/nodes"}
    assert "not allowed to list nodes" in _shown(api)


def test_thousands_of_nodes_and_hostile_names_stay_on_100_columns() -> None:
    hostile = "\x1b[2J\n|" + "x" * 300
    nodes = [with_amounts({"acme.dev/" + hostile: "4"}, name=f"node-{n:05d}-{hostile}") for n in range(3000)]
    text = _shown(cluster(*nodes))
    assert "\x1b" not in text
    lines = text.splitlines()
    assert len(lines) < 100
    assert max(map(len, lines)) <= 100
    assert "… and 2,980 more nodes; --output json lists all" in text


def test_pools_that_are_incomplete_and_devices_that_are_tainted_are_noted() -> None:
    broken = {"driver": "d.dev", "pool": {"name": "p", "generation": 1, "resourceSliceCount": 2}, "nodeName": "n"}
    tainted = _acme_slice([{"name": "a", "taints": [{"key": "k", "effect": "NoSchedule"}]}])
    text = _shown(cluster(bare_node("node-a"), slices=({"metadata": {"name": "s"}, "spec": broken}, tainted)))
    assert "- pool p of d.dev is incomplete: 1 of 2 slices" in text
    assert "- 1 devices of chips.acme.dev are tainted" in text


def test_a_resource_that_dra_backs_is_no_device_plugin_with_nothing() -> None:
    api = cluster(with_amounts({"nvidia.com/gpu": "0"}), slices=(), classes=("gpu.nvidia.com",))
    api.lists[f"{RESOURCE}/deviceclasses"][0]["spec"] = {"extendedResourceName": "nvidia.com/gpu"}
    (kind,) = take(api, descriptors.load()).kinds
    assert kind.way == "dra"
