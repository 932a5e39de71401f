"""The inventory end to end: what a cluster's lists say becomes kinds and notes, whatever they say."""

import json
import re
from typing import Any

import pytest

from conformance.cluster.api import Api
from conformance.inventory import DEVICE_PLUGIN, DRA, Inventory, Kind, NodeShare, descriptors, take
from tests.inventory.fakes import PLURALS, RESOURCE, FakeCluster, Object, bare_node, cluster, with_amounts

POOL = "cloud.google.com/gke-nodepool"
LISTS = ("/api/v1/nodes", "/api/v1/pods", *(f"{RESOURCE}/v1/{plural}" for plural in PLURALS))
SAFE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def _with(node: Object, **resources: Object) -> Object:
    return {**node, **resources}


def _slice(*models: str, driver: str = "accel.sim.dev", node: str = "n") -> Object:
    devices = [{"name": f"d{i}", "attributes": {"model": {"string": m}}} for i, m in enumerate(models)]
    pool = {"name": node, "generation": 1, "resourceSliceCount": 1}
    return {"metadata": {"name": node}, "spec": {"driver": driver, "pool": pool, "nodeName": node, "devices": devices}}


def _pod(amount: object = "1", **status: Any) -> Object:
    container = {"resources": {"limits": {"sim.dev/accel": amount}}}
    return {"metadata": {"name": "p"}, "spec": {"nodeName": "n", "containers": [container]}, "status": status}


def _take(api: Api) -> Inventory:
    return take(api, descriptors.load())


def _only(found: Inventory) -> Kind:
    (kind,) = found.kinds
    return kind


SIM = with_amounts({"sim.dev/accel": "2"})


@pytest.mark.parametrize("path", LISTS)
def test_one_forbidden_list_ends_nothing(path: str) -> None:
    api = cluster(SIM, slices=(_slice("S1"),))
    api.forbidden = {path}
    found = _take(api)
    asked = path.rsplit("/", 1)[-1] != "resourceclaimtemplates"
    assert (f"not allowed to list {path.rsplit('/', 1)[-1]}" in found.notes) is asked


def test_with_every_list_forbidden_there_is_no_kind_and_each_is_noted() -> None:
    api = cluster(SIM, slices=(_slice("S1"),))
    api.forbidden = set(LISTS)
    found = _take(api)
    assert (found.kinds, found.nodes) == ((), 0)
    assert set(found.notes) == {
        f"not allowed to list {p}" for p in ("nodes", "resourceslices", "deviceclasses", "resourceclaims")
    }


@pytest.mark.parametrize(("path", "way"), [(LISTS[1], DEVICE_PLUGIN), (f"{RESOURCE}/v1/resourceclaims", DRA)])
def test_what_is_free_is_unknown_where_its_holders_must_not_be_listed(path: str, way: str) -> None:
    api = cluster(SIM, slices=(_slice("S1"),))
    api.forbidden = {path}
    assert {kind.way: kind.free is None for kind in _take(api).kinds} == {DRA: way == DRA, DEVICE_PLUGIN: way != DRA}


@pytest.mark.parametrize("name", ["rdma/hca", "mellanox.com/nic", "hugepages-2Mi", "cpu", "requests.kubernetes.io/x"])
def test_a_resource_that_is_no_accelerator_is_no_kind(name: str) -> None:
    found = _take(cluster(with_amounts({name: "2"})))
    assert (found.kinds, found.notes) == ((), ())


def test_a_driver_of_network_devices_is_no_kind() -> None:
    assert _take(cluster(bare_node(), slices=(_slice("x", driver="dra.net"),))).kinds == ()


@pytest.mark.parametrize(
    ("name", "strategy"), [("nvidia.com/gpu.shared", "time-slicing"), ("nvidia.com/mig-1g.5gb", "partitions")]
)
def test_shares_of_devices_are_no_kind_of_whole_ones(name: str, strategy: str) -> None:
    found = _take(cluster(with_amounts({name: "2"}), with_amounts({name: "2"}, name="m")))
    assert (found.kinds, [(s.name, s.strategy, s.devices) for s in found.shares]) == ((), [(name, strategy, 4)])


@pytest.mark.parametrize("strategy", ["time-slicing", "mps"])
def test_a_label_that_says_shared_makes_no_kind(strategy: str) -> None:
    labels = {"nvidia.com/gpu.sharing-strategy": strategy, "nvidia.com/gpu.count": "2"}
    found = _take(cluster(with_amounts({"nvidia.com/gpu": "8"}, labels=labels)))
    assert found.kinds == ()
    assert [(s.strategy, s.nodes[0].devices, s.nodes[0].physical) for s in found.shares] == [(strategy, 8, 2)]


