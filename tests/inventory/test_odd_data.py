"""What a cluster should never say is left out with a note and ends no run."""

from typing import Any

import pytest

from conformance.inventory import device_plugin, dra, nodes, room, take
from conformance.inventory.kinds import slug
from tests.inventory.fakes import cluster

Object = dict[str, Any]


def _slice(devices: Any = None, *, generation: Any = 1, count: Any = 1, **more: Any) -> Object:
    pool = {"name": "p", "generation": generation, "resourceSliceCount": count}
    spec = {"driver": "d", "pool": pool, "nodeName": "n", "devices": devices or []}
    return {"metadata": {"name": "s"}, "spec": {**spec, **more}}


NODE: Object = {"metadata": {"name": "n", "labels": {"size": "5", "zone": "a"}}}


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"spec": None},
        {"spec": {"driver": "d"}},
        {"spec": {"driver": None, "pool": {"name": "p"}}},
        _slice(generation="new"),
        _slice(devices=["x"]),
        _slice(devices=[{"basic": {}}]),
        _slice(devices=[{"name": "a", "attributes": ["x"]}]),
        _slice(devices=[{"name": "a", "taints": ["x"]}]),
    ],
)
def test_a_slice_that_makes_no_sense_is_left_out_with_a_note(odd: Object) -> None:
    good, notes = dra.current_slices([odd, _slice([{"name": "ok"}])])
    assert [device.name for device in dra.devices(good, [])] == ["ok"]
    assert len(notes) == 1


def test_an_incomplete_pool_is_left_out_with_a_note() -> None:
    good, notes = dra.current_slices([_slice(count=2)])
    assert good == []
    assert notes == ["pool p of d is incomplete: 1 of 2 slices"]


def test_an_old_generation_of_a_pool_is_left_out() -> None:
    old, new = _slice([{"name": "old"}]), _slice([{"name": "new"}], generation=2)
    good, notes = dra.current_slices([old, new])
    assert (good, notes) == ([new], [])


def test_devices_of_v1beta1_are_read_below_basic() -> None:
    entry = {"name": "a", "basic": {"attributes": {"d/model": {"string": "M"}, "index": {"int": 3}}}}
    (device,) = dra.devices([_slice([entry])], [])
    assert device.attributes == {"model": "M", "index": 3}


def test_devices_of_all_nodes_belong_to_no_one_node() -> None:
    (device,) = dra.devices([_slice([{"name": "a"}], nodeName=None, allNodes=True)], [NODE])
    assert device.node is None


def test_devices_that_select_their_own_node_are_found_there() -> None:
    entry = {"name": "a", "nodeName": "other"}
    (device,) = dra.devices([_slice([entry], nodeName=None, perDeviceNodeSelection=True)], [NODE])
    assert device.node == "other"


def test_a_tainted_device_is_not_counted() -> None:
    entry = {"name": "a", "taints": [{"key": "x", "effect": "NoSchedule"}]}
    slices = [_slice([entry])]
    found = list(dra.devices(slices, []))
    assert room.Room(slices, found).by_node(found, {}) == {}


@pytest.mark.parametrize("odd", [{}, {"status": None}, {"status": {"allocation": {"devices": {"results": "x"}}}}])
def test_a_claim_without_a_readable_allocation_holds_nothing(odd: Object) -> None:
    assert room.held([odd]) == set()


def test_admin_access_holds_nothing() -> None:
    result = {"driver": "d", "pool": "p", "device": "a"}
    claim = {
        "status": {"allocation": {"devices": {"results": [result, {**result, "device": "b", "adminAccess": True}]}}}
    }
    assert room.held([claim]) == {("d", "p", "a")}


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [("Gt", ["4"], True), ("Lt", ["4"], False), ("Gt", ["x"], False), ("Lt", [], False), ("Gt", ["5"], False)],
)
def test_numbers_are_compared_and_other_words_match_nothing(operator: str, values: list[str], expected: bool) -> None:
    term = {"matchExpressions": [{"key": "size", "operator": operator, "values": values}]}
    assert nodes.selects({"nodeSelectorTerms": [term]}, NODE) is expected


