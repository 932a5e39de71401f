"""Patches change what they should and nothing else."""

from typing import Any

import pytest

from conformance.simulator.api.errors import Refused
from conformance.simulator.api.patching import Apply, Strategic, json_patch, merge_patch
from conformance.simulator.kinds import Kinds

KINDS = Kinds()
POD = KINDS.get("pods").schema
STRATEGIC, APPLY = Strategic(KINDS.resolve), Apply(KINDS.resolve)


def containers(*names: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": name, "image": "python"} for name in names]}}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/a", "value": 2},
        {"op": "remove", "path": "/b"},
        {"op": "add", "path": "/b/c", "value": 1},
        {"op": "turn", "path": "/a"},
    ],
)
def test_json_patch_that_does_not_fit_is_refused(operation: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        json_patch({"a": 1}, [operation])


def test_json_patch_operations() -> None:
    operations = [
        {"op": "test", "path": "/a", "value": [1, 2]},
        {"op": "add", "path": "/a/-", "value": 3},
        {"op": "add", "path": "/a/0", "value": 0},
        {"op": "remove", "path": "/a/1"},
        {"op": "copy", "from": "/a", "path": "/b~1c"},
        {"op": "move", "from": "/a", "path": "/d"},
    ]
    assert json_patch({"a": [1, 2]}, operations) == {"b/c": [0, 2, 3], "d": [0, 2, 3]}


def test_json_patch_leaves_the_document_alone() -> None:
    document = {"a": [1]}
    json_patch(document, [{"op": "add", "path": "/a/-", "value": 2}])
    assert document == {"a": [1]}


def test_merge_patch_removes_by_null_and_replaces_lists() -> None:
    assert merge_patch({"a": {"b": 1, "c": 2}, "l": [1]}, {"a": {"b": None}, "l": [2]}) == {"a": {"c": 2}, "l": [2]}


def test_strategic_patch_merges_containers_by_name() -> None:
    patched = STRATEGIC.merge(POD, containers("a", "b"), {"spec": {"containers": [{"name": "b", "image": "pause"}]}})
    assert [(c["name"], c["image"]) for c in patched["spec"]["containers"]] == [("a", "python"), ("b", "pause")]


def test_strategic_patch_deletes_an_element() -> None:
    patch = {"spec": {"containers": [{"name": "a", "$patch": "delete"}]}}
    assert STRATEGIC.merge(POD, containers("a", "b"), patch) == containers("b")


def test_strategic_patch_replaces_a_list() -> None:
    patch = {"spec": {"containers": [{"name": "c", "image": "python"}, {"$patch": "replace"}]}}
    assert STRATEGIC.merge(POD, containers("a", "b"), patch) == containers("c")


def test_strategic_patch_merges_conditions_by_type() -> None:
    document = {"status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "Other", "status": "True"}]}}
    patch = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    assert [c["status"] for c in STRATEGIC.merge(POD, document, patch)["status"]["conditions"]] == ["True", "True"]


def test_strategic_patch_merges_finalizers_as_a_set() -> None:
    patch = {"metadata": {"finalizers": ["b"], "$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert STRATEGIC.merge(POD, {"metadata": {"finalizers": ["a"]}}, patch) == {"metadata": {"finalizers": ["b"]}}


def test_strategic_patch_keeps_only_retained_keys() -> None:
    document = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    volume = {"name": "v", "$retainKeys": ["name", "configMap"], "configMap": {"name": "m"}}
    patched = STRATEGIC.merge(POD, document, {"spec": {"volumes": [volume]}})
    assert patched["spec"]["volumes"] == [{"name": "v", "configMap": {"name": "m"}}]


def test_strategic_patch_orders_a_list() -> None:
    patch = {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}}
    assert STRATEGIC.merge(POD, containers("a", "b"), patch) == containers("b", "a")


def test_apply_merges_lists_by_their_keys() -> None:
    applied = {"spec": {"containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}]}]}}
    merged = APPLY.merge(POD, containers("a", "b"), applied)
    assert [sorted(c) for c in merged["spec"]["containers"]] == [["image", "name", "ports"], ["image", "name"]]
