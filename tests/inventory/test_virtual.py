"""Virtual devices are found by resource, node label and attribute, and never by a way of sharing."""

from typing import Any

import pytest

from conformance.inventory import Inventory, Kind, descriptors, fresh, take
from conformance.inventory.descriptors import Descriptor, parse
from conformance.probes import claims
from tests.inventory.fakes import Object, bare_node, cluster, with_amounts

VIRTUAL: Object = {
    "can": True,
    "resources": ["x.dev/v*"],
    "when": {"label": "x.dev/vgpu", "equals": "true"},
    "device": {"attribute": "type", "equals": "vf"},
}


def _descriptor(virtualization: Object | None = VIRTUAL, **plugin: Any) -> Descriptor:
    more = {} if virtualization is None else {"virtualization": virtualization}
    return parse(
        {
            "id": "x",
            "title": "X",
            "dra": {"drivers": ["x.dev"], "device_classes": ["x.dev"], "whole": {"attribute": "type", "equals": "gpu"}},
            "device_plugin": {"resources": ["x.dev/accel"], **plugin},
            **more,
        }
    )


def _take(*nodes: Object, descriptor: Descriptor | None = None, slices: tuple[Object, ...] = ()) -> Inventory:
    return take(cluster(*nodes, slices=slices, classes=("x.dev",) if slices else ()), [descriptor or _descriptor()])


def _slice(**types: str) -> Object:
    devices = [{"name": name, "attributes": {"type": {"string": kind}}} for name, kind in types.items()]
    pool = {"name": "n", "generation": 1, "resourceSliceCount": 1}
    return {"metadata": {"name": "n"}, "spec": {"driver": "x.dev", "nodeName": "n", "pool": pool, "devices": devices}}


def _seen(kinds: tuple[Kind, ...]) -> list[tuple[str, str, list[str]]]:
    return [(kind.name, kind.strategy, [node.name for node in kind.nodes]) for kind in kinds]


def test_a_resource_of_its_own_is_virtual_and_beside_others_only_that() -> None:
    found = _take(with_amounts({"x.dev/accel": "2"}), with_amounts({"x.dev/v4": "4"}, name="m"))
    assert _seen(found.virtual) == [("x.dev/v4", "virtual", ["m"])]
    assert _seen(found.kinds) == [("x.dev/accel", "", ["n"])]


def test_where_a_vendor_has_no_other_devices_its_virtual_ones_are_its_accelerators() -> None:
    found = _take(with_amounts({"x.dev/v4": "4"}))
    assert _seen(found.kinds) == [("x.dev/v4", "", ["n"])]
    assert _seen(found.virtual) == [("x.dev/v4", "virtual", ["n"])]


def test_a_label_makes_the_units_of_its_nodes_virtual_and_they_stay_accelerators() -> None:
    marked = with_amounts({"x.dev/accel": "1"}, name="m", labels={"x.dev/vgpu": "true"})
    found = _take(with_amounts({"x.dev/accel": "2"}), marked)
    assert _seen(found.virtual) == [("x.dev/accel", "virtual", ["m"])]
    assert _seen(found.kinds) == [("x.dev/accel", "", ["n", "m"])]


def test_shares_of_devices_are_never_virtual() -> None:
    slicing = {"strategy": "time-slicing", "when": {"label": "x.dev/sharing", "equals": "time-slicing"}}
    labels = {"x.dev/sharing": "time-slicing", "x.dev/vgpu": "true"}
    node = with_amounts({"x.dev/accel": "4"}, labels=labels)
    found = _take(node, descriptor=_descriptor(shares=[slicing]))
    assert (found.virtual, [kind.strategy for kind in found.shares]) == ((), ["time-slicing"])


def test_published_devices_are_virtual_by_their_attribute() -> None:
    found = _take(bare_node(), slices=(_slice(a="gpu", b="vf", c="vf"),))
    (kind,) = found.virtual
    assert (kind.strategy, kind.devices, kind.free) == ("virtual", 2, 2)
    assert [(kind.name, kind.devices) for kind in found.kinds] == [("x.dev", 1)]
    assert any('== "vf"' in selector for selector in claims.selectors(kind, _descriptor()))
    api = cluster(slices=(_slice(a="gpu", b="vf", c="vf"),))
    assert fresh.free_on(api, kind, _descriptor(), "resource.k8s.io/v1", bare_node()) == 2


def test_an_accelerator_that_cannot_be_virtualized_has_no_virtual_devices() -> None:
    node = with_amounts({"x.dev/v4": "4", "x.dev/accel": "1"}, labels={"x.dev/vgpu": "true"})
    assert _take(node, descriptor=_descriptor({**VIRTUAL, "can": False})).virtual == ()


@pytest.mark.parametrize("virtualization", [None, VIRTUAL])
def test_a_vendor_without_virtual_devices_is_to_be_judged_once(virtualization: Object | None) -> None:
    nodes = (with_amounts({"x.dev/accel": "1"}), with_amounts({"x.dev/accel": "1"}, name="m"))
    found, _ = _take(*nodes, descriptor=_descriptor(virtualization), slices=(_slice(a="gpu"),)).by_node()
    assert [kind.descriptor for kind in found.virtualizable()] == ["x"]


def test_virtual_devices_are_to_be_judged_node_by_node_and_an_unknown_accelerator_besides() -> None:
    nodes = [with_amounts({"x.dev/v4": "4"}, name=name) for name in "nm"]
    found, _ = _take(*nodes, with_amounts({"y.dev/npu": "1"}, name="o")).by_node()
    assert [(kind.strategy, kind.descriptor) for kind in found.virtualizable()] == [
        ("virtual", "x"),
        ("virtual", "x"),
        ("", None),
    ]
    assert Inventory.from_json(found.to_json()) == found


def test_descriptors_that_say_what_virtual_devices_are_say_where_they_show() -> None:
    told = {d.id: str(d.virtualization) for d in descriptors.load() if d.virtualization and d.virtualization.can}
    assert told["nvidia"] == "node label nvidia.com/vgpu.present=true"
    assert "the descriptor names no place" not in told.values()


def test_partitions_that_the_vendor_calls_virtual_devices_are_both() -> None:
    found = take(cluster(with_amounts({"huawei.com/Ascend310P-4c": "2"})), descriptors.load())
    assert [(kind.id, kind.strategy) for kind in (*found.kinds, *found.shares, *found.virtual)] == [
        ("device-plugin-huawei-com-ascend310p-4c+partitions", "partitions"),
        ("device-plugin-huawei-com-ascend310p-4c+virtual", "virtual"),
    ]