def test_a_word_is_neither_more_nor_less_than_a_number() -> None:
    term = {"matchExpressions": [{"key": "zone", "operator": "Lt", "values": ["9"]}]}
    assert not nodes.selects({"nodeSelectorTerms": [term]}, NODE)


def test_a_taint_without_effect_is_tolerated_in_all_effects() -> None:
    assert nodes.tolerations({"spec": {"taints": [{"key": "gpu"}]}}) == [{"key": "gpu", "operator": "Exists"}]


def test_init_containers_count_one_after_the_other_and_sidecars_beside() -> None:
    def container(n: int, **more: str) -> Object:
        return {"resources": {"limits": {"x.dev/y": str(n)}}, **more}

    inits = [container(3), container(1, restartPolicy="Always")]
    pod = {"spec": {"containers": [container(1), container(1)], "initContainers": inits}}
    assert device_plugin.requests(pod)["x.dev/y"] == 4


def test_a_finished_pod_holds_nothing() -> None:
    spec = {"nodeName": "n", "containers": [{"resources": {"limits": {"x.dev/y": "1"}}}]}
    assert device_plugin.held([{"spec": spec, "status": {"phase": "Succeeded"}}]) == {}


@pytest.mark.parametrize("value", ["-1", "1k", "²", "9" * 5000, None, {}])
def test_a_count_that_is_none_is_zero(value: object) -> None:
    assert device_plugin.resources({"status": {"capacity": {"x.dev/y": value}}}) == {"x.dev/y": (0, 0)}


@pytest.mark.parametrize("text", ["x" * 900, "a[b]/c\n'\"", "ÄÖ", ""])
def test_a_hostile_name_becomes_a_safe_id(text: str) -> None:
    assert slug(text).replace("-", "").isalnum()
    assert len(slug(text)) <= 40


@pytest.mark.parametrize(
    ("term", "expected"),
    [
        ({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n", "gone"]}]}, "n"),
        ({"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}, "n"),
        ({"matchExpressions": [{"key": "zone", "operator": "Exists"}]}, None),
        ({"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]}, None),
        (
            {
                "matchExpressions": [
                    {"key": "zone", "operator": "In", "values": ["a", "b"]},
                    {"key": "size", "operator": "Gt", "values": ["6"]},
                ]
            },
            "m",
        ),
        ({}, None),
    ],
)
def test_the_one_node_that_a_selector_means_is_found_and_of_several_none(term: Object, expected: str | None) -> None:
    other = {"metadata": {"name": "m", "labels": {"size": "7", "zone": "b"}}}
    assert nodes.Index([NODE, other]).only({"nodeSelectorTerms": [term]}) == expected


@pytest.mark.parametrize(
    "selector",
    [
        "x",
        {"nodeSelectorTerms": 1},
        {"nodeSelectorTerms": ["x"]},
        {"nodeSelectorTerms": [{"matchFields": [{}]}]},
        {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": ["In"], "values": ["n"]}]}]},
    ],
)
def test_a_selector_that_is_none_means_no_node(selector: Any) -> None:
    item = _slice([{"name": "a"}], nodeName=None, nodeSelector=selector)
    assert [device.node for device in dra.devices([item], [NODE])] == [None]


def test_the_effect_of_a_taint_and_the_resource_of_a_class_may_be_anything() -> None:
    item = _slice([{"name": "a", "taints": [{"effect": ["NoSchedule"]}]}])
    assert [device.tainted for device in dra.devices([item], [NODE])] == [False]
    assert dra.current_slices([_slice([{"name": "a", "taints": 1}])])[0] == []
    lists = cluster(NODE)
    lists.lists["/apis/resource.k8s.io/v1/deviceclasses"] = [
        {"metadata": {"name": "c"}, "spec": {"extendedResourceName": ["x"]}}
    ]
    assert not take(lists, []).kinds
