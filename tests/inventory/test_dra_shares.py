"""Shares that DRA itself has: partitions with counters, devices that several claims may hold, claims that pods share."""

from typing import Any

import pytest

from conformance.inventory import Inventory, Kind, descriptors, fresh, take
from conformance.inventory.amounts import amount, share
from conformance.inventory.descriptors import Descriptor
from conformance.probes import claims as probe_claims
from tests.inventory.fakes import Object, bare_node, cluster

DRIVER = "gpu.example.com"
NODE = bare_node()


def _quantities(**amounts: str) -> Object:
    return {name: {"value": text} for name, text in amounts.items()}


def _slice(
    devices: list[Object], counters: dict[str, Object] | None = None, *, driver: str = DRIVER, node: str = "n"
) -> Object:
    sets = [{"name": name, "counters": entry} for name, entry in (counters or {}).items()]
    spec = {
        "driver": driver,
        "nodeName": node,
        "pool": {"name": node, "generation": 1, "resourceSliceCount": 1},
        "devices": devices,
        "sharedCounters": sets,
    }
    return {"metadata": {"name": node}, "spec": spec}


def _device(name: str, *, memory: str, takes: str = "", model: str = "S1", **more: Any) -> Object:
    consumes = [{"counterSet": takes, "counters": _quantities(memory=memory)}] if takes else []
    made = {"name": name, "attributes": {"model": {"string": model}}, "capacity": _quantities(memory=memory)}
    return {**made, "consumesCounters": consumes, **more}


def _partitioned() -> Object:
    """Two devices, each as a whole or as four partitions."""
    devices = []
    for n in "01":
        devices.append(_device(f"gpu-{n}", memory="80Gi", takes=f"set-{n}"))
        devices += [_device(f"gpu-{n}-part-{m}", memory="20Gi", takes=f"set-{n}") for m in range(4)]
    return _slice(devices, {f"set-{n}": _quantities(memory="80Gi") for n in "01"})


def _held(*devices: str, driver: str = DRIVER, **more: Any) -> Object:
    results = [{"request": "r", "driver": driver, "pool": "n", "device": name, **more} for name in devices]
    return {"metadata": {"name": "c"}, "status": {"allocation": {"devices": {"results": results}}}}


def _take(*slices: Object, claims: tuple[Object, ...] = (), classes: tuple[str, ...] = (DRIVER,)) -> Inventory:
    return take(cluster(NODE, slices=slices, claims=claims, classes=classes), descriptors.load())


def _share(found: Inventory, strategy: str) -> Kind:
    (kind,) = (share for share in found.shares if share.strategy == strategy)
    return kind


def _known(name: str) -> Descriptor:
    return next(d for d in descriptors.load() if d.id == name)


def _fresh(kind: Kind, *slices: Object, claims: tuple[Object, ...] = ()) -> int | None:
    api = cluster(NODE, slices=slices, claims=claims)
    return fresh.free_on(api, kind, _known("example"), "resource.k8s.io/v1", NODE)


def test_devices_that_take_a_part_of_counters_are_partitions_and_one_that_takes_all_is_whole() -> None:
    found = _take(_partitioned())
    assert [(k.strategy, k.devices) for k in found.kinds] == [("", 2)]
    parts = _share(found, "partitions")
    assert (parts.id, parts.devices, parts.nodes[0].physical) == ("dra-s1-20gi+partitions", 8, 2)


@pytest.mark.parametrize(
    ("held", "whole", "parts"),
    [((), 2, 8), (("gpu-0",), 1, 4), (("gpu-0-part-2",), 1, 7), (("gpu-0-part-2", "gpu-1"), 0, 3)],
)
def test_a_whole_device_and_its_partitions_are_not_free_beside_each_other(
    held: tuple[str, ...], whole: int, parts: int
) -> None:
    claims = (_held(*held),)
    found = _take(_partitioned(), claims=claims)
    assert (found.kinds[0].free, _share(found, "partitions").free) == (whole, parts)
    assert (_share(found, "shared-claim").free, _share(found, "shared-claim").nodes[0].physical) == (whole, 2)
    for kind in (*found.kinds, *found.shares):
        assert _fresh(kind, _partitioned(), claims=claims) == kind.free


