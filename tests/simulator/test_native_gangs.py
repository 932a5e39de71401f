"""The native gang API: pods of a PodGroup start together or not at all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance import simulator
from conformance.simulator import world as worlds
from conformance.simulator.switches import Switches
from tests.simulator.client import CLAIMS, PODS, Client, claim, pod

pytestmark = pytest.mark.slow

GROUPS = "/apis/scheduling.k8s.io/v1beta1/namespaces/{}/podgroups"
WORKLOADS = "/apis/scheduling.k8s.io/v1beta1/namespaces/{}/workloads"
STAY = "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()"

PREEMPTION = "pod group preemption: No preemption victims found for incoming preemptor"


def policy(count: int) -> dict[str, Any]:
    return {"schedulingPolicy": {"gang": {"minCount": count}}}


class Gangs:
    """Short ways to make gangs whose pods each hold one accelerator of the device plugin (there are four)."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.client, self.namespace = client, namespace
        self.pods, self.groups = PODS.format(namespace), GROUPS.format(namespace)

    def group(self, name: str, count: int) -> dict[str, Any]:
        made: dict[str, Any] = self.client.create(self.groups, {"metadata": {"name": name}, "spec": policy(count)})
        return made

    def member(self, gang: str, name: str, devices: int = 1, **spec: Any) -> dict[str, Any]:
        main = {"resources": {"limits": {"sim.dev/accel": str(devices)}}}
        body = pod(name, STAY, container=main, schedulingGroup={"podGroupName": gang}, **spec)
        made: dict[str, Any] = self.client.create(self.pods, body)
        return made

    def start(self, gang: str, size: int, devices: int = 1) -> None:
        self.group(gang, size)
        for n in range(size):
            self.member(gang, f"{gang}-{n}", devices)

    def verdict(self, gang: str, status: str) -> dict[str, Any]:
        """The condition of a PodGroup once it is as wanted."""
        group = self.client.until(
            f"{self.groups}/{gang}", lambda g: bool(found := conditions(g)) and found[0]["status"] == status
        )
        return conditions(group)[0]

    def bound(self) -> list[str]:
        items = self.client.get(self.pods)["items"]
        return sorted(item["metadata"]["name"] for item in items if item["spec"].get("nodeName"))

    def until_bound(self, *names: str) -> None:
        for name in names:
            self.client.until(f"{self.pods}/{name}", lambda p: bool(p["spec"].get("nodeName")))

    def delete(self, *names: str) -> None:
        for name in names:
            self.client.call("DELETE", f"{self.pods}/{name}")
            self.client.until_gone(f"{self.pods}/{name}")


