"""Where gangs are tried: few nodes, few devices, counted without what is ours; and CPU where there is no accelerator."""

from types import SimpleNamespace
from typing import Any

import pytest

from conformance.cluster import errors
from conformance.evidence import Evidence
from conformance.inventory import Kind, NodeShare
from conformance.inventory.descriptors import parse
from conformance.probes import victims
from conformance.probes.gang import cpu_room, free_room, ground
from conformance.probes.gang.free_room import DeviceUnit, Room
from conformance.probes.names import SANDBOX_LABEL
from conformance.verdicts import Unknown, Unverified

Object = dict[str, Any]
DESCRIPTOR = parse({"id": "x", "title": "X", "device_plugin": {"resources": ["x.dev/accel"]}})
TAINT = {"key": "x.dev/accel", "effect": "NoSchedule"}


def kind(**nodes: int) -> Kind:
    shares = tuple(NodeShare(name=name, devices=count, free=count) for name, count in nodes.items())
    return Kind(
        id="p",
        way="device-plugin",
        name="x.dev/accel",
        model="",
        pool="",
        descriptor="x",
        device_class=None,
        nodes=shares,
    )


def node(name: str, count: Any, cpu: Any = "8", *, ready: bool = True) -> Object:
    amounts = {"x.dev/accel": count, "cpu": cpu}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    status = {"capacity": amounts, "allocatable": amounts, "conditions": conditions}
    return {"metadata": {"name": name}, "spec": {"taints": [TAINT]}, "status": status}


def pod(where: str, *, own: str = "", cpu: Any = "0", phase: str = "Running") -> Object:
    resources = {"limits": {"x.dev/accel": "1"}, "requests": {"cpu": cpu}}
    labels = {SANDBOX_LABEL: own} if own else {}
    spec = {"nodeName": where, "containers": [{"resources": resources}]}
    return {"metadata": {"name": "p", "labels": labels}, "spec": spec, "status": {"phase": phase}}


class FakeApi:
    """Nodes and pods."""

    def __init__(self, nodes: list[Object], pods: list[Object] | None = None) -> None:
        self.nodes, self.pods = {n["metadata"]["name"]: n for n in nodes}, pods or []
        self.forbidden = False

    def get(self, path: str) -> Object:
        name = path.removeprefix("/api/v1/nodes/")
        if name not in self.nodes:
            raise errors.NotFound(404, "NotFound", name)
        return self.nodes[name]

    def list(self, path: str, *, field_selector: str = "") -> list[Object]:
        if path == victims.CLASSES:
            return []
        assert path == "/api/v1/pods"
        if self.forbidden:
            raise errors.Forbidden(403, "Forbidden", "no")
        wanted = field_selector.removeprefix("spec.nodeName=")
        return [p for p in self.pods if field_selector == "spec.nodeName!=" or p["spec"]["nodeName"] == wanted]


def choose(api: FakeApi, everything: bool = False, **nodes: int) -> Room:
    unit = DeviceUnit(kind(**nodes), DESCRIPTOR, "resource.k8s.io/v1")
    return free_room.choose(api, unit, list(nodes), "me", everything=everything)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("counts", "wanted"),
    [
        ({"a": 2, "b": 2}, ("a", "b")),
        ({"a": 1, "b": 1, "c": 8}, ("a", "b")),
        ({"a": 8, "b": 8}, ("a",)),
        ({"a": 16, "b": 8, "c": 1}, ("b",)),
        ({"a": 0, "b": 3, "c": 0}, ("b",)),
        ({"a": 1, "b": 7, "c": 7}, ("a", "b")),
        ({"a": 1, "b": 0}, ("a",)),
        ({}, ()),
    ],
)
def test_two_nodes_are_taken_where_that_keeps_the_ask_small_else_one(
    counts: dict[str, int], wanted: tuple[str, ...]
) -> None:
    chosen = free_room.fewest(counts)

    assert sorted(chosen) == sorted(wanted) or sum(counts[n] for n in chosen) == sum(counts[n] for n in wanted)


