"""Devices are chosen as Kubernetes chooses them: counters, capacity, constraints, taints, alternatives; and with a fault they are not."""

import pytest

from conformance.simulator.switches import Switches
from tests.simulator.client import CLAIMS, Client
from tests.simulator.dra import CLASSES, OTHER, RULES, Json, Maker, Pools

NO_ROOM = "cannot allocate all claims"


@pytest.fixture
def pools(client: Client, namespace: str, made: Maker) -> Pools:
    """A driver without devices."""
    return Pools(client, namespace, made)


def part(name: str, memory: str, kind: str = "part") -> Json:
    """A device that consumes memory of one card."""
    counters = [{"counterSet": "card", "counters": {"memory": {"value": memory}}}]
    return {"name": name, "attributes": {"type": {"string": kind}}, "consumesCounters": counters}


def card(pools: Pools) -> None:
    """A card of 16Gi as a whole and in two parts."""
    pools.publish(part("whole", "16Gi", "whole"), part("part-0", "8Gi"), part("part-1", "8Gi"), pool="card", count=2)
    counters = {"name": "card", "counters": {"memory": {"value": "16Gi"}}}
    pools.publish(name="pool-counters", pool="card", count=2, sharedCounters=[counters])


def of(kind: str) -> str:
    return f"device.attributes['{OTHER}'].type == '{kind}'"


def test_whole_device_and_its_partitions_exclude_each_other(pools: Pools) -> None:
    card(pools)
    assert pools.given("part", pools.request(expression=of("part"))) == ["part-0"]
    assert NO_ROOM in pools.refused("whole", pools.request(expression=of("whole")))
    assert pools.given("more", pools.request(expression=of("part"))) == ["part-1"]
    pools.free("part")
    pools.free("more")
    assert [result["device"] for result in pools.results("whole")] == ["whole"]
    assert NO_ROOM in pools.refused("last", pools.request(expression=of("part")))


def test_whole_device_is_given_beside_its_partition_where_counters_are_ignored(
    pools: Pools, switches: Switches
) -> None:
    card(pools)
    assert pools.given("part", pools.request(expression=of("part"))) == ["part-0"]
    switches.allocator.heeds_counters = False
    assert pools.given("whole", pools.request(expression=of("whole"))) == ["whole"]


def test_claim_for_whole_and_part_of_one_card_waits(pools: Pools) -> None:
    card(pools)
    both = (pools.request("a", expression=of("whole")), pools.request("b", expression=of("part")))
    assert NO_ROOM in pools.refused("both", *both)


def test_pool_whose_counters_are_missing_gives_nothing(pools: Pools) -> None:
    pools.publish(part("part-0", "8Gi"), count=2)
    assert NO_ROOM in pools.refused("part")


def test_pool_that_consumes_unknown_counters_is_invalid(pools: Pools) -> None:
    pools.publish(part("part-0", "8Gi"))
    assert "invalid resource pools were encountered" in pools.refused("part")


def shared(policy: Json | None = None, name: str = "big", memory: str = "10Gi") -> Json:
    """A device that several claims may have."""
    capacity = {"memory": {"value": memory, **({"requestPolicy": policy} if policy else {})}}
    return {
        "name": name,
        "allowMultipleAllocations": True,
        "capacity": capacity,
        "attributes": {"id": {"string": name}},
    }


def wanting(memory: str) -> Json:
    return {"requests": {"memory": memory}}


STEPS = {"default": "1Gi", "validRange": {"min": "1Gi", "max": "9Gi", "step": "1Gi"}}


def test_device_serves_claims_until_its_capacity_is_used_up(pools: Pools) -> None:
    pools.publish(shared(STEPS))
    asked = {"a": pools.request(), "b": pools.request(capacity=wanting("1500Mi"))}
    for name, amount in (("a", "1Gi"), ("b", "2Gi")):
        pools.hold(name, asked[name])
        (result,) = pools.results(name)
        assert (result["device"], result["consumedCapacity"]) == ("big", {"memory": amount})
    assert pools.results("a")[0]["shareID"] != pools.results("b")[0]["shareID"]
    assert NO_ROOM in pools.refused("c", pools.request(capacity=wanting("8Gi")))
    pools.free("a")
    assert pools.results("c")[0]["consumedCapacity"] == {"memory": "8Gi"}


