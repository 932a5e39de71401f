"""The stand-in for Kueue: quota first, then pods that are ready in time, or back into the queue."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from conformance import simulator
from conformance.simulator import world as worlds
from conformance.simulator.switches import Switches
from tests.simulator.client import PODS, Client, pod

pytestmark = pytest.mark.slow

_numbers = itertools.count()
KUEUE = "/apis/kueue.x-k8s.io/v1beta2"
WORKLOADS, LOCAL = KUEUE + "/namespaces/{}/workloads", KUEUE + "/namespaces/{}/localqueues"
JOBS = "/apis/batch/v1/namespaces/{}/jobs"
CONFIG = "/api/v1/namespaces/kueue-system/configmaps/kueue-manager-config"
STAY = "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()"
MERGE = "application/merge-patch+json"
QUEUE_NAME = "kueue.x-k8s.io/queue-name"


class Queue:
    """A namespace with a LocalQueue, and short ways to put work in it."""

    def __init__(self, client: Client, namespace: str, cluster_queue: str = "cluster-queue") -> None:
        self.client, self.namespace = client, namespace
        self.pods, self.jobs, self.workloads = (path.format(namespace) for path in (PODS, JOBS, WORKLOADS))
        body = {"metadata": {"name": "queue"}, "spec": {"clusterQueue": cluster_queue}}
        client.create(LOCAL.format(namespace), body)

    def job(self, name: str, size: int, script: str = STAY, **spec: Any) -> str:
        """A Job whose pods each hold one accelerator of the device plugin; the name of its Workload."""
        main = {"resources": {"limits": {"sim.dev/accel": "1"}}}
        template = pod("", script, container=main, **spec)["spec"]
        body = {"parallelism": size, "completions": size, "template": {"spec": template}}
        meta = {"name": name, "labels": {QUEUE_NAME: "queue"}}
        made = self.client.create(self.jobs, {"metadata": meta, "spec": body})
        assert made["spec"]["suspend"] is True
        selector = f"labelSelector=kueue.x-k8s.io/job-uid={made['metadata']['uid']}"
        found = next(self.client.watch(f"{self.workloads}?watch=1&{selector}&timeoutSeconds=20"))
        return str(found["object"]["metadata"]["name"])

    def until(self, workload: str, kind: str, status: str, reason: str = "") -> dict[str, Any]:
        """The Workload once it has a condition."""

        def holds(obj: dict[str, Any]) -> bool:
            found = state(obj, kind)
            return found.get("status") == status and reason in ("", found.get("reason"))

        return self.client.until(f"{self.workloads}/{workload}", holds)

    def until_job(self, name: str, **spec: Any) -> dict[str, Any]:
        return self.client.until(f"{self.jobs}/{name}", lambda job: spec.items() <= job["spec"].items())

    def names(self) -> list[str]:
        return [item["metadata"]["name"] for item in self.client.get(self.pods)["items"]]


def state(obj: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((c for c in obj.get("status", {}).get("conditions", []) if c["type"] == kind), {})


def settings(client: Client, **waits: Any) -> None:
    """Change Kueue's configuration."""
    data = yaml.safe_load(client.get(CONFIG)["data"]["controller_manager_config.yaml"])
    data["waitForPodsReady"].update(waits)
    body = {"data": {"controller_manager_config.yaml": yaml.safe_dump(data)}}
    assert client.call("PATCH", CONFIG, body, MERGE).status == 200


@pytest.fixture(scope="module")
def running() -> Iterator[simulator.Running]:
    """The world ``kueue``, with less patience."""
    with simulator.start("kueue") as cluster:
        strategy = {"timestamp": "Eviction", "backoffBaseSeconds": 1, "backoffMaxSeconds": 1}
        settings(Client(cluster.kubeconfig), timeout="1s", requeuingStrategy=strategy)
        yield cluster
        assert cluster.crashes == []


@pytest.fixture
def queue(running: simulator.Running) -> Iterator[Queue]:
    """A queue whose work is gone after a test."""
    client = Client(running.kubeconfig)
    ready = Queue(client, client.namespace(f"test-{next(_numbers)}"))
    yield ready
    client.call("DELETE", f"/api/v1/namespaces/{ready.namespace}")
    client.until_gone(f"/api/v1/namespaces/{ready.namespace}")


