"""The inventory of every world with accelerators of its own is what the world's file says, by the built-in descriptors."""

import pytest

from conformance import simulator
from conformance.cluster import connect
from conformance.inventory import Inventory, Kind, descriptors, take

Seen = tuple[str, str, str, dict[str, tuple[int, int | None]]]
"""Id, name and descriptor of a kind, and for each node its units and the devices behind them."""
CLAIM = "+shared-claim"
WORLDS: dict[str, list[Seen]] = {
    "time-sliced": [
        ("device-plugin-s1", "sim.dev/accel", "simulated", {"node-b": (2, None)}),
        ("device-plugin-s1-accel-shared+time-slicing", "sim.dev/accel.shared", "simulated", {"node-a": (4, 2)}),
    ],
    "partitioned": [
        ("device-plugin-s1", "sim.dev/accel", "simulated", {"node-b": (2, None)}),
        ("device-plugin-s1-part-1g+partitions", "sim.dev/part-1g", "simulated", {"node-a": (4, None)}),
    ],
    "dra-shared": [
        ("dra-s1", "accel.sim.dev", "simulated", {"node-a": (2, None)}),
        (f"dra-s1{CLAIM}", "accel.sim.dev", "simulated", {"node-a": (2, 2)}),
        ("dra-s1+consumable-capacity", "accel.sim.dev", "simulated", {"node-b": (8, 2)}),
        ("dra-s1-4gi+partitions", "accel.sim.dev", "simulated", {"node-a": (4, 2)}),
    ],
    "virtual": [
        ("device-plugin-s1", "sim.dev/accel", "simulated", {"node-b": (2, None)}),
        ("device-plugin-s1-2+virtual", "sim.dev/virtual", "simulated", {"node-a": (2, None)}),
    ],
    "nvidia": [
        ("dra-nvidia-a100-sxm4-40gb", "gpu.nvidia.com", "nvidia", {"node-a": (2, None)}),
        (f"dra-nvidia-a100-sxm4-40gb{CLAIM}", "gpu.nvidia.com", "nvidia", {"node-a": (2, 2)}),
        ("device-plugin-nvidia-a100-sxm-gpu-shared+time-slicing", "nvidia.com/gpu.shared", "nvidia", {"node-b": (4, 2)}),
        ("device-plugin-nvidia-a100-sxm-mig-1g-5gb+partitions", "nvidia.com/mig-1g.5gb", "nvidia", {"node-c": (4, None)}),
    ],
    "amd": [
        ("dra-amd-instinct-mi300x-oam", "gpu.amd.com", "amd", {"node-a": (2, None)}),
        (f"dra-amd-instinct-mi300x-oam{CLAIM}", "gpu.amd.com", "amd", {"node-a": (2, 2)}),
        ("device-plugin-amd-instinct-mi300x-oam", "amd.com/gpu", "amd", {"node-b": (2, None)}),
        ("device-plugin-amd-instinct-mi30-cpx-nps4+partitions", "amd.com/cpx_nps4", "amd", {"node-c": (8, None)}),
    ],
    "intel-gpu": [
        ("dra-flex-170", "gpu.intel.com", "intel-gpu", {"node-a": (2, None)}),
        (f"dra-flex-170{CLAIM}", "gpu.intel.com", "intel-gpu", {"node-a": (2, 2)}),
        ("device-plugin-flex-170", "gpu.intel.com/i915", "intel-gpu", {"node-b": (2, None)}),
    ],
    "intel-gaudi": [
        ("dra-gaudi2", "gaudi.intel.com", "intel-gaudi", {"node-a": (2, None)}),
        ("device-plugin-habana-ai-gaudi", "habana.ai/gaudi", "intel-gaudi", {"node-b": (2, None)}),
    ],
    "google-tpu": [
        ("dra-v4", "tpu.google.com", "google-tpu", {"node-a": (4, None)}),
        ("device-plugin-tpu-v4-podslice", "google.com/tpu", "google-tpu", {"node-b": (4, None)}),
    ],
    "aws-neuron": [
        ("dra-trn2-48xlarge", "neuron.aws.com", "aws-neuron", {"node-a": (2, None)}),
        (f"dra-trn2-48xlarge{CLAIM}", "neuron.aws.com", "aws-neuron", {"node-a": (2, 2)}),
        ("device-plugin-trn2-48xlarge", "aws.amazon.com/neuron", "aws-neuron", {"node-b": (2, None)}),
    ],
    "huawei-ascend": [
        ("device-plugin-310p3", "huawei.com/Ascend310P", "huawei-ascend", {"node-a": (2, None)}),
        ("device-plugin-310p3-ascend310p-4c+partitions", "huawei.com/Ascend310P-4c", "huawei-ascend", {"node-b": (2, None)}),
        ("device-plugin-310p3-ascend310p-4c+virtual", "huawei.com/Ascend310P-4c", "huawei-ascend", {"node-b": (2, None)}),
    ],
    "example": [
        ("dra-latest-gpu-model", "gpu.example.com", "example", {"node-a": (2, None), "node-b": (2, None)}),
        (f"dra-latest-gpu-model{CLAIM}", "gpu.example.com", "example", {"node-a": (2, 2), "node-b": (2, 2)}),
    ],
}  # fmt: skip


def _taken(world: str) -> Inventory:
    with simulator.start(world) as running:
        return take(connect(str(running.kubeconfig)), descriptors.load())


def _seen(kind: Kind) -> Seen:
    return kind.id, kind.name, str(kind.descriptor), {one.name: (one.devices, one.physical) for one in kind.nodes}


@pytest.mark.parametrize("world", WORLDS)
def test_inventory_finds_what_the_world_has(world: str) -> None:
    found = _taken(world)
    kinds = (*found.kinds, *found.shares, *found.virtual)
    assert sorted(map(_seen, kinds), key=str) == sorted(WORLDS[world], key=str)
    assert all(kind.free == kind.devices for kind in kinds)
    assert found.notes == ()


def test_every_descriptor_has_a_world_of_its_own() -> None:
    worlds = {descriptor.id for descriptor in descriptors.load()} - {"simulated"}
    assert worlds <= WORLDS.keys()
    assert all(WORLDS[world][0][2] == world for world in worlds)
