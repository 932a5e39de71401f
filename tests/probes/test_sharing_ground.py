"""Who else is on the devices, which pods still run, and what a driver publishes of its shares."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.cluster import errors
from conformance.cluster.api import Api
from conformance.evidence import Evidence
from conformance.inventory import Kind, NodeShare
from conformance.inventory.descriptors import parse
from conformance.probes.bench import Bench
from conformance.probes.names import RUN_LABEL
from conformance.probes.reading import Node, Report
from conformance.probes.sharing import foreign, partitions, published
from conformance.probes.sharing.crew import Crew
from conformance.probes.sharing.shares import Shares
from conformance.probes.tenants import Tenant
from conformance.verdicts import Failure, Outcome, Unknown, Unverified

Object = dict[str, Any]
DRIVER, RUN = "d.dev", "mine"
DESCRIPTOR = parse(
    {
        "id": "x",
        "title": "X",
        "dra": {"drivers": [DRIVER], "device_classes": [DRIVER], "model": "model"},
        "device_plugin": {
            "resources": ["x.dev/accel"],
            "shares": [{"strategy": "partitions", "resources": ["x.dev/part-*"]}],
        },
        "virtualization": {"can": True, "resources": ["x.dev/virtual"]},
        "device_nodes": {"accelerators": ["/dev/x[0-9]*"], "identity": {"path": r"x(?P<id>\d+)$"}},
    }
)


class FakeApi(Api):
    """Lists and objects as a test wrote them down."""

    def __init__(self, **lists: list[Object]) -> None:
        self.lists, self.forbidden = lists, ""

    def list(self, path: str, *, label_selector: str = "", field_selector: str = "") -> list[Object]:
        del label_selector, field_selector
        plural = path.rpartition("/")[2]
        if plural == self.forbidden:
            raise errors.Forbidden(403, "Forbidden", path)
        return self.lists.get(plural, [])

    def get(self, path: str, **_query: Any) -> Object:
        plural, _, name = path.rpartition("/")
        found = self.lists.get(plural.rpartition("/")[2], [])
        return next(obj for obj in found if obj["metadata"]["name"] == name)


def pod(name: str, resource: str, *, run: str = "", phase: str = "Running", uid: str = "") -> Object:
    return {
        "metadata": {"name": name, "namespace": "ns", "uid": uid or name, "labels": {RUN_LABEL: run} if run else {}},
        "spec": {"nodeName": "n", "containers": [{"name": "c", "resources": {"limits": {resource: "1"}}}]},
        "status": {"phase": phase},
    }


def claim(name: str, *devices: str, run: str = "", consumed: Object | None = None) -> Object:
    more = {"consumedCapacity": consumed} if consumed else {}
    results = [{"driver": DRIVER, "pool": "p", "device": device, "request": "r", **more} for device in devices]
    meta = {"name": name, "namespace": "ns", "labels": {RUN_LABEL: run} if run else {}}
    return {"metadata": meta, "status": {"allocation": {"devices": {"results": results}}}}


def slices(*devices: Object, counters: list[Object] | None = None) -> list[Object]:
    pool = {"name": "p", "generation": 1, "resourceSliceCount": 2 if counters else 1}
    common = {"driver": DRIVER, "nodeName": "n", "pool": pool}
    found = [{"metadata": {"name": "s"}, "spec": {**common, "devices": list(devices)}}]
    return found + ([{"metadata": {"name": "c"}, "spec": {**common, "sharedCounters": counters}}] if counters else [])


NODE = {
    "metadata": {"name": "n", "labels": {"host": "n"}},
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


def _others(api: FakeApi, *, which: foreign.Meant = foreign.every) -> str:
    """Code of what the look at others ends with; empty where there are none."""
    api.lists.setdefault("nodes", [NODE])
    try:
        foreign.none_hold(api, DESCRIPTOR, "resource.k8s.io/v1", "n", RUN, which)
    except Outcome as ended:
        return ended.code
    return ""


@pytest.mark.parametrize("resource", ["x.dev/accel", "x.dev/part-1g", "x.dev/virtual"])
def test_a_pod_of_somebody_else_with_a_device_or_a_share_keeps_loads_away(resource: str) -> None:
    assert _others(FakeApi(pods=[pod("p", resource)])) == "foreign_pods"
    assert _others(FakeApi(pods=[pod("p", resource, run="another")])) == "foreign_pods"


@pytest.mark.parametrize(
    "harmless",
    [pod("p", "x.dev/accel", run=RUN), pod("p", "x.dev/accel", phase="Succeeded"), pod("p", "other.dev/nic")],
    ids=["of this run", "ended", "of another vendor"],
)
def test_other_pods_do_not(harmless: Object) -> None:
    assert _others(FakeApi(pods=[harmless])) == ""


def test_a_claim_of_somebody_else_keeps_loads_away_where_its_device_is_meant() -> None:
    api = FakeApi(resourceslices=slices({"name": "a"}), resourceclaims=[claim("c", "a")])
    assert _others(api) == "foreign_pods"
    assert _others(api, which=lambda device: device.multiple) == ""
    api.lists["resourceclaims"] = [claim("c", "a", run=RUN), claim("d", "elsewhere")]
    assert _others(api) == ""


def test_a_claim_keeps_loads_away_also_where_its_slice_names_the_node_by_a_selector() -> None:
    published_by_label = slices({"name": "a"})
    spec = published_by_label[0]["spec"]
    del spec["nodeName"]
    term = {"matchExpressions": [{"key": "host", "operator": "In", "values": ["n"]}]}
    spec["nodeSelector"] = {"nodeSelectorTerms": [term]}
    assert _others(FakeApi(resourceslices=published_by_label, resourceclaims=[claim("c", "a")])) == "foreign_pods"


def test_a_claim_that_the_scheduler_made_for_a_pod_of_this_run_is_no_foreign_one() -> None:
    made, foreign_one = claim("p-extended-resources-x", "a"), claim("p-extended-resources-y", "a")
    made["metadata"]["namespace"] = f"ai-conformance-{RUN}-0123abcd"
    api = FakeApi(resourceslices=slices({"name": "a"}), resourceclaims=[made])
    assert _others(api) == ""
    foreign_one["metadata"]["namespace"] = f"ai-conformance-{RUN}2-0123abcd"
    api.lists["resourceclaims"] = [foreign_one]
    assert _others(api) == "foreign_pods"


def test_in_a_namespace_that_was_given_such_a_claim_is_known_by_its_pod() -> None:
    made = claim("p-extended-resources-x", "a")
    made["metadata"]["ownerReferences"] = [{"kind": "Pod", "name": "p", "uid": "p"}]
    api = FakeApi(resourceslices=slices({"name": "a"}), resourceclaims=[made], pods=[pod("p", "x.dev/other", run=RUN)])
    assert _others(api) == ""
    api.lists["pods"] = [pod("p", "x.dev/other", run="another")]
    assert _others(api) == "foreign_pods"


@pytest.mark.parametrize("plural", ["pods", "resourceclaims"])
def test_where_nobody_may_look_it_is_unknown(plural: str) -> None:
    api = FakeApi(resourceslices=slices({"name": "a"}))
    api.forbidden = plural
    assert _others(api) == "forbidden"


def _crew(api: FakeApi) -> Crew:
    sandbox = SimpleNamespace(api=api, evidence=Evidence(), namespace=lambda _level="": "ns")
    sandbox.path = lambda plural, **_named: f"/api/v1/namespaces/ns/{plural}"
    crew = Crew(cast("Bench", SimpleNamespace(sandbox=sandbox)))
    crew._ordinary = False
    return crew


@pytest.mark.parametrize("phase", ["Succeeded", "Failed", "Pending"])
def test_a_pod_that_does_not_run_any_more_ran_beside_nobody(phase: str) -> None:
    began = pod("p", "x.dev/accel")
    _crew(FakeApi(pods=[began])).must_run([began])
    with pytest.raises(Unverified, match="no longer runs beside the others"):
        _crew(FakeApi(pods=[pod("p", "x.dev/accel", phase=phase)])).must_run([began])


def test_a_pod_that_somebody_replaced_or_deletes_ran_beside_nobody() -> None:
    began = pod("p", "x.dev/accel")
    going = pod("p", "x.dev/accel")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    for now in (pod("p", "x.dev/accel", uid="another"), going):
        with pytest.raises(Unverified):
            _crew(FakeApi(pods=[now])).must_run([began])


def _shares(strategy: str, *found: Object, counters: list[Object] | None = None, **lists: list[Object]) -> Shares:
    kind = Kind(
        id=f"dra-m+{strategy}",
        way="dra",
        name=DRIVER,
        model="M",
        pool="",
        descriptor="x",
        device_class=DRIVER,
        nodes=(NodeShare(name="n", devices=2, free=2),),
        strategy=strategy,
    )
    api = FakeApi(nodes=[NODE], resourceslices=slices(*found, counters=counters), **lists)
    sandbox = SimpleNamespace(api=api, evidence=Evidence())
    inventory = SimpleNamespace(dra_version="v1")
    return Shares(cast("Any", sandbox), kind, (DESCRIPTOR,), cast("Any", inventory))


def part(name: str, memory: str) -> Object:
    taken = [{"counterSet": "whole", "counters": {"memory": {"value": memory}}}]
    return {
        "name": name,
        "attributes": {"model": {"string": "M"}},
        "capacity": {"memory": {"value": memory}},
        "consumesCounters": taken,
    }


WHOLE = [{"name": "whole", "counters": {"memory": {"value": "16Gi"}}}]


def test_partitions_that_take_a_part_of_their_counters_agree() -> None:
    assert "of 17179869184 memory" in published.agrees(_shares("partitions", part("a", "4Gi"), counters=WHOLE))


def test_a_partition_that_takes_more_than_there_is_contradicts() -> None:
    with pytest.raises(Failure) as raised:
        published.agrees(_shares("partitions", part("a", "32Gi"), counters=WHOLE))
    assert raised.value.code == "shares_disagree"


def several(capacity: Object) -> Object:
    return {
        "name": "a",
        "attributes": {"model": {"string": "M"}},
        "allowMultipleAllocations": True,
        "capacity": capacity,
    }


def test_a_capacity_that_claims_can_take_agrees() -> None:
    memory = {"value": "16Gi", "requestPolicy": {"default": "4Gi"}}
    assert "16Gi, 4Gi where" in published.agrees(_shares("consumable-capacity", several({"memory": memory})))


def test_a_default_greater_than_the_capacity_contradicts() -> None:
    memory = {"value": "16Gi", "requestPolicy": {"default": "32Gi"}}
    with pytest.raises(Failure):
        published.agrees(_shares("consumable-capacity", several({"memory": memory})))


def test_a_device_without_a_capacity_does_not_tell_how_it_is_divided() -> None:
    with pytest.raises(Unknown) as raised:
        published.agrees(_shares("consumable-capacity", several({})))
    assert raised.value.code == "configuration_not_told"


@pytest.mark.parametrize(("count", "beyond"), [(4, False), (5, True)])
def test_claims_that_together_take_more_than_a_device_has_are_beyond_the_limit(count: int, *, beyond: bool) -> None:
    claims = [claim(f"c{n}", "a", consumed={"memory": "4Gi"}) for n in range(count)]
    shares = _shares("consumable-capacity", several({"memory": {"value": "16Gi"}}), resourceclaims=claims)
    if not beyond:
        published.none_beyond(shares)
        return
    with pytest.raises(Failure) as raised:
        published.none_beyond(shares)
    assert raised.value.code == "share_beyond_the_limit"


def test_a_claim_with_admin_access_takes_nothing_of_a_device() -> None:
    watcher = claim("w", "a", consumed={"memory": "16Gi"})
    watcher["status"]["allocation"]["devices"]["results"][0]["adminAccess"] = True
    claims = [watcher, claim("c", "a", consumed={"memory": "4Gi"})]
    shares = _shares("consumable-capacity", several({"memory": {"value": "16Gi"}}), resourceclaims=claims)
    published.none_beyond(shares)


def test_a_device_with_a_taint_is_not_counted() -> None:
    kept = {**part("b", "4Gi"), "taints": [{"key": "x", "effect": "NoSchedule"}]}
    assert [d.name for d in _shares("partitions", part("a", "4Gi"), kept, counters=WHOLE).published()[1]] == ["a"]


def test_devices_that_are_published_no_more_are_not_judged() -> None:
    with pytest.raises(Unknown) as raised:
        published.agrees(_shares("partitions", several({})))
    assert raised.value.code == "no_device_published"


def test_where_neither_descriptor_nor_driver_tells_the_parent_of_a_partition_nothing_is_known() -> None:
    shares = _shares("partitions", part("a", "4Gi"), counters=WHOLE)
    shares._share = replace(shares.kind, way="device-plugin", name="x.dev/part-1g")
    opened = Node(path="/dev/x1", kind="c", major=9, minor=1, opened=True, refusal="", content=None)
    report = Report(nodes=(opened,), others=(), made=(), complete=True, identity={})
    tenant = Tenant({"metadata": {"name": "p", "namespace": "ns", "uid": "p"}}, {"main": report})
    with pytest.raises(Unknown) as raised:
        partitions._parts(shares, [tenant])
    assert raised.value.code == "no_parent"


def test_a_partition_that_does_not_name_its_parent_is_a_part_of_what_its_driver_publishes() -> None:
    shares = _shares("partitions", part("a", "4Gi"), part("b", "4Gi"), counters=WHOLE)
    tenants = []
    for minor, name in enumerate(("a", "b")):
        opened = Node(path=f"/dev/x{minor}", kind="c", major=9, minor=minor, opened=True, refusal="", content=None)
        report = Report(nodes=(opened,), others=(), made=(), complete=True, identity={})
        meta = {"name": name, "namespace": "ns", "uid": name}
        tenants.append(Tenant({"metadata": meta}, {"main": report}, claim=claim(name, name)))
    first, second = partitions._pair(partitions._parts(shares, tenants))
    assert first.parent == second.parent
    assert (first.pod, second.pod) == ("a", "b")