def test_partitions_are_counted_only_as_far_as_they_fit_at_once() -> None:
    devices = [_device(f"part-{n}", memory="40Gi", takes="set") for n in range(5)]
    assert _share(_take(_slice(devices, {"set": _quantities(memory="80Gi")})), "partitions").devices == 2


def test_partitions_of_two_sizes_are_two_kinds() -> None:
    devices = [_device("big", memory="40Gi", takes="set"), _device("small", memory="10Gi", takes="set")]
    found = _take(_slice(devices, {"set": _quantities(memory="80Gi")}))
    assert [(s.unit, s.devices) for s in found.shares] == [({"memory": "10Gi"}, 1), ({"memory": "40Gi"}, 1)]


def test_a_counter_that_the_pool_does_not_have_is_never_left() -> None:
    found = _take(_slice([_device("part", memory="40Gi", takes="nowhere")]))
    assert _share(found, "partitions").devices == 0


def test_a_claim_tells_whole_devices_and_partitions_apart() -> None:
    found = _take(_partitioned())
    whole, parts = (
        probe_claims.selectors(kind, _known("example")) for kind in (found.kinds[0], _share(found, "partitions"))
    )
    memory = f'"memory" in device.capacity["{DRIVER}"] && device.capacity["{DRIVER}"]["memory"]'
    assert whole[-1] == f'{memory}.compareTo(quantity("80Gi")) == 0'
    assert parts[-1] == f'{memory}.compareTo(quantity("20Gi")) == 0'


def test_partitions_that_no_claim_can_tell_from_whole_devices_are_not_used() -> None:
    devices = [{**_device(name, memory="1", takes="set"), "capacity": {}} for name in ("a", "b")]
    found = _take(_slice(devices, {"set": _quantities(memory="2")}))
    assert "neither a descriptor nor a capacity tells" in _share(found, "partitions").note


def test_a_whole_device_that_is_as_large_as_its_partition_is_not_used_either() -> None:
    both = ("memory", "cores")
    whole = {"counterSet": "set", "counters": _quantities(**dict.fromkeys(both, "80Gi"))}
    part = {"counterSet": "set", "counters": _quantities(memory="80Gi", cores="1")}
    devices = [
        {**_device("whole", memory="80Gi"), "consumesCounters": [whole]},
        {**_device("part", memory="80Gi"), "consumesCounters": [part]},
    ]
    found = _take(_slice(devices, {"set": _quantities(**dict.fromkeys(both, "80Gi"))}))
    assert [bool(kind.note) for kind in (*found.kinds, _share(found, "partitions"))] == [True, True]


def test_whole_devices_of_two_sizes_beside_partitions_are_two_kinds_that_claims_can_ask_for() -> None:
    devices = [
        _device("big", memory="80Gi", takes="a"),
        _device("small", memory="40Gi", takes="b"),
        _device("part", memory="10Gi", takes="a"),
    ]
    slices = _slice(devices, {"a": _quantities(memory="80Gi"), "b": _quantities(memory="40Gi")})
    found = _take(slices)
    assert [(kind.id, kind.unit, kind.devices) for kind in found.kinds] == [
        ("dra-s1", {"memory": "40Gi"}, 1),
        ("dra-s1-2", {"memory": "80Gi"}, 1),
    ]
    assert [_fresh(kind, slices) for kind in found.kinds] == [1, 1]


def test_a_descriptor_decides_what_is_whole_what_a_partition_and_what_neither() -> None:
    def device(name: str, kind: str, **more: Any) -> Object:
        attributes = {"type": {"string": kind}, "productName": {"string": "H"}, **more}
        consumes = [{"counterSet": "set", "counters": _quantities(memory="10Gi")}]
        return {"name": name, "attributes": attributes, "consumesCounters": consumes}

    driver = "gpu.nvidia.com"
    devices = [device("a", "gpu"), device("b", "mig", parentUUID={"string": "GPU-1"}), device("c", "vfio")]
    slices = _slice(devices, {"set": _quantities(memory="80Gi")}, driver=driver)
    found = _take(slices, classes=(driver, "mig.nvidia.com"))
    assert [(k.devices, k.device_class) for k in found.kinds] == [(1, driver)]
    parts = _share(found, "partitions")
    assert (parts.devices, parts.nodes[0].physical, parts.device_class) == (1, 1, "mig.nvidia.com")
    assert any('"mig"' in selector for selector in probe_claims.selectors(parts, _known("nvidia")))


