"""What pods with shares say, and what is made of it: no cheating cluster passes, and nothing unseen is called a fault."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from conformance.inventory import Inventory, Kind, NodeShare
from conformance.inventory.descriptors import Descriptor, parse
from conformance.probes.answers import Burn, Burned
from conformance.probes.reading import Node, Report
from conformance.probes.sharing import configured, giving, loads, moments, nobody, views
from conformance.probes.sharing.moments import Span
from conformance.probes.sharing.views import View
from conformance.probes.tenants import Tenant
from conformance.verdicts import Failure, NotApplicable, Outcome, Unknown, Unverified

DESCRIPTOR = parse(
    {
        "id": "x",
        "title": "X",
        "device_plugin": {
            "resources": ["x.dev/accel"],
            "shares": [
                {
                    "strategy": "partitions",
                    "resources": ["x.dev/part-*"],
                    "devices": "x.dev/part-*.count",
                    "replicas": "x.dev/part-*.replicas",
                },
                {
                    "strategy": "time-slicing",
                    "when": {"label": "x.dev/strategy", "equals": "time-slicing"},
                    "devices": "x.dev/count",
                    "replicas": "x.dev/replicas",
                },
            ],
        },
        "device_nodes": {
            "accelerators": ["/dev/x[0-9]*"],
            "identity": {"content": r"uuid=(?P<id>\S+)"},
            "parent": {"content": r"parent=(?P<id>\S+)"},
            "memory": {"content": r"memory=(?P<id>\S+)"},
        },
        "sharing": {"can": True},
    }
)
KIND = Kind(
    id="device-plugin-x",
    way="device-plugin",
    name="x.dev/accel",
    model="X1",
    pool="",
    descriptor="x",
    device_class=None,
    nodes=(NodeShare(name="n", devices=2, free=2),),
)
SLICED = replace(KIND, id="device-plugin-x-accel+time-slicing", strategy="time-slicing")


def device(minor: int, content: str | None = "", *, opened: bool = True) -> Node:
    told = f"uuid=U{minor}" if content == "" else content
    return Node(
        path=f"/dev/x{minor}",
        kind="c",
        major=9,
        minor=minor,
        opened=opened,
        refusal="" if opened else "EPERM",
        content=told,
    )


def burned(
    *, verified: bool = True, began: float | None = 1.0, ended: float | None = 5.0, uuid: str = "/dev/x0"
) -> Burned:
    problem = "" if verified else "read 2 failed"
    return Burned(uuid, verified, 10, None, problem, began, ended)


def tenant(name: str, *nodes: Node, burn: Burn | None = None, environment: Mapping[str, str] | None = None) -> Tenant:
    report = Report(
        nodes=nodes, others=(), made=(), complete=True, identity={}, burn=burn, environment=environment or {}
    )
    return Tenant({"metadata": {"name": name, "namespace": "ns", "uid": name}}, {"main": report})


def worker(name: str, *devices: Burned, problem: str = "", by: str = "read") -> Tenant:
    return tenant(name, device(0), burn=Burn(by, 4.0, devices, problem))


def seen(name: str, node: Node) -> View:
    return views.view(tenant(name, node), DESCRIPTOR)


def code(raised: pytest.ExceptionInfo[Any]) -> str:
    return str(raised.value.code)


# One device or two


def test_pods_that_opened_one_number_with_one_identity_share_it() -> None:
    pair = views.sharing_one([seen("a", device(0)), seen("b", device(1)), seen("c", device(0))])
    assert pair is not None
    assert [one.pod for one in pair] == ["a", "c"]


def test_pods_with_devices_of_their_own_share_none() -> None:
    assert views.sharing_one([seen("a", device(0)), seen("b", device(1))]) is None


def test_an_identity_in_the_environment_makes_no_device_shared() -> None:
    told = {"X_DEVICE": "U0"}
    first = views.view(tenant("a", device(0), environment=told), DESCRIPTOR)
    second = views.view(tenant("b", device(1), environment=told), DESCRIPTOR)
    assert not views.same(first, second)


@pytest.mark.parametrize(
    "other",
    [device(0, "uuid=U7"), device(1, "uuid=U0"), device(0, None), device(0, "nothing that names a device")],
    ids=["one number, two identities", "two numbers, one identity", "no content", "no identity"],
)
def test_number_and_identity_that_contradict_each_other_prove_nothing(other: Node) -> None:
    with pytest.raises(Unverified) as raised:
        views.same(seen("a", device(0)), seen("b", other))
    assert code(raised) == "no_identity"


def test_a_pod_that_was_given_every_device_has_no_share_of_one() -> None:
    with pytest.raises(Failure) as raised:
        views.view(tenant("a", device(0), device(1)), DESCRIPTOR)
    assert code(raised) == "foreign_device_opened"


def test_one_device_under_two_names_is_one() -> None:
    assert views.view(tenant("a", device(0), replace(device(0), path="/dev/x-alias")), DESCRIPTOR).identity == "U0"


@pytest.mark.parametrize(
    ("nodes", "wanted"), [((), "device_not_injected"), ((device(0, opened=False),), "device_unusable")]
)
def test_a_share_of_which_no_device_opens_is_not_given(nodes: tuple[Node, ...], wanted: str) -> None:
    with pytest.raises(Failure) as raised:
        views.view(tenant("a", *nodes), DESCRIPTOR)
    assert code(raised) == wanted


def test_a_library_that_shows_two_devices_shows_more_than_a_share() -> None:
    two = Burn("cuda", 2.0, (burned(uuid="GPU-1"), burned(uuid="GPU-2")), "")
    with pytest.raises(Failure) as raised:
        views.view(tenant("a", device(0), burn=two), DESCRIPTOR)
    assert code(raised) == "foreign_device_opened"


# Partitions


def part(name: str, minor: int, content: str) -> View:
    return seen(name, device(minor, content))


def test_partitions_of_one_device_are_two_with_one_parent() -> None:
    pair = [part("a", 10, "uuid=P0 parent=U0 memory=4Gi"), part("b", 11, "uuid=P1 parent=U0 memory=4Gi")]
    views.all_different(pair)
    assert views.of_one_parent(pair) == tuple(pair)
    assert pair[0].memory == "4Gi"


@pytest.mark.parametrize(("minor", "uuid"), [(10, "P0"), (11, "P0"), (10, "P1")])
def test_partitions_with_one_number_or_one_identity_are_one(minor: int, uuid: str) -> None:
    with pytest.raises(Failure) as raised:
        views.all_different([part("a", 10, "uuid=P0 parent=U0"), part("b", minor, f"uuid={uuid} parent=U0")])
    assert code(raised) == "partitions_are_one"


def test_partitions_of_two_devices_are_not_of_one() -> None:
    assert views.of_one_parent([part("a", 10, "uuid=P0 parent=U0"), part("b", 20, "uuid=P1 parent=U1")]) is None


def test_partitions_that_do_not_name_their_parent_prove_nothing() -> None:
    with pytest.raises(Unverified) as raised:
        views.of_one_parent([part("a", 10, "uuid=P0"), part("b", 11, "uuid=P1")])
    assert code(raised) == "no_parent"


def test_partitions_behind_one_device_node_are_told_apart_by_the_library() -> None:
    first = views.view(tenant("a", device(0), burn=Burn("cuda", 2.0, (burned(uuid="MIG-1"),), "")), DESCRIPTOR)
    second = views.view(tenant("b", device(0), burn=Burn("cuda", 2.0, (burned(uuid="MIG-2"),), "")), DESCRIPTOR)
    views.all_different([first, second])
    assert views.of_one_parent([first, second]) == (first, second)
    with pytest.raises(Unverified):
        views.all_different([first, replace(second, identity="MIG-1")])


def test_replicas_of_two_parts_behind_one_device_node_are_two_devices() -> None:
    """Replicas of MIG devices: every pod has the node of the whole GPU, and one of two parts of it."""
    seen = [
        views.view(tenant(name, device(0), burn=Burn("cuda", 2.0, (burned(uuid=uuid),), "")), DESCRIPTOR)
        for name, uuid in (("a", "MIG-1"), ("b", "MIG-2"), ("c", "MIG-1"))
    ]
    assert not views.same(*seen[:2])
    pair = views.sharing_one(seen)
    assert pair is not None
    assert [one.pod for one in pair] == ["a", "c"]
    with pytest.raises(Unverified):
        views.same(seen[0], replace(seen[1], by_library=False))


# Loads


def test_loads_that_all_came_out_right_say_when_they_were() -> None:
    spans = loads.worked([worker("a", burned()), worker("b", burned(began=2.0, ended=6.0))])
    assert moments.together(spans) == 3.0
    assert moments.spread(spans) == 1.0


def test_pods_that_ran_one_after_the_other_have_no_time_in_common() -> None:
    assert moments.together([Span(1.0, 5.0), Span(6.0, 10.0)]) < 0


@pytest.mark.parametrize(
    "second",
    [
        worker("b", burned(verified=False)),
        worker("b", problem="no library"),
        worker("b", burned(), burned(verified=False)),
    ],
    ids=["wrong result", "no load while the other had one", "one of two loads wrong"],
)
def test_a_pod_with_the_same_device_that_cannot_compute_has_no_share(second: Tenant) -> None:
    with pytest.raises(Failure) as raised:
        loads.worked([worker("a", burned()), second])
    assert code(raised) == "share_cannot_compute"


def test_where_no_pod_could_compute_nothing_is_known() -> None:
    with pytest.raises(Unknown) as raised:
        loads.worked([worker("a", problem="no libcuda.so.1"), worker("b", problem="no libcuda.so.1")])
    assert code(raised) == "no_compute"


def test_where_only_root_may_be_served_a_failure_of_all_is_none() -> None:
    wrong = [worker("a", burned(verified=False)), worker("b", burned(verified=False))]
    with pytest.raises(Unknown):
        loads.worked(wrong, may_serve_root_only=True)
    with pytest.raises(Failure):
        loads.worked([worker("c", burned()), *wrong], may_serve_root_only=True)


@pytest.mark.parametrize(("began", "ended"), [(None, 5.0), (1.0, None)])
def test_a_load_that_does_not_say_when_it_was_proves_nothing(began: float | None, ended: float | None) -> None:
    with pytest.raises(Unverified):
        loads.worked([worker("a", burned()), worker("b", burned(began=began, ended=ended))])


# Configuration


def labelled(allocatable: int, labels: Mapping[str, str]) -> dict[str, Any]:
    amounts = {"x.dev/accel": str(allocatable), "x.dev/part-1g": str(allocatable)}
    return {
        "metadata": {"name": "n", "labels": {"x.dev/strategy": "time-slicing", **labels}},
        "status": {"capacity": amounts, "allocatable": amounts},
    }


def _agrees(share: Kind, found: dict[str, Any]) -> str:
    return configured.agrees(share, found, configured.rule_of(share, found, (DESCRIPTOR,)))


def test_as_many_units_as_devices_and_replicas_agree() -> None:
    assert "x.dev/replicas=4" in _agrees(SLICED, labelled(8, {"x.dev/count": "2", "x.dev/replicas": "4"}))


@pytest.mark.parametrize("units", [7, 9, 2, 0])
def test_another_number_of_units_disagrees(units: int) -> None:
    with pytest.raises(Failure) as raised:
        _agrees(SLICED, labelled(units, {"x.dev/count": "2", "x.dev/replicas": "4"}))
    assert code(raised) == "shares_disagree"


def test_units_that_are_not_healthy_are_no_wrong_configuration() -> None:
    found = labelled(8, {"x.dev/count": "2", "x.dev/replicas": "4"})
    found["status"]["allocatable"] = {"x.dev/accel": "4"}
    with pytest.raises(Unknown) as raised:
        _agrees(SLICED, found)
    assert code(raised) == "units_not_healthy"
    found["status"]["capacity"] = {"x.dev/accel": "6"}
    with pytest.raises(Failure):
        _agrees(SLICED, found)


@pytest.mark.parametrize(
    "labels",
    [{"x.dev/count": "2"}, {"x.dev/replicas": "4"}, {"x.dev/count": "two", "x.dev/replicas": "4"}],
)
def test_a_label_that_is_missing_or_no_number_is_named(labels: dict[str, str]) -> None:
    with pytest.raises(Unknown, match=r"label x\.dev/") as raised:
        _agrees(SLICED, labelled(8, labels))
    assert code(raised) == "configuration_not_told"


def test_a_partition_without_replicas_is_not_divided_again() -> None:
    share = replace(KIND, name="x.dev/part-1g", strategy="partitions")
    assert _agrees(share, labelled(7, {"x.dev/part-1g.count": "7"}))
    assert _agrees(share, labelled(14, {"x.dev/part-1g.count": "7", "x.dev/part-1g.replicas": "2"}))


def test_a_node_that_is_not_shared_any_more_is_not_judged() -> None:
    whole = labelled(8, {})
    whole["metadata"]["labels"] = {"x.dev/strategy": "none"}
    with pytest.raises(Unknown) as raised:
        configured.rule_of(SLICED, whole, (DESCRIPTOR,))
    assert code(raised) == "sharing_changed"


# Nobody shares


def inventory(*kinds: Kind, notes: tuple[str, ...] = ()) -> Inventory:
    return Inventory(kinds, None, (), 3, notes)


def _nobody(found: Inventory, *descriptors: Descriptor) -> Outcome | Failure:
    try:
        nobody.shares(found, descriptors)
    except (Outcome, Failure) as ended:
        return ended


CANNOT, SILENT = replace(DESCRIPTOR, id="x", can_share=False), replace(DESCRIPTOR, id="x", can_share=None)


def test_nobody_shares_what_can_be_shared_is_a_failure_that_says_where_was_looked() -> None:
    ended = _nobody(inventory(KIND), DESCRIPTOR)
    assert isinstance(ended, Failure)
    assert ended.code == "no_sharing"
    assert "node labels" in ended.observed
    assert "3 nodes" in ended.observed


def test_where_no_accelerator_can_be_shared_it_is_not_applicable() -> None:
    assert isinstance(_nobody(inventory(KIND), CANNOT), NotApplicable)


@pytest.mark.parametrize(
    ("found", "descriptors", "wanted"),
    [
        (inventory(), (DESCRIPTOR,), "no_accelerator"),
        (inventory(KIND), (), "no_descriptor"),
        (inventory(KIND), (SILENT,), "no_descriptor"),
        (inventory(KIND, replace(KIND, descriptor=None)), (DESCRIPTOR,), "no_descriptor"),
        (inventory(KIND, notes=("not allowed to list resourceslices",)), (DESCRIPTOR,), "forbidden"),
        (inventory(KIND, notes=("pool p of d is incomplete: 1 of 2 slices",)), (DESCRIPTOR,), "not_all_seen"),
        (inventory(KIND, notes=("pool p of d is incomplete: 1 of 2 slices",)), (CANNOT,), "not_all_seen"),
        (inventory(KIND, replace(KIND, note="no driver publishes a device")), (DESCRIPTOR,), "no_device_published"),
    ],
)
def test_what_is_not_seen_or_not_known_is_unknown(
    found: Inventory, descriptors: tuple[Descriptor, ...], wanted: str
) -> None:
    ended = _nobody(found, *descriptors)
    assert isinstance(ended, Unknown)
    assert ended.code == wanted


def test_units_of_which_no_label_tells_that_they_are_whole_may_be_shares() -> None:
    ended = _nobody(inventory(replace(KIND, untold=True)), DESCRIPTOR)
    assert isinstance(ended, Unknown)
    assert ended.code == "sharing_not_told"


@pytest.mark.parametrize("note", ["1 of 3 nodes are not ready or not schedulable", "not allowed to list pods"])
def test_notes_that_hide_no_share_do_not_excuse(note: str) -> None:
    assert isinstance(_nobody(inventory(KIND, notes=(note,)), DESCRIPTOR), Failure)


# Claims


def result(device_name: str, share_id: str | None = "one") -> dict[str, Any]:
    return {"driver": "d", "pool": "p", "device": device_name, **({"shareID": share_id} if share_id else {})}


def test_two_claims_on_one_device_have_an_id_each_and_pods_on_it() -> None:
    giving._is_one_device(seen("a", device(0)), seen("b", device(0)), result("x"), result("x", "two"))


@pytest.mark.parametrize(
    ("other", "share_id", "wanted"),
    [
        (device(1), "two", "shared_device_is_two"),
        (device(0), "one", "shares_not_told_apart"),
        (device(0), None, "shares_not_told_apart"),
    ],
    ids=["the pods opened two devices", "one id for both", "an id is missing"],
)
def test_two_claims_on_one_device_that_are_not_fail(other: Node, share_id: str | None, wanted: str) -> None:
    with pytest.raises(Failure) as raised:
        giving._is_one_device(seen("a", device(0)), seen("b", other), result("x"), result("x", share_id))
    assert code(raised) == wanted


def _claimed(*users: str, devices: int = 1) -> dict[str, Any]:
    results = [result(f"x{n}") for n in range(devices)]
    return {"status": {"allocation": {"devices": {"results": results}}, "reservedFor": [{"uid": u} for u in users]}}


@pytest.mark.parametrize(
    ("claim", "held"),
    [
        (_claimed("a", "b"), True),
        (_claimed("a", "b", "c"), True),
        (_claimed("b"), False),
        (_claimed("a", "b", devices=2), False),
        (_claimed("a", "b", devices=0), False),
    ],
    ids=["both", "both and another", "one only", "two devices", "no device"],
)
def test_a_claim_that_two_pods_name_holds_one_device_for_both(claim: dict[str, Any], *, held: bool) -> None:
    pods = [replace(tenant(name, device(0)), claim=claim) for name in ("a", "b")]
    if held:
        giving._held_by_both(pods)
        return
    with pytest.raises(Failure) as raised:
        giving._held_by_both(pods)
    assert code(raised) == "claim_not_held"


def test_a_claim_that_holds_two_devices_is_not_the_one_that_was_sent() -> None:
    with pytest.raises(Unknown) as raised:
        giving._result(replace(tenant("a", device(0)), claim=_claimed("a", devices=2)))
    assert code(raised) == "claim_changed"