def test_members_are_bound_to_the_chosen_nodes_and_tolerate_their_taints() -> None:
    api = FakeApi([node("a", "2"), node("b", "3"), node("c", "50")])
    room = choose(api, a=2, b=3, c=50)

    assert (set(room.nodes), room.free) == ({"a", "b"}, 5)
    required = room.affinity()["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    values = [term["matchFields"][0]["values"] for term in required["nodeSelectorTerms"]]
    assert values == [[name] for name in room.nodes]
    assert room.tolerations == ({"key": "x.dev/accel", "operator": "Exists", "effect": "NoSchedule"},)


def test_all_nodes_are_taken_where_that_is_asked_for() -> None:
    api = FakeApi([node(name, "8") for name in "abcdef"], [pod("a")])

    room = choose(api, everything=True, **dict.fromkeys("abcdef", 8))

    assert (room.nodes, room.free) == (tuple("abcdef"), 47)


def test_with_less_than_two_free_devices_nothing_can_start_in_part_and_the_counts_are_told() -> None:
    api = FakeApi([node("a", "1"), node("b", "2", ready=False)])

    with pytest.raises(Unknown, match="a: 1, b: 0") as raised:
        choose(api, a=1, b=2)
    assert raised.value.code == "too_few_free"


def test_where_pods_must_not_be_listed_nothing_is_guessed() -> None:
    api = FakeApi([node("a", "4")])
    api.forbidden = True

    with pytest.raises(Unknown) as raised:
        choose(api, a=4)
    assert raised.value.code == "forbidden"


def test_own_pods_change_nothing_and_foreign_ones_do() -> None:
    api = FakeApi([node("a", "4")])
    room = choose(api, a=4)
    api.pods = [pod("a", own="me"), pod("a", own="me"), pod("a", phase="Succeeded")]
    room.unchanged(api, "me")  # type: ignore[arg-type]

    api.pods.append(pod("a", own="another"))

    with pytest.raises(Unverified, match="from a: 4 to a: 3") as raised:
        room.unchanged(api, "me")  # type: ignore[arg-type]
    assert raised.value.code == "free_changed"


def test_a_node_that_is_gone_is_a_change() -> None:
    api = FakeApi([node("a", "4")])
    room = choose(api, a=4)
    api.nodes.clear()

    with pytest.raises(Unverified):
        room.unchanged(api, "me")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("quantity", "wanted"),
    [("2", 2000), ("500m", 500), ("1500000u", 1500), ("0.5", 500), (4, 4000), ("1k", 10**6), ("x", 0), (None, 0), ([], 0), ("1Gi", 0)],
)  # fmt: skip
def test_cpu_is_read_in_thousandths_and_what_is_none_counts_as_nothing(quantity: Any, wanted: int) -> None:
    assert cpu_room.millis(quantity) == wanted


def test_without_an_accelerator_members_ask_for_cpu_of_which_three_fit_on_the_node_with_least() -> None:
    nodes = [node("big", "0", "64"), node("small", "0", "4"), node("full", "0", "1")]
    api = FakeApi(nodes, [pod("small", cpu="500m"), pod("full", cpu="900m"), pod("big", cpu=None)])

    unit, name = cpu_room.unit_for(api, nodes, "me")  # type: ignore[arg-type]

    assert (name, unit.amount) == ("small", 1000)
    assert unit.count(api, [nodes[1]], "me") == {"small": 3}  # type: ignore[arg-type]
    asked = unit.shape({"spec": {"containers": [{"resources": {"requests": {"cpu": "1m", "a": 1}, "limits": {}}}]}})
    assert asked["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "1000m", "a": 1},
        "limits": {"cpu": "1000m"},
    }


def test_without_free_cpu_there_is_no_gang_either() -> None:
    nodes = [node("full", "0", "1")]
    with pytest.raises(Unknown) as raised:
        cpu_room.unit_for(FakeApi(nodes, [pod("full", cpu="900m")]), nodes, "me")  # type: ignore[arg-type]
    assert raised.value.code == "too_few_free"


def test_nodes_where_others_would_lose_their_devices_are_left_alone() -> None:
    low = pod("a")
    low["spec"]["priority"] = -10
    api, unit = FakeApi([node("a", "4"), node("b", "4")], [low]), DeviceUnit(kind(a=4, b=4), DESCRIPTOR, "v1")
    place: Any = SimpleNamespace(api=api, evidence=Evidence())
    assert ground.spared(place, unit, ["a", "b"]) == ["b"]
    with pytest.raises(Unknown) as raised:
        ground.spared(place, unit, ["a"])
    assert raised.value.code == "would_preempt"