def conditions(obj: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = obj.get("status", {}).get("conditions", [])
    return found


def scheduled(obj: dict[str, Any]) -> dict[str, Any]:
    return next((c for c in conditions(obj) if c["type"] == "PodScheduled"), {})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[simulator.Running]:
    """Two nodes with two accelerators of each kind, and nothing that buys a third."""
    world = tmp_path_factory.mktemp("world") / "native.yaml"
    nodes = "[{name: a, dra: [0, 1], devicePlugin: [2, 3]}, {name: b, dra: [4, 5], devicePlugin: [6, 7]}]"
    world.write_text(f"title: Native gangs\nserve: [scheduling.k8s.io/v1beta1]\nnodes: {nodes}\n")
    with simulator.start(world) as cluster:
        yield cluster
        assert cluster.crashes == []


@pytest.fixture
def gangs(client: Client, namespace: str) -> Iterator[Gangs]:
    """Gangs whose pods are gone, and their devices free, after a test."""
    ready = Gangs(client, namespace)
    yield ready
    client.call("DELETE", ready.pods)
    for item in client.get(ready.pods)["items"]:
        client.until_gone(f"{ready.pods}/{item['metadata']['name']}")
    client.call("DELETE", ready.groups)


@pytest.fixture
def switches(running: simulator.Running) -> Iterator[Switches]:
    """The switches of the shared cluster; those of gangs are back in place afterwards."""
    live = running._cluster.switches
    saved = dict(vars(live.gang))
    yield live
    vars(live.gang).update(saved)
    running._cluster.kept.clear()


def test_gang_that_fits_is_bound_whole_and_its_group_says_so(gangs: Gangs) -> None:
    gangs.start("a", 3)
    assert gangs.verdict("a", "True") | {"lastTransitionTime": ""} == {
        "type": "PodGroupInitiallyScheduled", "status": "True", "reason": "Scheduled", "message": "",
        "lastTransitionTime": "",
    }  # fmt: skip
    assert gangs.bound() == ["a-0", "a-1", "a-2"]


def test_gang_that_does_not_fit_binds_nothing_and_every_pod_has_its_reason(gangs: Gangs) -> None:
    gangs.start("a", 5)
    words = f"minCount (5) cannot be satisfied: 4 scheduled, 0 remaining, {PREEMPTION}"
    found = gangs.verdict("a", "False")
    assert (found["reason"], found["message"]) == ("Unschedulable", words)
    gangs.client.until(f"{gangs.pods}/a-4", lambda p: bool(scheduled(p)))
    waiting = gangs.client.get(gangs.pods)["items"]
    own, fits = "0/2 nodes are available: 2 Insufficient sim.dev/accel.", f"pod group is unschedulable, {words}"
    assert [scheduled(p)["message"] for p in waiting] == [fits] * 4 + [own]
    assert {scheduled(p)["reason"] for p in waiting} == {"Unschedulable"}
    assert gangs.bound() == []
    events = gangs.client.get(f"/api/v1/namespaces/{gangs.namespace}/events?fieldSelector=reason=FailedScheduling")
    assert {event["message"] for event in events["items"]} == {fits, own}


def test_attempt_ends_when_the_minimum_is_out_of_reach(gangs: Gangs) -> None:
    gangs.group("a", 4)
    for n in range(3):
        gangs.member("a", f"a-{n}", devices=2)
    gangs.member("a", "a-3", devices=2)
    assert (
        gangs.verdict("a", "False")["message"]
        == f"minCount (4) cannot be satisfied: 2 scheduled, 1 remaining, {PREEMPTION}"
    )


def test_nothing_is_written_while_members_are_missing(gangs: Gangs) -> None:
    gangs.group("a", 3)
    gangs.member("a", "a-0")
    gangs.member("a", "a-1")
    gangs.client.run(gangs.namespace, "other", "")
    waiting = gangs.client.get(gangs.pods)["items"]
    assert [conditions(p) for p in waiting if p["metadata"]["name"] != "other"] == [[], []]
    assert gangs.client.get(f"{gangs.groups}/a")["status"] == {}
    gangs.member("a", "a-2")
    gangs.until_bound("a-0", "a-1", "a-2")


def test_pods_wait_for_a_group_that_comes_after_them(gangs: Gangs) -> None:
    for n in range(2):
        gangs.member("a", f"a-{n}")
    gangs.client.run(gangs.namespace, "other", "")
    assert gangs.bound() == ["other"]
    gangs.group("a", 2)
    gangs.until_bound("a-0", "a-1")


def test_waiting_gang_starts_when_room_appears(gangs: Gangs) -> None:
    gangs.start("a", 3)
    gangs.until_bound("a-0", "a-1", "a-2")
    gangs.start("b", 2)
    assert (
        gangs.verdict("b", "False")["message"]
        == f"minCount (2) cannot be satisfied: 1 scheduled, 0 remaining, {PREEMPTION}"
    )
    gangs.delete("a-0")
    gangs.until_bound("b-0", "b-1")
    assert gangs.verdict("b", "True")["reason"] == "Scheduled"


def test_member_of_a_waiting_gang_that_is_deleted_is_counted_no_longer(gangs: Gangs) -> None:
    gangs.start("a", 5)
    gangs.verdict("a", "False")
    gangs.delete("a-4")
    gangs.client.run(gangs.namespace, "other", "")
    assert gangs.bound() == ["other"]


def test_more_members_than_the_minimum_start_as_far_as_they_fit(gangs: Gangs) -> None:
    gangs.group("a", 6)
    for n in range(6):
        gangs.member("a", f"a-{n}")
    gangs.verdict("a", "False")
    change = {"spec": policy(3)}
    answer = gangs.client.call("PATCH", f"{gangs.groups}/a", change, "application/merge-patch+json")
    assert answer.status == 200
    gangs.until_bound(*(f"a-{n}" for n in range(4)))
    assert gangs.bound() == [f"a-{n}" for n in range(4)]
    assert gangs.verdict("a", "True")["reason"] == "Scheduled"


def test_of_two_gangs_that_do_not_fit_together_one_starts_whole_and_the_other_holds_nothing(gangs: Gangs) -> None:
    gangs.group("a", 3)
    gangs.group("b", 3)
    for n in range(3):
        for gang in "ab":
            gangs.member(gang, f"{gang}-{n}")
    gangs.verdict("a", "True")
    gangs.verdict("b", "False")
    assert gangs.bound() == ["a-0", "a-1", "a-2"]


def test_gang_with_claims_is_allocated_whole_or_not_at_all(gangs: Gangs) -> None:
    gangs.group("a", 5)
    main = {"resources": {"claims": [{"name": "acc"}]}}
    for n in range(5):
        gangs.client.create(CLAIMS.format(gangs.namespace), claim(f"c-{n}"))
        entry = [{"name": "acc", "resourceClaimName": f"c-{n}"}]
        body = pod(f"a-{n}", STAY, container=main, resourceClaims=entry, schedulingGroup={"podGroupName": "a"})
        gangs.client.create(gangs.pods, body)
    assert (
        gangs.verdict("a", "False")["message"]
        == f"minCount (5) cannot be satisfied: 4 scheduled, 0 remaining, {PREEMPTION}"
    )
    claims = gangs.client.get(CLAIMS.format(gangs.namespace))["items"]
    assert [item["status"] for item in claims] == [{}] * 5
    gangs.client.call("PATCH", f"{gangs.groups}/a", {"spec": policy(4)}, "application/merge-patch+json")
    gangs.until_bound(*(f"a-{n}" for n in range(4)))
    claims = gangs.client.get(CLAIMS.format(gangs.namespace))["items"]
    devices = {
        r["device"]
        for c in claims
        for r in c["status"].get("allocation", {"devices": {"results": []}})["devices"]["results"]
    }
    assert len(devices) == 4


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (policy(0), "spec.schedulingPolicy.gang.minCount: Required value"),
        (policy(-1), "spec.schedulingPolicy.gang.minCount: Invalid value: -1: must be greater than or equal to 1"),
        ({"schedulingPolicy": {}}, "must specify one of: `basic`, `gang`"),
        ({"schedulingPolicy": {"basic": {}, "gang": {"minCount": 1}}}, "must specify exactly one of: `basic`, `gang`"),
    ],
)
def test_group_without_a_policy_that_can_be_met_is_refused(gangs: Gangs, spec: dict[str, Any], words: str) -> None:
    answer = gangs.client.call("POST", gangs.groups, {"metadata": {"name": "a"}, "spec": spec})
    assert (answer.status, words in answer.body["message"]) == (422, True)