@pytest.fixture
def switches(running: simulator.Running) -> Iterator[Switches]:
    """Switches that are back in place afterwards."""
    live = running._cluster.switches
    saved = dict(vars(live.gang))
    yield live
    vars(live.gang).update(saved)
    running._cluster.kept.clear()


def test_job_within_quota_is_admitted_and_runs_to_its_end(queue: Queue) -> None:
    name = queue.job("a", 2, "print(1)")
    done = queue.until(name, "Finished", "True", "Succeeded")
    assert [state(done, kind)["status"] for kind in ("QuotaReserved", "Admitted")] == ["True", "True"]
    assigned = done["status"]["admission"]["podSetAssignments"][0]
    assert (assigned["count"], assigned["resourceUsage"]["sim.dev/accel"]) == (2, "2")
    assert assigned["flavors"]["sim.dev/accel"] == "default-flavor"
    owner = done["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"], done["spec"]["queueName"]) == ("Job", "a", "queue")


def test_pods_of_an_admitted_job_are_ready_and_marked(queue: Queue) -> None:
    name = queue.job("a", 2)
    queue.until(name, "PodsReady", "True", "Started")
    job = queue.until_job("a", suspend=False)
    assert job["spec"]["template"]["metadata"]["labels"]["kueue.x-k8s.io/podset"] == "main"
    local = queue.client.get(LOCAL.format(queue.namespace) + "/queue")["status"]
    assert (local["admittedWorkloads"], state({"status": local}, "Active")["status"]) == (1, "True")


def test_job_beyond_quota_stays_suspended_without_pods(queue: Queue) -> None:
    name = queue.job("a", 9)
    held = queue.until(name, "QuotaReserved", "False", "ExceedsMaxQuota")
    assert "request > maximum capacity (9 > 8)" in state(held, "QuotaReserved")["message"]
    assert queue.until_job("a", suspend=True)
    assert queue.names() == []
    found = queue.client.get(LOCAL.format(queue.namespace) + "/queue")["status"]
    assert found["pendingWorkloads"] == 1


def test_job_that_cannot_be_placed_is_evicted_and_its_pods_go(queue: Queue) -> None:
    name = queue.job("a", 3)
    queue.until(name, "Admitted", "True")
    gone = queue.until(name, "Evicted", "True", "PodsReadyTimeout")
    assert gone["status"]["requeueState"]["count"] == 1
    assert [state(gone, kind)["status"] for kind in ("QuotaReserved", "Admitted")] == ["False", "False"]
    assert "admission" not in gone["status"]
    queue.until_job("a", suspend=True)


def test_evicted_job_starts_when_there_is_room(queue: Queue) -> None:
    blocker = {"resources": {"limits": {"sim.dev/accel": "1"}}}
    queue.client.create(queue.pods, pod("blocker", STAY, container=blocker))
    queue.client.until(f"{queue.pods}/blocker", lambda p: p["status"]["phase"] == "Running")
    name = queue.job("a", 2)
    queue.until(name, "Evicted", "True")
    queue.client.call("DELETE", f"{queue.pods}/blocker")
    queue.until(name, "PodsReady", "True")


def test_second_job_waits_until_the_first_is_ready(queue: Queue) -> None:
    first, second = queue.job("a", 2), queue.job("b", 2)
    queue.until(first, "PodsReady", "True")
    queue.until(second, "Evicted", "True", "PodsReadyTimeout")
    queue.client.call("DELETE", f"{queue.jobs}/a?propagationPolicy=Background")
    queue.until(second, "PodsReady", "True")


def test_group_of_pods_is_gated_until_all_are_there_and_quota_is_reserved(queue: Queue) -> None:
    labels = {QUEUE_NAME: "queue", "kueue.x-k8s.io/pod-group-name": "g"}
    main = {"resources": {"limits": {"sim.dev/accel": "1"}}}
    for n in range(2):
        body = pod(f"g-{n}", "print(1)", container=main)
        body["metadata"].update(labels=labels, annotations={"kueue.x-k8s.io/pod-group-total-count": "2"})
        made = queue.client.create(queue.pods, body)
        assert made["spec"]["schedulingGates"] == [{"name": "kueue.x-k8s.io/admission"}]
        assert made["metadata"]["labels"]["kueue.x-k8s.io/managed"] == "true"
    done = queue.until("g", "Finished", "True", "Succeeded")
    assert done["spec"]["podSets"][0]["count"] == 2


