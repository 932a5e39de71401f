"""Descriptors: the ones that come with the suite, and what is said of one that is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.errors import ConfigurationError
from conformance.inventory import Inventory, descriptors, take
from tests.inventory.fakes import Object, cluster, with_amounts

VENDORS = {
    "amd",
    "aws-neuron",
    "example",
    "google-tpu",
    "huawei-ascend",
    "intel-gaudi",
    "intel-gpu",
    "nvidia",
    "simulated",
}
ALL = descriptors.load()


def _known(name: str) -> descriptors.Descriptor:
    return next(d for d in ALL if d.id == name)


def _take(*nodes: Object) -> Inventory:
    return take(cluster(*nodes), ALL)


def test_every_vendor_has_a_descriptor_that_validates() -> None:
    assert {d.id for d in ALL} == VENDORS


def test_no_two_descriptors_claim_one_driver_class_or_resource() -> None:
    for field in ("drivers", "device_classes", "resources"):
        names = [name for d in ALL for name in getattr(d, field)]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("name", sorted(VENDORS - {"example"}))
def test_a_vendor_with_device_nodes_tells_them_apart_and_from_control_nodes(name: str) -> None:
    found = _known(name)
    assert found.can_identify
    assert not any(found.is_accelerator(path) for path in found.control_nodes)


@pytest.mark.parametrize(
    ("name", "path", "identity"),
    [
        ("nvidia", "/dev/nvidia3", "3"),
        ("amd", "/dev/dri/renderD128", "128"),
        ("intel-gpu", "/dev/dri/renderD129", "129"),
        ("intel-gaudi", "/dev/accel/accel7", "7"),
        ("google-tpu", "/dev/accel2", "2"),
        ("google-tpu", "/dev/vfio/11", "11"),
        ("aws-neuron", "/dev/neuron15", "15"),
        ("huawei-ascend", "/dev/davinci4", "4"),
    ],
)
def test_a_device_node_is_an_accelerator_and_says_which(name: str, path: str, identity: str) -> None:
    found = _known(name)
    assert found.is_accelerator(path)
    assert found.node_identity is not None
    assert found.node_identity.of(path) == identity


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("nvidia", "/dev/nvidiactl"),
        ("nvidia", "/dev/nvidia-caps/nvidia-cap1"),
        ("amd", "/dev/kfd"),
        ("intel-gaudi", "/dev/accel/accel_controlD0"),
        ("google-tpu", "/dev/vfio/vfio"),
        ("huawei-ascend", "/dev/davinci_manager"),
    ],
)
def test_a_control_node_is_no_accelerator(name: str, path: str) -> None:
    assert not _known(name).is_accelerator(path)


SHARES = [
    ("nvidia.com/gpu.shared", {}, "time-slicing"),
    ("nvidia.com/mig-1g.5gb", {}, "partitions"),
    ("nvidia.com/mig-2g.10gb", {"nvidia.com/mig-2g.10gb.count": "3"}, "partitions"),
    ("nvidia.com/mig-1g.5gb", {"nvidia.com/mig-1g.5gb.sharing-strategy": "none"}, "partitions"),
    ("nvidia.com/mig-1g.5gb", {"nvidia.com/mig-1g.5gb.sharing-strategy": "time-slicing"}, "time-slicing"),
    ("nvidia.com/mig-1g.5gb.shared", {}, "time-slicing"),
    ("nvidia.com/gpu", {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb"}, "partitions"),
    (
        "nvidia.com/gpu",
        {"nvidia.com/gpu.product": "A100-MIG-1g.5gb-SHARED", "nvidia.com/gpu.sharing-strategy": "time-slicing"},
        "time-slicing",
    ),
    ("nvidia.com/gpu", {"cloud.google.com/gke-gpu-sharing-strategy": "time-sharing"}, "time-slicing"),
    ("nvidia.com/gpu", {"cloud.google.com/gke-gpu-partition-size": "1g.5gb"}, "partitions"),
    ("amd.com/cpx_nps4", {}, "partitions"),
    ("amd.com/gpu", {"amd.com/compute-memory-partition": "cpx_nps4"}, "partitions"),
    ("aws.amazon.com/neuroncore", {}, "partitions"),
    ("huawei.com/Ascend310P-4c", {}, "partitions"),
    ("huawei.com/Ascend910-16c", {}, "partitions"),
    ("huawei.com/Ascend310P-4c.3cpu", {}, "partitions"),
]


@pytest.mark.parametrize(("resource", "labels", "strategy"), SHARES)
def test_units_that_are_shares_are_no_whole_devices(resource: str, labels: Object, strategy: str) -> None:
    found = _take(with_amounts({resource: "4"}, labels=labels))
    assert ([k.id for k in found.kinds], [s.strategy for s in found.shares]) == ([], [strategy])


@pytest.mark.parametrize(
    ("resource", "labels"),
    [
        ("nvidia.com/gpu", {"nvidia.com/mig.strategy": "single", "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB"}),
        ("amd.com/gpu", {}),
        ("amd.com/gpu", {"amd.com/compute-memory-partition": "spx_nps1"}),
        ("amd.com/spx_nps1", {"amd.com/compute-memory-partition": "spx_nps1"}),
        ("gpu.intel.com/xe", {}),
        ("habana.ai/gaudi", {}),
        ("google.com/tpu", {}),
        ("aws.amazon.com/neuron", {}),
        ("huawei.com/Ascend910B3", {}),
    ],
)
def test_units_that_are_whole_devices_are_known(resource: str, labels: Object) -> None:
    (kind,) = _take(with_amounts({resource: "8"}, labels=labels)).kinds
    assert (kind.devices, kind.note, bool(kind.descriptor)) == (8, "", True)


@pytest.mark.parametrize("name", ["nvidia.com/gpumem", "gpu.intel.com/i915_monitoring", "huawei.com/Ascend310P-memory"])
def test_parts_that_are_asked_for_beside_a_device_are_no_kind(name: str) -> None:
    found = _take(with_amounts({name: "4096"}))
    assert (found.kinds, found.shares) == ((), ())


def test_partitions_that_are_shared_in_a_way_that_nobody_knows_are_not_used() -> None:
    labels = {"nvidia.com/mig-1g.5gb.sharing-strategy": "fancy"}
    found = _take(with_amounts({"nvidia.com/mig-1g.5gb": "8"}, labels=labels))
    assert (found.shares, "mig-1g.5gb.sharing-strategy=fancy" in found.kinds[0].note) == ((), True)


def test_a_partition_mode_that_nobody_knows_is_not_used() -> None:
    (kind,) = _take(with_amounts({"amd.com/gpu": "8"}, labels={"amd.com/compute-memory-partition": "new_nps9"})).kinds
    assert "new_nps9" in kind.note


@pytest.mark.parametrize(
    ("annotation", "physical"), [('[{"id": "GPU-1"}, {"id": "GPU-2"}]', 2), ("GPU-1,10:", None), ("[" * 9999, None)]
)
def test_gpus_that_hami_registers_several_times_are_slices(annotation: str, physical: int | None) -> None:
    node = with_amounts({"nvidia.com/gpu": "20"})
    node["metadata"]["annotations"] = {"hami.io/node-nvidia-register": annotation}
    found = _take(node)
    assert found.kinds == ()
    assert [(s.strategy, s.devices, s.nodes[0].physical) for s in found.shares] == [("slices", 20, physical)]


WRONG: list[tuple[Any, str]] = [
    ({"title": "x"}, "the key 'id' is missing"),
    ({"id": "x", "title": "x", "colour": "red"}, "colour"),
    ({"id": "X Y", "title": "x"}, ":1: id:"),
    ({"id": "x", "title": "x", "dra": {"drivers": []}}, ":1: dra: the key"),
    (
        {"id": "x", "title": "x", "device_plugin": {"resources": ["a/b"], "shares": [{"strategy": "magic"}]}},
        "device_plugin.shares[0]",
    ),
    (
        {"id": "x", "title": "x", "device_plugin": {"resources": ["a/b"], "shares": [{"strategy": "mps"}]}},
        "device_plugin.shares[0]",
    ),
    ({"id": "x", "title": "x", "device_nodes": {"accelerators": ["/dev/x"], "identity": {"path": "("}}}, "'('"),
    ({"id": "x", "title": "x", "device_nodes": {"accelerators": ["/dev/x"], "identity": {"path": "a"}}}, "no group"),
    (["x"], "is not a mapping"),
]


@pytest.mark.parametrize(("document", "word"), WRONG)
def test_a_wrong_descriptor_is_refused_in_one_line_with_the_place(tmp_path: Path, document: Any, word: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        descriptors.load([str(path)])
    said = str(refused.value)
    assert "\n" not in said
    assert str(path) in said
    assert word in said, said


@pytest.mark.parametrize("text", ["id: [", "", "id: x\ntitle: a\nid: y\n"])
def test_a_file_that_is_no_yaml_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        descriptors.load([str(path)])
    assert "\n" not in str(refused.value)
    assert str(path) in str(refused.value)


@pytest.mark.parametrize(
    ("resource", "labels", "untold"),
    [
        ("nvidia.com/gpu", {}, True),
        ("nvidia.com/gpu", {"nvidia.com/gpu.sharing-strategy": "none"}, False),
        ("nvidia.com/gpu", {"cloud.google.com/gke-accelerator": "nvidia-l4"}, False),
        ("gpu.intel.com/i915", {}, True),
        ("sim.dev/accel", {}, False),
        ("habana.ai/gaudi", {}, False),
    ],
)
def test_units_are_whole_without_doubt_only_where_shares_would_show(
    resource: str, labels: dict[str, str], *, untold: bool
) -> None:
    (kind,) = _take(with_amounts({resource: "4"}, labels=labels)).kinds
    assert kind.untold is untold


@pytest.mark.parametrize(
    ("amounts", "labels", "found"),
    [
        (
            {"nvidia.com/gpu": "0", "nvidia.com/gpu.shared": "8"},
            {"nvidia.com/gpu.sharing-strategy": "time-slicing", "nvidia.com/gpu.count": "2"},
            ["nvidia.com/gpu.shared"],
        ),
        ({"nvidia.com/gpu": "0", "nvidia.com/mig-1g.5gb": "7"}, {}, ["nvidia.com/mig-1g.5gb"]),
        ({"nvidia.com/mig-1g.5gb": "7", "nvidia.com/mig-2g.10gb": "0"}, {}, ["nvidia.com/mig-1g.5gb"]),
        (
            {"nvidia.com/mig-1g.5gb": "7", "nvidia.com/mig-2g.10gb": "0"},
            {"nvidia.com/mig-2g.10gb.count": "3"},
            ["nvidia.com/mig-1g.5gb", "nvidia.com/mig-2g.10gb"],
        ),
        ({"nvidia.com/gpu": "0"}, {}, ["nvidia.com/gpu"]),
        ({"nvidia.com/gpu": "0", "amd.com/gpu": "8"}, {}, ["amd.com/gpu", "nvidia.com/gpu"]),
    ],
)
def test_a_name_that_a_kubelet_keeps_after_units_were_renamed_is_no_kind(
    amounts: Object, labels: Object, found: list[str]
) -> None:
    taken = _take(with_amounts(amounts, labels=labels))
    assert sorted(kind.name for kind in (*taken.kinds, *taken.shares)) == found


def test_shares_are_tried_on_the_nodes_with_most_of_them_free_and_the_others_are_named() -> None:
    sizes = {f"n{n}": units for n, units in enumerate((1, 8, 8, 8, 8, 2))}
    taken = _take(*(with_amounts({"nvidia.com/mig-1g.5gb": str(units)}, name=name) for name, units in sizes.items()))
    tried, left_out = taken.by_node()
    assert [share.name for kind in tried.shares for share in kind.nodes] == ["n1", "n2", "n3", "n4"]
    assert [text.rpartition(": ")[2] for text in left_out] == ["4 of 6 nodes are tried"]