def test_only_the_count_of_a_group_can_be_changed(gangs: Gangs) -> None:
    gangs.group("a", 2)
    change = {"spec": {"workloadRef": {"workloadName": "w", "templateName": "t"}}}
    answer = gangs.client.call("PATCH", f"{gangs.groups}/a", change, "application/merge-patch+json")
    assert (answer.status, "field is immutable" in answer.body["message"]) == (422, True)


def test_workload_names_its_templates_once(gangs: Gangs) -> None:
    path = WORKLOADS.format(gangs.namespace)
    one = {"name": "t", **policy(2)}
    assert (
        gangs.client.call("POST", path, {"metadata": {"name": "w"}, "spec": {"podGroupTemplates": [one, one]}}).status
        == 422
    )
    made = gangs.client.create(path, {"metadata": {"name": "w"}, "spec": {"podGroupTemplates": [one]}})
    assert made["spec"]["podGroupTemplates"] == [one]


def test_group_stays_while_pods_belong_to_it(gangs: Gangs) -> None:
    made = gangs.group("a", 1)
    assert (made["metadata"]["finalizers"], made["spec"]["priority"]) == (["scheduling.k8s.io/podgroup-protection"], 0)
    gangs.member("a", "a-0")
    gangs.until_bound("a-0")
    gangs.client.call("DELETE", f"{gangs.groups}/a")
    assert gangs.client.get(f"{gangs.groups}/a")["metadata"]["deletionTimestamp"]
    gangs.delete("a-0")
    gangs.client.until_gone(f"{gangs.groups}/a")


def test_fault_places_members_one_by_one(gangs: Gangs, switches: Switches) -> None:
    worlds.apply(worlds.fault("gang_starts_in_part"), switches)
    gangs.start("a", 5)
    gangs.until_bound("a-0", "a-1", "a-2", "a-3")
    assert (
        gangs.verdict("a", "False")["message"]
        == f"minCount (5) cannot be satisfied: 4 scheduled, 0 remaining, {PREEMPTION}"
    )
    assert gangs.bound() == ["a-0", "a-1", "a-2", "a-3"]