def test_devices_of_claims_count_by_the_mapping_of_their_class(queue: Queue) -> None:
    request = {"name": "acc", "exactly": {"deviceClassName": "accel.sim.dev", "count": 2}}
    template = {"metadata": {"name": "two"}, "spec": {"spec": {"devices": {"requests": [request]}}}}
    queue.client.create(f"/apis/resource.k8s.io/v1/namespaces/{queue.namespace}/resourceclaimtemplates", template)
    entry = [{"name": "acc", "resourceClaimTemplateName": "two"}]
    name = queue.job("a", 1, "print(1)", resourceClaims=entry)
    found = queue.until(name, "Admitted", "True")["status"]["admission"]["podSetAssignments"][0]
    assert found["resourceUsage"]["sim.dev/claimed-accel"] == "2"


def test_queue_without_a_cluster_queue_admits_nothing_and_says_so(running: simulator.Running) -> None:
    client = Client(running.kubeconfig)
    queue = Queue(client, client.namespace("lost"), "none")
    name = queue.job("a", 1)
    queue.until(name, "QuotaReserved", "False", "Inadmissible")
    path = LOCAL.format("lost") + "/queue"
    found = client.until(path, lambda q: state(q, "Active").get("status") == "False")
    assert state(found, "Active")["reason"] == "ClusterQueueDoesNotExist"


def test_fault_admits_beyond_quota(queue: Queue, switches: Switches) -> None:
    worlds.apply(worlds.fault("gang_admitted_beyond_capacity"), switches)
    queue.until(queue.job("a", 9), "Admitted", "True")


def test_fault_never_looks_at_an_evicted_job_again(queue: Queue, switches: Switches) -> None:
    worlds.apply(worlds.fault("waiting_gang_never_starts"), switches)
    blocker = {"resources": {"limits": {"sim.dev/accel": "1"}}}
    queue.client.create(queue.pods, pod("blocker", STAY, container=blocker))
    name = queue.job("a", 2)
    queue.until(name, "Evicted", "True")
    queue.client.call("DELETE", f"{queue.pods}/blocker")
    other = queue.job("b", 1, "print(1)")
    queue.until(other, "Finished", "True")
    assert state(queue.client.get(f"{queue.workloads}/{name}"), "Admitted")["status"] == "False"


def test_fault_lets_two_jobs_hold_each_others_room(queue: Queue, switches: Switches) -> None:
    worlds.apply(worlds.fault("second_gang_deadlocks_the_first"), switches)
    first, second = queue.job("a", 2), queue.job("b", 2)
    queue.until(first, "Admitted", "True")
    queue.until(second, "Admitted", "True")


def test_without_waiting_an_admitted_job_holds_what_it_has() -> None:
    with simulator.start("kueue", ["kueue_without_wait_for_pods_ready"]) as cluster:
        client = Client(cluster.kubeconfig)
        assert "waitForPodsReady" not in client.get(CONFIG)["data"]["controller_manager_config.yaml"]
        queue = Queue(client, client.namespace("a"))
        name = queue.job("a", 3)
        queue.until(name, "Admitted", "True")
        stuck = [
            e for e in client.watch(f"{queue.workloads}?watch=1&timeoutSeconds=4") if state(e["object"], "Evicted")
        ]
        assert stuck == []


def test_without_its_program_nothing_is_taken_into_a_queue() -> None:
    with simulator.start("kueue", ["kueue_controller_down"]) as cluster:
        client = Client(cluster.kubeconfig)
        meta = {"name": "a", "labels": {QUEUE_NAME: "queue"}}
        body = {"metadata": meta, "spec": {"template": {"spec": pod("", "")["spec"]}}}
        answer = client.call("POST", JOBS.format("team"), body)
        assert (answer.status, "mjob.kb.io" in answer.body["message"]) == (500, True)
        found = client.get("/apis/apps/v1/namespaces/kueue-system/deployments/kueue-controller-manager")["status"]
        assert (found.get("availableReplicas"), found["unavailableReplicas"]) == (None, 1)


def test_queues_of_the_world_are_active(queue: Queue) -> None:
    found = queue.client.get(f"{KUEUE}/clusterqueues/cluster-queue")
    assert (state(found, "Active")["status"], state(found, "Active")["reason"]) == ("True", "Ready")
    assert queue.client.get(LOCAL.format("team") + "/queue")["spec"]["clusterQueue"] == "cluster-queue"
