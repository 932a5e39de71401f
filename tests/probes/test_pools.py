"""What a new node of a pool proves: not one that replaced another, came for others, or gives its pod nothing."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.cluster import Settings, errors
from conformance.evidence import Evidence
from conformance.inventory.descriptors import Descriptor, load
from conformance.inventory.kinds import Kind
from conformance.probes import names
from conformance.probes.pools import crowding, use
from conformance.probes.pools.crowding import Filling
from conformance.probes.pools.growth import Growing
from conformance.probes.pools.newnodes import NODES, NewNodes
from conformance.probes.pools.nodepool import Pool
from conformance.probes.sandbox import Sandbox
from conformance.verdicts import Failure, Grade, Outcome, Unverified

Object = dict[str, Any]
RESOURCE = "sim.dev/accel"
BEFORE, CAME, AFTER = "2026-01-01T00:00:00Z", "2026-01-01T00:05:00Z", "2026-01-01T00:06:00Z"


def descriptor() -> Descriptor:
    return next(d for d in load() if d.id == "simulated")


def node(name: str, *, model: str = "S1", **annotations: str) -> Object:
    labels = {"pool": "a", descriptor().model_label: model}
    meta = {"name": name, "uid": name, "labels": labels, "annotations": annotations, "creationTimestamp": CAME}
    amounts = {RESOURCE: "2"}
    ready = [{"type": "Ready", "status": "True"}]
    return {"metadata": meta, "status": {"capacity": amounts, "allocatable": amounts, "conditions": ready}}


def pod(name: str, *, on: str = "", created: str = BEFORE, mine: bool = False, **meta: Any) -> Object:
    labels = {names.SANDBOX_LABEL: sandbox().own} if mine else {}
    status = {"phase": "Running"} if on else {"conditions": [REFUSED]}
    return {
        "metadata": {"name": name, "namespace": "n", "labels": labels, "creationTimestamp": created, **meta},
        "spec": {"nodeName": on} if on else {},
        "status": status,
    }


REFUSED = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "none"}


class FakeApi:
    """Nodes, pods and what their probes opened."""

    def __init__(self, *nodes: Object, pods: tuple[Object, ...] = (), opened: tuple[str, ...] = ()) -> None:
        self.nodes, self.pods, self.opened = list(nodes), pods, opened

    def pages(self, path: str, **_query: str) -> Any:
        assert path == NODES
        return iter([{"items": list(self.nodes), "metadata": {"resourceVersion": "1"}}])

    def list(self, path: str, *, field_selector: str = "", **_query: str) -> list[Object]:
        if path == NODES:
            return list(self.nodes)
        where = field_selector.partition("=")[2]
        return [p for p in self.pods if p["spec"].get("nodeName", "") == where]

    def get(self, path: str) -> Object:
        return next(n for n in self.nodes if path == f"{NODES}/{n['metadata']['name']}")

    def first_line(self, path: str, read: Any, **_query: Any) -> Any:
        name = path.split("/")[-2]
        found = [{"path": "/dev/simaccel0", "kind": "c", "major": 240, "minor": 0, "open": "ok"}]
        nodes = found if name in self.opened else []
        report = {"probe": 1, "nodes": nodes, "others": [], "made": [], "complete": True, "identity": {}}
        return read(json.dumps(report))


def sandbox(api: Any = None) -> Sandbox:
    settings = Settings(run_id="r", namespace="n")
    found = Sandbox(api, run_id="r", check_id="c", settings=settings, evidence=Evidence())
    found._namespaces["given"] = {"metadata": {"name": "n"}}
    return found


def pool_of(api: FakeApi) -> Pool:
    """The pool that all these nodes are in."""
    told: Any = {
        "id": "s1",
        "way": "device-plugin",
        "name": RESOURCE,
        "model": "S1",
        "pool": "",
        "descriptor": "simulated",
    }
    kind = Kind(**told, device_class=None, nodes=())
    return Pool(("pool", "a"), tuple(api.nodes), kind, None)


def followed(api: FakeApi) -> NewNodes:
    """Nodes of the pool, followed since now."""
    return NewNodes(cast("Any", api), pool_of(api), descriptor(), "resource.k8s.io/v1")


def code_of(judge: Any, *words: Any) -> str:
    with pytest.raises((Outcome, Failure)) as raised:
        judge(*words)
    assert isinstance(raised.value, Failure | Outcome)
    return str(raised.value.code)


def test_a_node_that_makes_the_pool_larger_is_new() -> None:
    api = FakeApi(node("old"))
    nodes = followed(api)
    api.nodes.append(node("new"))
    assert nodes.must_be_new("new")["metadata"]["name"] == "new"


def test_a_node_in_the_place_of_one_that_went_shows_no_growth() -> None:
    api = FakeApi(node("old"), node("lost"))
    nodes = followed(api)
    api.nodes[1:] = [node("new")]
    assert code_of(nodes.must_be_new, "new") == "node_replaced"


def test_a_node_with_another_model_is_not_the_accelerator_of_the_pool() -> None:
    api = FakeApi(node("old"))
    nodes = followed(api)
    api.nodes.append(node("new", model="S9"))
    assert code_of(nodes.must_be_new, "new") == "other_accelerator"


def test_nodes_that_come_late_have_to_go_as_well() -> None:
    api = FakeApi(node("old"))
    nodes = followed(api)
    assert nodes._gone({"old": node("old"), "late": node("late")}) is None
    assert nodes._gone({"old": node("old")}) is True


@pytest.mark.parametrize(
    ("other", "blamed"),
    [
        (pod("waited", on="new"), True),
        (pod("late", on="new", created=AFTER), False),
        (pod("ours", on="new", mine=True), False),
        (pod("of-all", on="new", ownerReferences=[{"kind": "DaemonSet"}]), False),
        (pod("waits"), True),
    ],
    ids=["waited", "late", "ours", "daemon", "waits"],
)
def test_a_node_that_may_have_come_for_others_proves_nothing(other: Object, blamed: bool) -> None:
    place = sandbox(FakeApi(pods=(other,)))
    if blamed:
        assert code_of(crowding.came_for_us, place, node("new")) == "competing_load"
    else:
        crowding.came_for_us(place, node("new"))


MEMBERS = {"first": pod("first", on="old"), "last": pod("last", on="new")}


@pytest.mark.parametrize(
    ("opened", "code"), [(("first",), "new_node_unusable"), ((), "no_witness")], ids=["others-do", "nobody-does"]
)
def test_a_pod_that_opens_nothing_on_the_new_node_is_no_pass(opened: tuple[str, ...], code: str) -> None:
    place = sandbox(FakeApi(opened=opened))
    assert code_of(use.grade, place, descriptor(), MEMBERS, "last", node("new")) == code


def test_a_pod_that_opened_its_accelerator_earns_the_full_grade_and_a_fake_node_less() -> None:
    place = sandbox(FakeApi(opened=("last",)))
    assert use.grade(place, descriptor(), MEMBERS, "last", node("new")) == Grade.CONTROLLED
    fake = node("new", **{use.FAKE: "fake"})
    assert use.grade(sandbox(FakeApi()), descriptor(), MEMBERS, "last", fake) == Grade.BEHAVIOURAL


def test_a_pod_that_got_a_place_of_before_meanwhile_tells_nothing_of_the_new_node() -> None:
    api = FakeApi(node("old"))
    silent = SimpleNamespace(SOURCE="x", detect=lambda _: None, state=lambda _: "", trouble=lambda *_: "")
    landscape: Any = SimpleNamespace(adapter=silent, solution=None)
    growing = Growing(sandbox(api), landscape, pool_of(api), descriptor(), "v1")
    growing._filling, members = Filling(2, {"old"}), {"a": pod("a", on="old"), "b": pod("b")}
    assert growing._filling.waiting(members) == ["b"]
    growing._pods = cast("Any", SimpleNamespace(members={**members, "b": pod("b", on="old")}))
    growing._nodes._note(node("new"))
    found = growing._not_grown(errors.WaitTimeout("w", 1.0, ""))
    assert (type(found), found.code) == (Unverified, "free_changed")