def test_capacity_that_is_used_up_is_given_again_where_it_is_ignored(pools: Pools, switches: Switches) -> None:
    pools.publish(shared(STEPS))
    assert pools.given("a", pools.request(capacity=wanting("9Gi"))) == ["big"]
    switches.allocator.heeds_capacity = False
    assert pools.given("b", pools.request(capacity=wanting("9Gi"))) == ["big"]


@pytest.mark.parametrize(
    ("policy", "wanted", "amount"),
    [
        (None, None, "10Gi"),
        (None, "3Gi", "3Gi"),
        (STEPS, "100Mi", "1Gi"),
        (STEPS, "9500Mi", ""),
        ({"default": "2Gi", "validValues": ["2Gi", "4Gi"]}, "3Gi", "4Gi"),
        ({"default": "2Gi", "validValues": ["2Gi", "4Gi"]}, "5Gi", ""),
        ({"default": "2Gi"}, None, "2Gi"),
    ],
)
def test_amount_follows_the_policy_of_the_capacity(pools: Pools, policy: Json | None, wanted: str, amount: str) -> None:
    pools.publish(shared(policy))
    request = pools.request(capacity=wanting(wanted)) if wanted else pools.request()
    if amount:
        pools.hold("a", request)
        assert pools.results("a")[0]["consumedCapacity"] == {"memory": amount}
    else:
        assert NO_ROOM in pools.refused("a", request)


def test_capacity_that_no_device_has_is_not_given(pools: Pools) -> None:
    pools.publish(shared(), {"name": "small", "capacity": {"memory": {"value": "1Gi"}}})
    assert NO_ROOM in pools.refused("a", pools.request(capacity={"requests": {"cores": "1"}}))
    assert pools.given("b", pools.request(capacity=wanting("1Gi"), expression="!device.allowMultipleAllocations")) == [
        "small"
    ]
    assert NO_ROOM in pools.refused(
        "c", pools.request(capacity=wanting("2Gi"), expression="!device.allowMultipleAllocations")
    )


def test_request_gets_a_shared_device_once_and_two_requests_may_get_it_both(pools: Pools) -> None:
    pools.publish(shared(STEPS))
    assert NO_ROOM in pools.refused("twice", pools.request(count=2))
    both = (pools.request("a"), pools.request("b"))
    assert pools.given("both", *both) == ["big", "big"]
    assert NO_ROOM in pools.refused("distinct", *both, constraints=[{"distinctAttribute": f"{OTHER}/id"}])


def test_expression_tells_shared_devices_from_others(pools: Pools) -> None:
    pools.publish({"name": "own"}, shared())
    assert pools.given("a", pools.request(expression="device.allowMultipleAllocations")) == ["big"]


ROOTS = [{"name": f"d{n}", "attributes": {"root": {"string": root}}} for n, root in enumerate("abab")]


def test_devices_of_a_match_share_the_attribute(pools: Pools) -> None:
    pools.publish({"name": "bare"}, *ROOTS)
    match = [{"matchAttribute": f"{OTHER}/root"}]
    assert pools.given("a", pools.request(count=2), constraints=match) == ["d0", "d2"]
    assert NO_ROOM in pools.refused("b", pools.request(count=3), constraints=match)


def test_match_holds_for_the_requests_that_it_names(pools: Pools) -> None:
    pools.publish(*ROOTS)
    three = (pools.request("x"), pools.request("y"), pools.request("z"))
    constraints = [{"requests": ["x", "z"], "distinctAttribute": f"{OTHER}/root"}]
    assert pools.given("a", *three, constraints=constraints) == ["d0", "d1", "d3"]


def test_devices_that_do_not_match_are_given_where_constraints_are_ignored(pools: Pools, switches: Switches) -> None:
    pools.publish(*ROOTS)
    switches.allocator.heeds_constraints = False
    assert pools.given("a", pools.request(count=2), constraints=[{"matchAttribute": f"{OTHER}/root"}]) == ["d0", "d1"]


TAINT = {"key": "bad", "value": "yes", "effect": "NoSchedule"}
TOLERATED = [{"key": "bad", "operator": "Exists"}]


def test_tainted_device_is_for_those_who_tolerate_it(pools: Pools) -> None:
    pools.publish({"name": "d0", "taints": [TAINT]}, {"name": "d1", "taints": [{**TAINT, "effect": "None"}]})
    assert pools.given("a") == ["d1"]
    assert NO_ROOM in pools.refused("b")
    assert pools.given("c", pools.request(tolerations=TOLERATED)) == ["d0"]
    assert pools.results("c")[0]["tolerations"] == TOLERATED


