"""Devices are chosen so that a scheduler which looks away is seen: what would pass by luck is told apart from what proves."""

from fractions import Fraction
from typing import Any

import pytest

from conformance.inventory import dra
from conformance.probes import names
from conformance.probes.dra import capacity, expressions, published, selection
from conformance.probes.dra.constraints import DISTINCT, MATCH, Constraints
from conformance.probes.dra.published import Published
from conformance.verdicts import NotApplicable, Unknown

DRIVER = "gpu.example.com"
NUMA, ROOT = "resource.kubernetes.io/numaNode", "resource.kubernetes.io/pcieRoot"
TYPES = {str: "string", int: "int", bool: "bool"}


def device(name: str, *, free: bool = True, memory: str = "", **attributes: Any) -> Published:
    typed = {k.replace("__", "/"): {TYPES[type(v)]: v} for k, v in attributes.items() if type(v) in TYPES}
    typed |= {k.replace("__", "/"): v for k, v in attributes.items() if type(v) not in TYPES}
    body = {"attributes": typed, "capacity": {"memory": {"value": memory}} if memory else {}}
    found = dra.Device(driver=DRIVER, pool="n", name=name, attributes={}, node="n", tainted=False)
    return Published(found, "n", body, free, not free)


def placed(name: str, numa: int, root: str = "pci0000:00", **more: Any) -> Published:
    own = device(name, uuid=f"GPU-{name}", **more)
    body = {**own.body, "attributes": {**own.body["attributes"], NUMA: {"int": numa}, ROOT: {"string": root}}}
    return Published(own.device, own.node, body, own.free, own.held)


class FakeTrial:
    """As much of a trial as choosing needs."""

    identity, driver = f"{DRIVER}/uuid", DRIVER

    def __init__(self, *devices: Published) -> None:
        self._devices = list(devices)
        self.bench = type("B", (), {"node": "n", "choose_node": lambda _self, _count: "n"})()
        self.evidence = type("E", (), {"step": lambda *_a, **_k: None})()

    def devices(self) -> list[Published]:
        return self._devices

    def rivals(self) -> list[Published]:
        return self._devices

    def free(self) -> list[Published]:
        return [d for d in self._devices if d.free]

    def need(self, count: int, words: str) -> None:
        if len(self._devices) < count:
            raise NotApplicable(words)


def constraints(*devices: Published) -> Constraints:
    return Constraints(FakeTrial(*devices))  # type: ignore[arg-type]


def test_the_identity_tells_a_device_from_the_others() -> None:
    one, other = device("a", uuid="x", model="M"), device("b", uuid="y", model="M")
    assert expressions.only(one, [one, other], f"{DRIVER}/uuid") == (
        f'"uuid" in device.attributes["{DRIVER}"] && device.attributes["{DRIVER}"]["uuid"] == "x"',
    )


def test_without_one_attribute_that_differs_all_of_them_together_mean_a_device() -> None:
    devices = [device("a", x=0, y=0), device("b", x=0, y=1), device("c", x=1, y=0)]
    found = expressions.only(devices[0], devices)
    assert found is not None
    assert len(found) == 2


def test_of_many_attributes_those_are_chosen_that_tell_the_device_apart() -> None:
    same: dict[str, Any] = {f"a{n:02}": n for n in range(20)}
    devices = [device("a", **same, x=0, y=0), device("b", **same, x=0, y=1), device("c", **same, x=1, y=0)]
    found = expressions.only(devices[0], devices)
    assert found is not None
    assert ['"x"' in found[0], '"y"' in found[1], len(found)] == [True, True, 2]


def test_devices_that_are_all_alike_cannot_be_meant() -> None:
    alike = [device("a", model="M"), device("b", model="M")]
    assert expressions.only(alike[0], alike) is None
    assert expressions.telling(alike) is None


def test_lists_and_unknown_types_are_no_selectors_and_a_version_is_compared_as_one() -> None:
    assert expressions.attribute_is("d/x", {"ints": [1, 2]}) is None
    assert expressions.attribute_is("d/x", {"new": "1"}) is None
    assert "semver" in str(expressions.attribute_is("d/x", {"version": "1.0.0"}))
    assert str(expressions.attribute_is("d/x", {"bool": True})).endswith("== true")