@pytest.mark.parametrize("resource", ["nvidia.com/gpu", "nvidia.com/gpu.shared"])
def test_a_label_with_a_way_of_sharing_that_nobody_knows_makes_neither_whole_devices_nor_shares(resource: str) -> None:
    labels = {"nvidia.com/gpu.sharing-strategy": "fancy"}
    found = _take(cluster(with_amounts({resource: "8"}, labels=labels)))
    kind = _only(found)
    assert (kind.devices, kind.nodes, found.shares, kind.descriptor) == (0, (), (), "nvidia")
    assert kind.note == (
        "units are shared in a way that no descriptor knows: nvidia.com/gpu.sharing-strategy=fancy on 1 nodes"
    )


def test_the_label_decides_between_two_ways_of_sharing_that_have_one_resource() -> None:
    labels = {"nvidia.com/gpu.sharing-strategy": "mps"}
    found = _take(cluster(with_amounts({"nvidia.com/gpu.shared": "8"}, labels=labels)))
    assert [share.strategy for share in found.shares] == ["mps"]


def test_a_label_that_says_not_shared_makes_a_kind() -> None:
    node = with_amounts({"nvidia.com/gpu": "8"}, labels={"nvidia.com/gpu.sharing-strategy": "none"})
    assert _only(_take(cluster(node))).descriptor == "nvidia"


def test_an_unknown_driver_is_a_kind_without_descriptor() -> None:
    kind = _only(_take(cluster(bare_node(), slices=(_slice("x", driver="new.vendor"),))))
    assert (kind.way, kind.name, kind.model, kind.descriptor, kind.device_class) == (DRA, "new.vendor", "", None, None)


def test_an_unknown_resource_is_a_kind_without_descriptor() -> None:
    kind = _only(_take(cluster(with_amounts({"new.vendor/chip": "3"}))))
    assert (kind.way, kind.name, kind.descriptor, kind.free) == (DEVICE_PLUGIN, "new.vendor/chip", None, 3)


def test_a_class_of_a_known_driver_without_devices_is_a_kind_with_a_note() -> None:
    kind = _only(_take(cluster(bare_node(), classes=("accel.sim.dev",))))
    assert (kind.way, kind.device_class, kind.nodes) == (DRA, "accel.sim.dev", ())
    assert kind.note == "DeviceClass accel.sim.dev exists and no driver publishes a device for it"


def test_a_class_of_an_unknown_driver_is_no_kind() -> None:
    assert _take(cluster(bare_node(), classes=("other",))).kinds == ()


def test_two_models_are_two_kinds() -> None:
    kinds = _take(cluster(bare_node(), slices=(_slice("S1", "S2", "S1"),), classes=("accel.sim.dev",))).kinds
    assert [(k.id, k.devices, k.device_class) for k in kinds] == [
        ("dra-s1", 2, "accel.sim.dev"),
        ("dra-s2", 1, "accel.sim.dev"),
    ]


def test_two_pools_are_two_kinds_by_either_way() -> None:
    nodes = [with_amounts({"sim.dev/accel": "1"}, name=n, labels={POOL: f"pool-{n}"}) for n in "ab"]
    found = _take(cluster(*nodes, slices=tuple(_slice("S1", node=n) for n in "ab")))
    assert [(k.way, k.pool, k.devices) for k in found.kinds] == [
        (way, f"pool-{n}", 1) for way in (DRA, DEVICE_PLUGIN) for n in "ab"
    ]


def test_a_pod_that_runs_holds_its_devices_and_one_that_has_ended_does_not() -> None:
    pods = (_pod(phase="Running"), _pod(phase="Failed"))
    assert _only(_take(cluster(SIM, pods=pods))).free == 1


@pytest.mark.parametrize(
    "node", [with_amounts({"sim.dev/accel": "2"}, ready="False"), _with(SIM, spec={"unschedulable": True})]
)
def test_a_node_that_takes_no_pods_is_left_out_with_a_note(node: Object) -> None:
    found = _take(cluster(node, bare_node("good"), slices=(_slice("S1"),)))
    assert sum(kind.devices for kind in found.kinds) == 0
    assert (found.nodes, found.notes) == (2, ("1 of 2 nodes are not ready or not schedulable",))


def test_hostile_names_become_unique_safe_ids() -> None:
    models = ("$(reboot)", "reboot", "../../etc", "x" * 900, "x" * 901, "\n", "[a]::b", "")
    found = _take(cluster(bare_node(labels={POOL: "pool"}), slices=(_slice(*models),)))
    ids = [kind.id for kind in found.kinds]
    assert len(set(ids)) == len(models)
    assert all(SAFE.fullmatch(name) and len(name) <= 44 for name in ids)