def test_fault_binds_a_gang_beyond_what_is_free(gangs: Gangs, switches: Switches) -> None:
    worlds.apply(worlds.fault("gang_admitted_beyond_capacity"), switches)
    gangs.start("a", 5)
    gangs.until_bound(*(f"a-{n}" for n in range(5)))
    assert gangs.verdict("a", "True")["reason"] == "Scheduled"
    gangs.client.until(f"{gangs.pods}/a-4", lambda p: p["status"].get("reason") == "UnexpectedAdmissionError")


def test_fault_lets_rivals_hold_each_others_room(gangs: Gangs, switches: Switches) -> None:
    worlds.apply(worlds.fault("second_gang_deadlocks_the_first"), switches)
    gangs.start("a", 3)
    gangs.start("b", 3)
    gangs.until_bound("a-0", "a-1", "b-0", "b-1")
    assert gangs.bound() == ["a-0", "a-1", "b-0", "b-1"]
    gangs.delete("a-0", "a-1", "a-2")
    gangs.until_bound("b-2")


def test_fault_of_rivals_leaves_a_lone_gang_alone(gangs: Gangs, switches: Switches) -> None:
    worlds.apply(worlds.fault("second_gang_deadlocks_the_first"), switches)
    gangs.start("a", 5)
    gangs.verdict("a", "False")
    assert gangs.bound() == []
    gangs.delete("a-4")
    gangs.start("b", 4)
    gangs.until_bound("b-0", "b-1", "b-2", "b-3")


def test_fault_keeps_the_devices_of_a_deleted_gang(gangs: Gangs, switches: Switches) -> None:
    worlds.apply(worlds.fault("deleted_gang_keeps_its_devices"), switches)
    gangs.start("a", 2)
    gangs.until_bound("a-0", "a-1")
    gangs.delete("a-0", "a-1")
    gangs.start("b", 3)
    assert (
        gangs.verdict("b", "False")["message"]
        == f"minCount (3) cannot be satisfied: 2 scheduled, 0 remaining, {PREEMPTION}"
    )


def test_fault_never_looks_at_a_waiting_gang_again(gangs: Gangs, switches: Switches) -> None:
    worlds.apply(worlds.fault("waiting_gang_never_starts"), switches)
    gangs.start("a", 3)
    gangs.until_bound("a-0", "a-1", "a-2")
    gangs.start("b", 2)
    gangs.verdict("b", "False")
    gangs.delete("a-0", "a-1", "a-2")
    gangs.client.run(gangs.namespace, "other", "")
    assert gangs.bound() == ["other"]


def test_without_the_gate_the_resources_are_not_served_and_pods_lose_their_group(tmp_path: Path) -> None:
    world = tmp_path / "off.yaml"
    world.write_text(
        "title: The gate is off\nserve: [scheduling.k8s.io/v1beta1]\nnodes: [{name: a}]\ncomponents: {gang: {native: false}}\n"
    )
    with simulator.start(world) as cluster:
        client = Client(cluster.kubeconfig)
        gangs = Gangs(client, client.namespace("a"))
        assert client.call("GET", gangs.groups).status == 404
        made = client.create(gangs.pods, pod("p", "", schedulingGroup={"podGroupName": "g"}))
        assert "schedulingGroup" not in made["spec"]
        gangs.until_bound("p")


def test_gang_of_a_hundred_and_twenty_holds_none_of_a_hundred_and_four_devices(tmp_path: Path) -> None:
    lines = [f"  - {{name: n{n}, devicePlugin: [{', '.join(str(8 * n + d) for d in range(8))}]}}" for n in range(13)]
    world = tmp_path / "big.yaml"
    world.write_text("\n".join(["title: The seed case", "serve: [scheduling.k8s.io/v1beta1]", "nodes:", *lines]) + "\n")
    with simulator.start(world) as cluster:
        client = Client(cluster.kubeconfig)
        gangs = Gangs(client, client.namespace("a"))
        gangs.start("a", 120)
        words = f"minCount (120) cannot be satisfied: 104 scheduled, 15 remaining, {PREEMPTION}"
        assert gangs.verdict("a", "False")["message"] == words
        assert gangs.bound() == []