def test_tainted_device_is_given_to_everybody_where_taints_are_ignored(pools: Pools, switches: Switches) -> None:
    pools.publish({"name": "d0", "taints": [TAINT]})
    switches.allocator.heeds_taints = False
    assert pools.given("a") == ["d0"]


def test_rule_taints_what_it_selects_and_without_a_selector_nothing(pools: Pools) -> None:
    pools.publish({"name": "d0"}, {"name": "d1"})
    pools.made(RULES, {"metadata": {"name": "none"}, "spec": {"taint": TAINT}})
    selector = {"driver": OTHER, "device": "d0"}
    pools.made(RULES, {"metadata": {"name": "one"}, "spec": {"deviceSelector": selector, "taint": TAINT}})
    assert pools.given("a") == ["d1"]
    assert NO_ROOM in pools.refused("b")


NO_EXECUTE = {"key": "bad", "effect": "NoExecute"}


def test_pod_whose_device_gets_a_taint_that_ends_pods_is_deleted_and_the_rule_says_so(pools: Pools) -> None:
    pools.publish({"name": "d0"}, {"name": "d1"})
    ending = {**TOLERATED[0], "effect": "NoExecute"}
    for name, tolerations in (("a", []), ("b", [ending])):
        assert pools.given(name, pools.request(tolerations=tolerations))
    pods = f"/api/v1/namespaces/{pools.namespace}/pods"
    pools.made(RULES, {"metadata": {"name": "end"}, "spec": {"deviceSelector": {"driver": OTHER}, "taint": NO_EXECUTE}})
    rule = pools.client.until(f"{RULES}/end", lambda obj: bool(obj.get("status", {}).get("conditions")))
    (said,) = rule["status"]["conditions"]
    assert (said["type"], said["status"], said["reason"]) == ("EvictionInProgress", "True", "PodsPendingEviction")
    assert said["message"] == "1 pod needs to be evicted in 1 namespace."
    claim = f"{CLAIMS.format(pools.namespace)}/a"
    pools.client.until(claim, lambda obj: not obj["status"].get("allocation"))
    events = pools.client.get(f"/api/v1/namespaces/{pools.namespace}/events")["items"]
    evicted = [e["involvedObject"]["name"] for e in events if e["reason"] == "DeviceTaintManagerEviction"]
    assert evicted == ["a"]
    assert "deletionTimestamp" not in pools.client.get(f"{pods}/b")["metadata"]


@pytest.mark.parametrize(
    ("effect", "reason", "message"),
    [
        ("NoExecute", "NotStarted", ""),
        ("NoSchedule", "OtherEffect", "Eviction only happens for the NoExecute effect."),
        (
            "None",
            "NoEffect",
            "1 published device selected. 0 allocated devices selected. 0 pods would be evicted in 0 different",
        ),
    ],
)
def test_rule_is_told_what_it_does(pools: Pools, effect: str, reason: str, message: str) -> None:
    pools.publish({"name": "d0"})
    taint = {"key": "bad", "effect": effect}
    pools.made(RULES, {"metadata": {"name": "told"}, "spec": {"deviceSelector": {"driver": OTHER}, "taint": taint}})
    rule = pools.client.until(f"{RULES}/told", lambda obj: bool(obj.get("status", {}).get("conditions")))
    (said,) = rule["status"]["conditions"]
    assert (said["status"], said["reason"]) == ("False", reason)
    assert said["message"].startswith(message)


def test_rules_taint_nothing_where_their_gate_is_off(pools: Pools, switches: Switches) -> None:
    pools.publish({"name": "d0"})
    pools.made(RULES, {"metadata": {"name": "one"}, "spec": {"deviceSelector": {"driver": OTHER}, "taint": TAINT}})
    switches.dra.device_taint_rules = False
    assert pools.given("a") == ["d0"]


def test_selectors_choose_and_do_not_where_they_are_ignored(pools: Pools, switches: Switches) -> None:
    pools.publish(*ROOTS)
    wanted = pools.request(expression=f"device.attributes['{OTHER}'].root == 'b'")
    assert pools.given("a", wanted) == ["d1"]
    switches.allocator.heeds_selectors = False
    assert pools.given("b", wanted) == ["d0"]


def test_domain_that_a_device_does_not_know_is_empty(pools: Pools) -> None:
    pools.publish({"name": "d0"})
    assert pools.given("a", pools.request(expression="!('x' in device.attributes['nobody.example.com'])")) == ["d0"]