def test_a_hostile_name_or_value_stays_a_text_of_cel() -> None:
    found = expressions.attribute_is('d"]/x"', {"string": '" || true || "'})
    assert found is not None
    assert found.endswith(r'== "\" || true || \""')


def test_what_nobody_has_is_beyond_every_value_and_every_capacity() -> None:
    trial = FakeTrial(device("a", index=3, memory="16Gi"), device("b", index=7, memory="80Gi"))
    found = dict(selection.met_by_nobody(trial))  # type: ignore[arg-type]
    assert found["by-attribute"].endswith(f"== {7 + expressions.FAR}")
    assert found["by-capacity"].endswith('quantity("80Gi")) > 0')


def test_a_number_that_nobody_has_is_one_that_an_expression_can_hold() -> None:
    assert str(expressions.nobody_is("d/x", [5, expressions.LARGEST])).endswith(f"== {5 - expressions.FAR}")


def test_without_attributes_and_capacity_the_control_is_a_selector_that_is_false() -> None:
    assert selection.met_by_nobody(FakeTrial(device("a"))) == [("by-nothing", "false")]  # type: ignore[arg-type]


def test_a_pair_is_chosen_whose_next_free_neighbour_would_break_the_constraint() -> None:
    pair = constraints(placed("a", 0), placed("b", 1), placed("c", 0)).best(MATCH)
    assert pair is not None
    assert (pair.attribute, pair.anchor.device.name, pair.trap) == (NUMA, "a", True)


def test_where_the_first_two_are_alike_the_last_is_the_anchor_that_tells() -> None:
    pair = constraints(placed("a", 0), placed("b", 0), placed("c", 1), placed("d", 1)).best(MATCH)
    assert pair is not None
    assert (pair.anchor.device.name, pair.trap) == ("c", True)


def test_topology_is_preferred_and_the_root_before_the_node() -> None:
    pair = constraints(placed("a", 0, "r0"), placed("b", 1, "r1"), placed("c", 0, "r0")).best(MATCH)
    assert pair is not None
    assert pair.attribute == ROOT


def test_two_devices_that_differ_everywhere_leave_no_pair_and_an_impossible_match() -> None:
    found = constraints(placed("a", 0, "r0"), placed("b", 1, "r1"))
    assert found.best(MATCH) is None
    assert (MATCH, f"{DRIVER}/uuid") in found.impossible()
    assert DISTINCT not in dict(found.impossible()), "nothing is equal on both"


def test_an_attribute_that_is_equal_everywhere_cannot_be_distinct() -> None:
    assert (DISTINCT, ROOT) in constraints(placed("a", 0), placed("b", 1)).impossible()


def test_a_device_that_others_hold_counts_for_what_is_impossible_and_not_for_a_pair() -> None:
    held = placed("b", 0, free=False)
    found = constraints(placed("a", 0), held, placed("c", 1))
    assert found.best(MATCH) is not None
    assert found.best(MATCH).attribute == ROOT, "of the free ones only the root is equal"  # type: ignore[union-attr]


def test_one_device_on_each_node_makes_a_pair_not_applicable_and_one_free_device_unknown() -> None:
    with pytest.raises(NotApplicable):
        constraints(placed("a", 0))
    with pytest.raises(Unknown):
        constraints(placed("a", 0), placed("b", 0, free=False))


@pytest.mark.parametrize(
    ("value", "policy", "part"),
    [
        (16, None, 8),
        (3, {}, 1),
        (16, {"default": "4", "validRange": {"min": "1", "step": "1"}}, 8),
        (16, {"validRange": {"min": "3", "step": "2"}}, 7),
        (16, {"validRange": {"min": "1", "max": "2"}}, 2),
        (16, {"validRange": {"min": "9"}}, None),
        (16, {"validValues": ["2", "8", "16"]}, 8),
        (16, {"validValues": ["16"]}, None),
        (16, {"validValues": ["nonsense", None]}, None),
    ],
)
def test_a_claim_asks_for_the_largest_valid_part_of_which_there_are_two(value: int, policy: Any, part: Any) -> None:
    assert capacity.largest_part(Fraction(value), policy) == part