def _shared(**capacity: Any) -> Object:
    return {**_device("multi", memory="1"), "allowMultipleAllocations": True, "capacity": capacity}


POLICY = {"value": "80Gi", "requestPolicy": {"default": "10Gi", "validRange": {"min": "1Gi"}}}


def test_a_device_that_several_claims_may_hold_is_no_whole_one_and_claims_for_whole_ones_avoid_it() -> None:
    found = _take(_slice([_shared(memory=POLICY), _device("whole", memory="80Gi")]))
    (whole,), shared = found.kinds, _share(found, "consumable-capacity")
    assert (whole.devices, shared.devices, shared.nodes[0].physical) == (1, 8, 1)
    assert probe_claims.selectors(whole, _known("example"))[-1] == "!device.allowMultipleAllocations"
    assert probe_claims.selectors(shared, _known("example"))[-1] == "device.allowMultipleAllocations"
    assert probe_claims.unit(shared) == {"memory": "10Gi"}
    assert probe_claims.unit(whole) == {}


def test_claims_avoid_shared_devices_only_where_the_driver_publishes_some() -> None:
    (whole,) = _take(_slice([_device("whole", memory="80Gi")])).kinds
    assert not any("allowMultiple" in selector for selector in probe_claims.selectors(whole, _known("example")))


def test_what_claims_consume_of_a_shared_device_is_not_free() -> None:
    claims = (_held("multi", consumedCapacity={"memory": "10Gi"}, shareID="1"),) * 3
    slices = _slice([_shared(memory=POLICY)])
    shared = _share(_take(slices, claims=claims), "consumable-capacity")
    assert (shared.free, _fresh(shared, slices, claims=claims)) == (5, 5)


def test_a_claim_for_a_share_asks_for_its_capacity() -> None:
    spec = probe_claims.spec("v1", "c", capacity={"memory": "10Gi"})
    assert spec["devices"]["requests"][0]["exactly"]["capacity"] == {"requests": {"memory": "10Gi"}}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"default": "10Gi"}, "10Gi"),
        ({"default": "80Gi", "validRange": {"min": "1Gi", "step": "1Gi"}}, "1Gi"),
        ({"default": "80Gi", "validValues": ["40Gi", "20Gi", "80Gi"]}, "20Gi"),
        ({"default": "80Gi"}, "80Gi"),
        ({"default": "x", "validValues": "x", "validRange": []}, "80Gi"),
        ({}, str(20 * 1024**3)),
    ],
)
def test_one_share_of_a_capacity_follows_its_policy(policy: Object, expected: str) -> None:
    assert share({"value": "80Gi", "requestPolicy": policy}) == expected


@pytest.mark.parametrize("odd", [None, "80Gi", {}, {"value": "many"}, {"value": "-1"}, {"value": "1e9999999"}])
def test_what_is_no_capacity_has_no_share(odd: Any) -> None:
    assert share(odd) is None


@pytest.mark.parametrize(
    ("text", "same"), [("1500m", "1.5"), ("1Ki", "1024"), ("1e3", "1k"), ("0.5Gi", "512Mi"), (2, "2")]
)
def test_quantities_of_one_amount_are_equal(text: Any, same: str) -> None:
    assert amount(text) == amount(same) is not None


def test_a_tainted_device_of_any_kind_is_not_counted() -> None:
    taints = [{"key": "x", "effect": "NoExecute"}]
    found = _take(_slice([{**_shared(memory=POLICY), "taints": taints}]))
    assert _share(found, "consumable-capacity").devices == 0