def test_an_inventory_survives_json() -> None:
    found = _take(cluster(SIM, slices=(_slice("S1", "S2"),), classes=("gpu.nvidia.com",)))
    assert len(found.kinds) == 4
    assert Inventory.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_why_none_says_that_the_group_is_not_served() -> None:
    found = _take(FakeCluster({"/api/v1/nodes": [bare_node()]}, served=()))
    assert found.why_none() == (
        "no accelerator found on 1 nodes: no ResourceSlice and no extended resource (resource.k8s.io is not served)"
    )


def test_why_none_by_dra_names_what_other_ways_give_and_what_was_noted() -> None:
    found = _take(cluster(SIM, bare_node("bad", ready="Unknown")))
    assert found.why_none(by_dra=True) == (
        "no driver publishes an accelerator on 2 nodes (resource.k8s.io/v1 is served; 1 of 2 nodes are not ready or not"
        " schedulable); by other ways: model not told by device plugin (sim.dev/accel)"
    )


def test_the_types_that_dra_needs_are_tried_although_none_is_served() -> None:
    assert _take(FakeCluster({}, served=())).dra_types == PLURALS


@pytest.mark.parametrize("served", [PLURALS, (*PLURALS, "devicetaintrules")])
def test_taint_rules_are_tried_only_where_they_are_served(served: tuple[str, ...]) -> None:
    assert _take(FakeCluster({}, served=served)).dra_types == served


ODD_NODES: list[Any] = [
    {"status": SIM["status"]},
    {"metadata": {"name": "odd"}},
    {"metadata": {"name": "odd"}, "spec": None, "status": None},
    {"metadata": {"name": "odd", "labels": None}, "spec": [], "status": "x"},
    {"metadata": {"name": "odd", "labels": ["x"]}, "spec": {}, "status": {"conditions": ["Ready"]}},
    _with(bare_node("odd"), status={"conditions": [{"type": "Ready", "status": "True"}], "capacity": ["x"]}),
    {"metadata": {"name": "odd"}, "status": {"conditions": {"type": "Ready"}}},
]


@pytest.mark.parametrize("odd", ODD_NODES)
def test_a_node_that_makes_no_sense_does_not_hide_the_others(odd: Object) -> None:
    assert _only(_take(cluster(odd, SIM))).devices == 2


@pytest.mark.parametrize("amount", [None, "many", {}, -1, 1.5, "9" * 40])
def test_an_amount_that_is_no_number_counts_as_none(amount: object) -> None:
    assert _only(_take(cluster(with_amounts({"sim.dev/accel": amount})))).devices == 0
    assert _only(_take(cluster(SIM, pods=(_pod(amount),)))).free == 2


ODD_PODS: list[Object] = [
    {"metadata": {"name": "odd"}},
    {"metadata": {"name": "odd"}, "spec": None, "status": None},
    {"spec": {"nodeName": "n", "containers": None}, "status": None},
    {"spec": {"nodeName": ["n"], "containers": "x"}, "status": []},
    {"spec": {"nodeName": "n", "containers": ["x", {"resources": "x"}, {"resources": {"limits": ["x"]}}]}},
]


@pytest.mark.parametrize("odd", ODD_PODS)
def test_a_pod_that_makes_no_sense_holds_nothing(odd: Object) -> None:
    assert _only(_take(cluster(SIM, pods=(odd, _pod())))).free == 1


def test_each_node_of_a_kind_is_tried_by_itself_up_to_a_bound() -> None:
    shares = tuple(NodeShare(name=f"n{i}", devices=1, free=i) for i in range(6))
    kind = Kind(id="k", way="dra", name="d", model="m", pool="", descriptor=None, device_class=None, nodes=shares)

    split, left_out = Inventory((kind,), "v1", (), 6, ()).by_node()

    assert [k.id for k in split.kinds] == ["k@n2", "k@n3", "k@n4", "k@n5"]
    assert left_out == ["m by DRA (d): 4 of 6 nodes are tried"]


def test_a_kind_on_one_node_or_on_none_keeps_its_id() -> None:
    share = NodeShare(name="n", devices=1, free=1)
    kinds = tuple(
        Kind(id=i, way="dra", name="d", model="m", pool="", descriptor=None, device_class=None, nodes=nodes)
        for i, nodes in (("one", (share,)), ("none", ()))
    )

    split, left_out = Inventory(kinds, "v1", (), 1, ()).by_node()

    assert ([k.id for k in split.kinds], left_out) == (["one", "none"], [])
