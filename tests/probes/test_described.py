"""Kinds that no probe can judge are unknown, with what is missing, and nothing is started for them."""

from dataclasses import replace

import pytest

from conformance.inventory import Kind, NodeShare, descriptors
from conformance.probes.stage import described, singly
from conformance.verdicts import Unknown

ALL = descriptors.load()
KIND = Kind(
    id="dra-x",
    way="dra",
    name="accel.sim.dev",
    model="S1",
    pool="",
    descriptor="simulated",
    device_class="accel.sim.dev",
    nodes=(NodeShare(name="n", devices=2, free=2),),
)


def test_a_kind_with_class_and_descriptor_is_described() -> None:
    assert described(KIND, ALL).id == "simulated"


@pytest.mark.parametrize(
    ("kind", "code", "word"),
    [
        (replace(KIND, descriptor=None), "no_descriptor", "add one with --descriptor"),
        (replace(KIND, device_class=None), "no_class", "accel.sim.dev"),
        (replace(KIND, note="shared in a way"), "no_device_published", "shared in a way"),
        (
            replace(KIND, descriptor="nvidia", device_class=None, strategy="partitions"),
            "no_class",
            "none of the DeviceClasses mig.nvidia.com exists",
        ),
    ],
)
def test_what_keeps_a_kind_from_being_judged_is_said(kind: Kind, code: str, word: str) -> None:
    with pytest.raises(Unknown) as found:
        described(kind, ALL)
    assert found.value.code == code
    assert word in str(found.value)


@pytest.mark.parametrize(("devices", "alone"), [(1, True), (4, False)])
def test_pods_hold_single_devices_only_where_a_node_has_one_or_gives_them_singly(devices: int, alone: bool) -> None:
    tpu = replace(KIND, descriptor="google-tpu", nodes=(NodeShare(name="n", devices=devices, free=devices),))
    assert singly(replace(tpu, descriptor="simulated"), ALL)
    if alone:
        assert singly(tpu, ALL)
        return
    with pytest.raises(Unknown, match="every device of its node") as found:
        singly(tpu, ALL)
    assert found.value.code == "whole_node_only"