DEVICES = ({"name": "a"}, {"name": "b"})


class FakeApi:
    """Lists of one node with some devices."""

    def __init__(self, *devices: dict[str, Any], counters: Any = (), claims: Any = (), where: Any = None) -> None:
        self.devices, self.counters, self.claims = devices or DEVICES, counters, claims
        self.where = where or {"nodeName": "n"}

    def list(self, path: str, **_query: str) -> list[dict[str, Any]]:
        spec = {"driver": DRIVER, **self.where, "pool": {"name": "n", "generation": 1, "resourceSliceCount": 1}}
        spec |= {"devices": list(self.devices), "sharedCounters": list(self.counters)}
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        found: dict[str, list[dict[str, Any]]] = {
            "resourceclaims": list(self.claims),
            "resourceslices": [{"metadata": {}, "spec": spec}],
            "nodes": [{"metadata": {"name": "n"}, "spec": {}, "status": ready}],
        }
        return found.get(path.rpartition("/")[2], [])


def free(*rules: dict[str, Any]) -> list[str]:
    return [d.device.name for d in published.read(FakeApi(), "v1", DRIVER, rules) if d.free]  # type: ignore[arg-type]


def test_a_device_that_a_rule_of_somebody_else_taints_is_not_free() -> None:
    def rule(effect: str, **selector: str) -> dict[str, Any]:
        return {"metadata": {}, "spec": {"deviceSelector": selector, "taint": {"key": "k", "effect": effect}}}

    assert free() == ["a", "b"]
    assert free(rule("NoSchedule", driver=DRIVER, pool="n", device="a")) == ["b"]
    assert free(rule("NoExecute", driver=DRIVER)) == []
    assert free(rule("None", driver=DRIVER), rule("NoSchedule", driver="other.example.com")) == ["a", "b"]
    assert free({"metadata": {}, "spec": "no rule"}) == ["a", "b"]
    assert free(rule("NoSchedule")) == []
    assert free({"metadata": {}, "spec": {"taint": {"key": "k", "effect": "NoSchedule"}}}) == ["a", "b"]


def held(device_name: str, **labels: str) -> dict[str, Any]:
    result = {"request": "r", "driver": DRIVER, "pool": "n", "device": device_name}
    return {
        "metadata": {"name": "c", "labels": labels},
        "status": {"allocation": {"devices": {"results": [result]}}},
    }


def test_a_partition_whose_counters_are_spent_is_not_there_to_try_its_taint_on() -> None:
    takes = [{"counterSet": "set", "counters": {"memory": {"value": "4"}}}]
    closed = {"name": "part", "consumesCounters": takes, "taints": [{"key": "k", "effect": "NoSchedule"}]}
    api = FakeApi(
        {"name": "whole", "consumesCounters": takes},
        closed,
        counters=[{"name": "set", "counters": {"memory": {"value": "4"}}}],
        claims=[held("whole")],
    )
    assert [d.held for d in published.read(api, "v1", DRIVER)] == [True, True]  # type: ignore[arg-type]


def test_what_claims_of_the_check_hold_is_free_where_they_do_not_count() -> None:
    api = FakeApi(claims=[held("a", **{names.SANDBOX_LABEL: "mine"}), held("b", **{names.SANDBOX_LABEL: "other"})])
    found = published.read(api, "v1", DRIVER, own=lambda claim: names.is_of(claim, "mine"))  # type: ignore[arg-type]
    assert [d.free for d in found] == [True, False]


def test_a_device_that_every_node_reaches_is_told_apart_from_and_belongs_to_no_node() -> None:
    found = published.read(FakeApi(where={"allNodes": True}), "v1", DRIVER)  # type: ignore[arg-type]
    assert [(d.node, d.device.everywhere) for d in found] == [("", True), ("", True)]
