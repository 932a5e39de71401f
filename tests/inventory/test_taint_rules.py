"""A device that a DeviceTaintRule closes is none that can be allocated, by the inventory and by what is counted later."""

from typing import Any

import pytest

from conformance.inventory import Inventory, descriptors, fresh, taint_rules, take
from tests.inventory.fakes import PLURALS, RESOURCE, FakeCluster, Object, bare_node, cluster

DRIVER = "gpu.example.com"
RULES = f"{RESOURCE}/v1/devicetaintrules"
NODE = bare_node()


def _rule(selector: Any, effect: str = "NoSchedule") -> Object:
    return {"metadata": {"name": "r"}, "spec": {"deviceSelector": selector, "taint": {"key": "k", "effect": effect}}}


def _api(*rules: Object) -> FakeCluster:
    devices = [{"name": name, "attributes": {"model": {"string": "S1"}}} for name in "ab"]
    pool = {"name": "n", "generation": 1, "resourceSliceCount": 1}
    spec = {"driver": DRIVER, "pool": pool, "nodeName": "n", "devices": devices}
    api = cluster(NODE, slices=({"metadata": {"name": "n"}, "spec": spec},), classes=(DRIVER,))
    api.served, api.lists[RULES] = (*PLURALS, taint_rules.PLURAL), list(rules)
    return api


def _take(api: FakeCluster) -> Inventory:
    return take(api, descriptors.load())


def _counts(api: FakeCluster) -> tuple[int, int | None]:
    """Devices by the inventory, and those that are free when they are counted again."""
    (kind,) = _take(_api()).kinds
    (seen,) = _take(api).kinds
    example = next(d for d in descriptors.load() if d.id == "example")
    return sum(n.devices for n in seen.nodes), fresh.free_on(api, kind, example, "resource.k8s.io/v1", NODE)


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        (_rule({"driver": DRIVER, "pool": "n", "device": "a"}), 1),
        (_rule({"device": "a"}, "NoExecute"), 1),
        (_rule({"driver": "other.example.com"}), 2),
        (_rule({"pool": "m"}), 2),
        (_rule({"device": "a"}, "None"), 2),
        (_rule(None), 2),
        (_rule("all"), 2),
        ({"metadata": {}}, 2),
    ],
)
def test_a_rule_closes_the_devices_that_it_selects(rule: Object, count: int) -> None:
    assert _counts(_api(rule)) == (count, count)


def test_a_rule_for_every_device_leaves_none() -> None:
    assert taint_rules.close([_rule({})], (DRIVER, "n", "a"))
    assert _take(_api(_rule({}))).kinds[0].nodes == ()


def test_devices_that_are_closed_are_noted() -> None:
    assert f"1 devices of {DRIVER} are tainted" in _take(_api(_rule({"device": "a"}))).notes


def test_rules_that_must_not_be_listed_are_noted_and_close_nothing() -> None:
    api = _api(_rule({"device": "a"}))
    api.forbidden = {RULES}

    assert _counts(api) == (2, 2)
    assert any("not allowed to list devicetaintrules" in note for note in _take(api).notes)


def test_a_server_without_the_type_is_not_asked_for_rules() -> None:
    api = _api(_rule({"device": "a"}))
    api.served = PLURALS

    assert _counts(api) == (2, 2)
