"""Volcano, KAI and coscheduling stand-ins: one engine, each with its own objects and words."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from conformance import simulator
from conformance.simulator import world as worlds
from conformance.simulator.switches import Switches
from tests.simulator.client import PODS, Client, pod
from tests.simulator.gangs import COSCHEDULING, KAI, STAY, VOLCANO, Gangs, Solution

pytestmark = pytest.mark.slow

_numbers = itertools.count()
ALL = [VOLCANO, KAI, COSCHEDULING]
DEPLOYMENTS = {
    "volcano": ("volcano-system", ["volcano-admission", "volcano-controllers", "volcano-scheduler"]),
    "kai": ("kai-scheduler", ["kai-scheduler-default"]),
    "coscheduling": ("scheduler-plugins", ["scheduler-plugins-controller", "scheduler-plugins-scheduler"]),
}
DOWN = {
    "volcano": "volcano_controller_down",
    "kai": "kai_controller_down",
    "coscheduling": "coscheduling_controller_down",
}


@pytest.fixture(scope="module", params=ALL, ids=lambda solution: solution.world)
def solution(request: pytest.FixtureRequest) -> Solution:
    """Each solution."""
    chosen: Solution = request.param
    return chosen


@pytest.fixture(scope="module")
def running(solution: Solution) -> Iterator[simulator.Running]:
    """Its world."""
    with simulator.start(solution.world) as cluster:
        yield cluster
        assert cluster.crashes == []


@pytest.fixture
def switches(running: simulator.Running) -> Iterator[Switches]:
    """Switches of its world; those of gangs are back in place afterwards."""
    live = running._cluster.switches
    saved = dict(vars(live.gang))
    yield live
    vars(live.gang).update(saved)
    running._cluster.kept.clear()


@pytest.fixture
def gangs(running: simulator.Running, solution: Solution) -> Iterator[Gangs]:
    """Gangs in a namespace of their own; what they held is free again afterwards."""
    client = Client(running.kubeconfig)
    ready = Gangs(client, client.namespace(f"test-{next(_numbers)}"), solution)
    yield ready
    client.call("DELETE", f"{ready.pods}")
    client.call("DELETE", f"/api/v1/namespaces/{ready.namespace}")
    client.until_gone(f"/api/v1/namespaces/{ready.namespace}")


def test_controllers_are_available_and_kinds_are_discovered(gangs: Gangs, solution: Solution) -> None:
    space, names = DEPLOYMENTS[solution.world]
    items = gangs.client.get(f"/apis/apps/v1/namespaces/{space}/deployments")["items"]
    assert set(names) <= {item["metadata"]["name"] for item in items}
    assert {item["status"]["availableReplicas"] for item in items} == {1}
    group_version = gangs.groups.rpartition("/namespaces")[0]
    assert "PodGroup" in {r["kind"] for r in gangs.client.get(group_version)["resources"]}


def test_gang_that_fits_starts_whole(gangs: Gangs) -> None:
    gangs.start("a", 2)
    gangs.until_started("a", 2)


def test_gang_that_does_not_fit_holds_nothing_and_starts_when_it_fits(gangs: Gangs) -> None:
    gangs.start("a", 1)
    gangs.until_started("a", 1)
    gangs.start("b", 2)
    gangs.until("b", gangs.solution.held)
    gangs.until_refused("b-1")
    assert gangs.bound() == ["a-0"]
    gangs.delete("a-0")
    gangs.until_started("b", 2)


def test_of_two_gangs_one_starts_whole(gangs: Gangs) -> None:
    gangs.start("a", 2)
    gangs.start("b", 2)
    gangs.until_started("a", 2)
    gangs.until_refused("b-1")
    assert gangs.bound() == ["a-0", "a-1"]


def test_scheduler_leaves_pods_of_others_alone(gangs: Gangs) -> None:
    gangs.client.create(gangs.pods, pod("own", "", schedulerName="nobody"))
    gangs.client.run(gangs.namespace, "other", "")
    assert gangs.bound() == ["other"]


def test_fault_starts_in_part(gangs: Gangs, switches: Switches) -> None:
    worlds.apply(worlds.fault("gang_starts_in_part"), switches)
    gangs.start("a", 3)
    gangs.until_bound("a-0", "a-1")
    gangs.until_refused("a-2")


def test_fault_binds_beyond_what_is_free(gangs: Gangs, switches: Switches) -> None:
    worlds.apply(worlds.fault("gang_admitted_beyond_capacity"), switches)
    gangs.start("a", 3)
    gangs.until_bound("a-0", "a-1", "a-2")


def test_fault_lets_rivals_hold_each_others_room(gangs: Gangs, switches: Switches) -> None:
    worlds.apply(worlds.fault("second_gang_deadlocks_the_first"), switches)
    gangs.start("a", 2)
    gangs.start("b", 2)
    gangs.until_bound("a-0", "b-0")
    assert gangs.bound() == ["a-0", "b-0"]


def test_fault_keeps_devices_of_a_deleted_gang(gangs: Gangs, switches: Switches) -> None:
    worlds.apply(worlds.fault("deleted_gang_keeps_its_devices"), switches)
    gangs.start("a", 2)
    gangs.until_started("a", 2)
    gangs.delete("a-0", "a-1")
    gangs.start("b", 2)
    gangs.until_refused("b-1")
    assert gangs.bound() == []


def test_fault_never_looks_again(gangs: Gangs, switches: Switches) -> None:
    worlds.apply(worlds.fault("waiting_gang_never_starts"), switches)
    gangs.start("a", 3)
    gangs.until_refused("a-2")
    gangs.delete("a-2")
    gangs.member("a", "a-3")
    gangs.client.run(gangs.namespace, "other", "")
    assert gangs.bound() == ["other"]


def test_dead_controller_does_nothing_and_its_deployment_says_so(solution: Solution) -> None:
    with simulator.start(solution.world, [DOWN[solution.world]]) as cluster:
        client = Client(cluster.kubeconfig)
        gangs = Gangs(client, client.namespace("a"), solution)
        gangs.start("a", 2)
        gangs.client.run("a", "other", "")
        assert gangs.bound() == ["other"]
        assert "status" not in client.get(f"{gangs.groups}/a")
        space, names = DEPLOYMENTS[solution.world]
        found = client.get(f"/apis/apps/v1/namespaces/{space}/deployments/{names[0]}")["status"]
        assert (found.get("availableReplicas"), found["unavailableReplicas"]) == (None, 1)


def state(group: dict[str, Any]) -> tuple[str, list[str]]:
    status = group.get("status", {})
    return status.get("phase", ""), [c["type"] for c in status.get("conditions", [])]


@pytest.fixture(scope="module")
def volcano() -> Iterator[Gangs]:
    """A world with Volcano, for its own words."""
    with simulator.start("volcano") as cluster:
        client = Client(cluster.kubeconfig)
        yield Gangs(client, client.namespace("a"), VOLCANO)


def test_volcano_phase_goes_from_inqueue_to_running_to_completed(volcano: Gangs) -> None:
    volcano.start("a", 3, "print(1)")
    held = volcano.until("a", lambda g: state(g) == ("Inqueue", ["Unschedulable"]))["status"]["conditions"][0]
    assert (held["status"], held["reason"]) == ("True", "NotEnoughResources")
    volcano.client.until(f"{volcano.pods}/a-2", lambda p: bool(p["status"].get("conditions")))
    change = {"spec": {"minMember": 2}}
    volcano.client.call("PATCH", f"{volcano.groups}/a", change, "application/merge-patch+json")
    done = volcano.until("a", lambda g: state(g)[0] == "Completed")["status"]
    assert done["succeeded"] == 3
    assert {c["type"] for c in done["conditions"]} == {"Unschedulable", "Scheduled"}
    events = volcano.client.get("/api/v1/namespaces/a/events?fieldSelector=involvedObject.kind=PodGroup")["items"]
    assert {"Unschedulable", "Scheduled"} <= {event["reason"] for event in events}


def test_volcano_pod_without_a_group_gets_one_of_its_own(volcano: Gangs) -> None:
    volcano.client.create(volcano.pods, pod("lone", "", schedulerName="volcano"))
    made = volcano.client.until(f"{volcano.pods}/lone", lambda p: p["status"]["phase"] == "Succeeded")["metadata"]
    group = volcano.client.get(f"{volcano.groups}/{made['annotations']['scheduling.k8s.io/group-name']}")
    assert (group["spec"]["minMember"], group["metadata"]["name"]) == (1, f"podgroup-{made['uid']}")


def test_volcano_gang_in_a_queue_that_does_not_exist_waits(volcano: Gangs) -> None:
    spec = {"minMember": 1, "queue": "later"}
    volcano.client.create(volcano.groups, {"metadata": {"name": "q"}, "spec": spec})
    volcano.member("q", "q-0", "")
    volcano.until("q", lambda g: state(g)[0] == "Pending")
    queues = "/apis/scheduling.volcano.sh/v1beta1/queues"
    volcano.client.create(queues, {"metadata": {"name": "later"}, "spec": {"weight": 1}})
    volcano.client.until(f"{queues}/later", lambda q: q.get("status", {}).get("state") == "Open")
    volcano.until_bound("q-0")


def test_kai_groups_pods_of_an_owner_by_its_annotation() -> None:
    with simulator.start("kai") as cluster:
        client = Client(cluster.kubeconfig)
        client.namespace("a")
        body = pod("p", STAY, schedulerName="kai-scheduler")
        body["metadata"]["labels"] = {"kai.scheduler/queue": "default-queue"}
        body["metadata"]["annotations"] = {"kai.scheduler/batch-min-member": "2"}
        uid = client.create(PODS.format("a"), body)["metadata"]["uid"]
        made = client.until(f"{KAI.groups.format('a')}/pg-p-{uid}", lambda _: True)
        assert (made["spec"]["minMember"], made["spec"]["queue"]) == (2, "default-queue")


def test_kai_names_a_queue_that_does_not_exist() -> None:
    with simulator.start("kai") as cluster:
        client = Client(cluster.kubeconfig)
        gangs = Gangs(client, client.namespace("a"), KAI)
        client.create(gangs.groups, {"metadata": {"name": "g"}, "spec": {"minMember": 1, "queue": "none"}})
        gangs.member("g", "g-0")
        found = gangs.until("g", KAI.held)["status"]["schedulingConditions"][0]
        assert (found["type"], found["reasons"][0]["reason"]) == ("UnschedulableOnNodePool", "QueueDoesNotExist")