def alternatives() -> Json:
    never = [{"cel": {"expression": "false"}}]
    first = {"name": "first", "deviceClassName": OTHER, "selectors": never}
    return {"name": "acc", "firstAvailable": [first, {"name": "second", "deviceClassName": OTHER}]}


def test_later_alternative_is_taken_and_is_not_where_the_scheduler_does_not_fall_back(
    pools: Pools, switches: Switches
) -> None:
    pools.publish({"name": "d0"}, {"name": "d1"})
    pools.hold("a", alternatives())
    assert [(r["request"], r["device"]) for r in pools.results("a")] == [("acc/second", "d0")]
    switches.allocator.alternatives = "first_only"
    assert NO_ROOM in pools.refused("b", alternatives())


def test_mode_all_waits_until_every_device_can_be_had(pools: Pools) -> None:
    pools.publish({"name": "d0"}, {"name": "d1"})
    assert pools.given("one") == ["d0"]
    assert NO_ROOM in pools.refused("every", pools.request(allocationMode="All"))
    pools.free("one")
    assert [result["device"] for result in pools.results("every")] == ["d0", "d1"]


def test_claim_for_more_than_a_result_can_hold_is_an_error(pools: Pools) -> None:
    pools.publish({"name": "d0"})
    assert "adding 33 devices exceeds the claim limit of 32" in pools.refused("a", pools.request(count=33))


def test_admin_access_gets_a_device_in_use_and_takes_nothing(client: Client, made: Maker) -> None:
    space = client.namespace("administrators", **{"resource.kubernetes.io/admin-access": "true"})
    pools = Pools(client, space, made)
    pools.publish({"name": "d0"})
    assert pools.given("look", pools.request(adminAccess=True)) == ["d0"]
    assert pools.given("use") == ["d0"]
    assert pools.given("again", pools.request(adminAccess=True)) == ["d0"]
    assert pools.results("again")[0]["adminAccess"] is True
    for name in ("look", "use", "again"):
        pools.free(name)
    client.call("DELETE", f"/api/v1/namespaces/{space}")


def test_allocation_says_where_its_devices_can_be_used_and_how_they_are_configured(pools: Pools) -> None:
    opaque = {"opaque": {"driver": OTHER, "parameters": {"a": "b"}}}
    made = {"metadata": {"name": "configured"}, "spec": {"config": [opaque]}}
    pools.made(CLASSES, made)
    pools.publish({"name": "far"}, name="pool-far", allNodes=True)
    pools.publish({"name": "near"}, name="pool-near")

    def allocation(name: str, wanted: str) -> Json:
        expression = f"device.driver == '{OTHER}' && !('{wanted}' in device.capacity)"
        request = {
            "name": "acc",
            "exactly": {"deviceClassName": "configured", "selectors": [{"cel": {"expression": expression}}]},
        }
        pools.given(name, request)
        found: Json = pools.client.get(f"{CLAIMS.format(pools.namespace)}/{name}")["status"]["allocation"]
        return found

    first, second = allocation("a", "x"), allocation("b", "y")
    assert "nodeSelector" not in first
    assert second["nodeSelector"]["nodeSelectorTerms"][0]["matchFields"][0]["values"] == ["node-a"]
    assert first["devices"]["config"] == [{"source": "FromClass", **opaque}]


BROKEN: list[Json] = [
    {"devices": [{}]},
    {"devices": [{"name": "a", "attributes": {"x": {}}}]},
    {"devices": [{"name": "a", "attributes": {"x": {"version": "1.0"}}}]},
    {"devices": [{"name": "a", "taints": [{"key": "k"}]}]},
    {"devices": [{"name": "a", "consumesCounters": [{"counterSet": "c"}]}]},
    {"sharedCounters": [{"name": "c"}]},
]


def test_objects_that_nobody_validated_do_not_stop_the_scheduler(pools: Pools, switches: Switches) -> None:
    switches.api.validates = False
    for n, spec in enumerate(BROKEN):
        pools.publish(name=f"broken-{n}", **spec)
    pools.made(RULES, {"metadata": {"name": "broken"}, "spec": {}})
    pools.publish({"name": "d0"}, name="sound")
    assert "missing device class name" in pools.refused("a", {"name": "acc"})
    assert "device class  does not exist" in pools.refused("b", {"name": "acc", "firstAvailable": [{}]})
    assert pools.given("c", pools.request(count=3))[-1] == "d0"
