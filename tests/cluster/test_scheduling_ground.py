"""The real parts that scheduling is proven with are there and work: native gangs, KEDA with Prometheus, Karpenter."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.cluster import Api, waiting
from tests.cluster import fake_nodes
from tests.cluster.ground import IMAGE, Ground

pytestmark = pytest.mark.cluster
Object = dict[str, Any]
NAMESPACE = "scheduling-ground"
PLACE = f"/api/v1/namespaces/{NAMESPACE}"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
GANGS = f"/apis/scheduling.k8s.io/v1beta1/namespaces/{NAMESPACE}/podgroups"
POOL = "testbed.dev/pool=karpenter"
SECONDS = 90
OBJECTS = Path(__file__).with_name("scheduling.yaml")


@pytest.fixture
def api(scheduling_ground: Ground) -> Iterator[Api]:
    """The cluster, with an empty namespace for the test."""
    api = scheduling_ground.api()
    made = api.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    waiting.wait_exists(api, f"{PLACE}/serviceaccounts", "default", limit=SECONDS)
    yield api
    api.delete(f"/api/v1/namespaces/{NAMESPACE}")
    waiting.wait_gone(api, "/api/v1/namespaces", NAMESPACE, uid=made["metadata"]["uid"], limit=SECONDS)


def pod(name: str, gang: str = "", pool: str = "") -> Object:
    """A pod with an accelerator on a fake node, alone or in a gang."""
    container = {"name": "work", "image": IMAGE, "resources": {"limits": {fake_nodes.RESOURCE: "1"}}}
    spec: Object = {"containers": [container], "tolerations": [fake_nodes.TOLERATION]}
    spec["nodeSelector"] = {fake_nodes.LABEL: pool}
    if gang:
        spec["schedulingGroup"] = {"podGroupName": gang}
    return {"metadata": {"name": name, "labels": {"app": gang or "single"}}, "spec": spec}


def make_gang(api: Api, name: str, size: int, one: Callable[[str, str, str], Object] = pod) -> None:
    """A gang of so many pods."""
    policy = {"schedulingPolicy": {"gang": {"minCount": size}}}
    group = {"apiVersion": "scheduling.k8s.io/v1beta1", "kind": "PodGroup", "metadata": {"name": name}, "spec": policy}
    api.create(GANGS, group)
    for number in range(size):
        api.create(f"{PLACE}/pods", one(f"{name}-{number}", name, "size"))


def bound(api: Api, app: str) -> int:
    """How many pods have a node."""
    found = api.list(f"{PLACE}/pods", label_selector=f"app={app}")
    return sum(1 for one in found if one["spec"].get("nodeName"))


def condition(group: Object, status: str) -> str | None:
    """The message of the gang's condition, if it has this status."""
    for one in group.get("status", {}).get("conditions") or ():
        if (one["type"], one["status"]) == ("PodGroupInitiallyScheduled", status):
            return str(one["message"])
    return None


def wait_gang(api: Api, name: str, status: str) -> str:
    """Wait for the scheduler's word about a gang."""
    what = f"PodGroupInitiallyScheduled={status} of {name}"
    return waiting.wait_for(
        api, GANGS, name, lambda group: condition(group, status), limit=SECONDS, what=what, show=json.dumps
    )


def test_a_gang_larger_than_the_fake_nodes_holds_nothing_and_two_that_fit_one_by_one_run_one_by_one(api: Api) -> None:
    with fake_nodes.fake_nodes(api):
        make_gang(api, "large", 105)
        refused = wait_gang(api, "large", "False")
        assert "105" in refused
        assert bound(api, "large") == 0
        api.delete(f"{GANGS}/large")
        for number in range(105):
            api.delete(f"{PLACE}/pods/large-{number}", grace=0)

        make_gang(api, "first", 60)
        wait_gang(api, "first", "True")
        for number in range(60):
            wait_phase(api, f"first-{number}", "Running")
        make_gang(api, "second", 60)
        wait_gang(api, "second", "False")
        assert (bound(api, "first"), bound(api, "second")) == (60, 0)
        for number in range(60):
            api.delete(f"{PLACE}/pods/first-{number}", grace=0)
        wait_gang(api, "second", "True")
        for number in range(60):  # bound a moment later, one after the other
            wait_phase(api, f"second-{number}", "Running")


def test_a_gang_that_wants_more_real_devices_than_there_are_holds_none_and_one_that_fits_runs(api: Api) -> None:
    exactly = {"deviceClassName": "accel.testbed.dev", "count": 2}
    devices = {"devices": {"requests": [{"name": "two", "exactly": exactly}]}}
    templates = f"/apis/resource.k8s.io/v1/namespaces/{NAMESPACE}/resourceclaimtemplates"
    api.create(templates, {"metadata": {"name": "two"}, "spec": {"spec": devices}})
    for name, size in (("three", 3), ("both", 2)):
        make_gang(api, name, size, one=claiming)
    wait_gang(api, "three", "False")
    for number in range(2):
        wait_phase(api, f"both-{number}", "Running")

    assert bound(api, "three") == 0


def claiming(name: str, gang: str, _pool: str) -> Object:
    """A pod of a gang with a claim of all DRA devices of a node."""
    container = {"name": "work", "image": "docker.io/local/pause:1", "resources": {"claims": [{"name": "devices"}]}}
    spec = {
        "containers": [container],
        "schedulingGroup": {"podGroupName": gang},
        "resourceClaims": [{"name": "devices", "resourceClaimTemplateName": "two"}],
    }
    return {"metadata": {"name": name, "labels": {"app": gang}}, "spec": spec}


def test_a_fake_pod_that_says_how_long_it_works_ends_by_itself(api: Api) -> None:
    with fake_nodes.fake_nodes(api, 1, pool="brief"):
        works = pod("works", pool="brief")
        works["metadata"]["annotations"] = {"kube-ai-conformance.dev/seconds": "1"}
        api.create(f"{PLACE}/pods", works)
        api.create(f"{PLACE}/pods", pod("stays", pool="brief"))

        wait_phase(api, "works", "Succeeded")
        wait_phase(api, "stays", "Running")


def wait_phase(api: Api, name: str, phase: str) -> Object:
    """Wait until a pod is in this phase."""

    def reached(found: Object) -> Object | None:
        return found if found["status"].get("phase") == phase else None

    return waiting.wait_for(
        api,
        f"{PLACE}/pods",
        name,
        reached,
        limit=SECONDS,
        what=f"{name} to be {phase}",
        show=lambda p: json.dumps(p["status"]),
    )


def test_keda_scales_real_pods_with_accelerators_by_a_metric_of_prometheus(api: Api) -> None:
    for document in yaml.safe_load_all(OBJECTS.read_text(encoding="utf-8").replace("NAMESPACE", NAMESPACE)):
        places = {
            "Deployment": DEPLOYMENTS,
            "ScaledObject": f"/apis/keda.sh/v1alpha1/namespaces/{NAMESPACE}/scaledobjects",
        }
        api.create(places.get(document["kind"], f"{PLACE}/pods"), document)
    wait_phase(api, "queue", "Running")
    wait_replicas(api, 1)

    set_queue(api, 20)
    wait_replicas(api, 3)
    set_queue(api, 0)
    wait_replicas(api, 1)


def set_queue(api: Api, length: int) -> None:
    """Tell the pod what to show, as soon as it listens."""
    waiting.wait_for(
        api,
        f"{PLACE}/pods",
        "queue",
        lambda found: (
            found
            if any(c["type"] == "Ready" and c["status"] == "True" for c in found["status"]["conditions"])
            else None
        ),
        limit=SECONDS,
        what="queue to be ready",
    )
    api.text(f"{PLACE}/pods/queue:8000/proxy/set/{length}")


def wait_replicas(api: Api, count: int) -> None:
    """Wait until so many replicas are there and ready."""

    def reached(found: Object) -> Object | None:
        status = found.get("status", {})
        return found if status.get("replicas") == status.get("readyReplicas") == count else None

    what = f"{count} replicas"
    waiting.wait_for(
        api, DEPLOYMENTS, "served", reached, limit=SECONDS, what=what, show=lambda d: json.dumps(d.get("status"))
    )


def test_karpenter_adds_a_node_for_what_does_not_fit_and_removes_it(api: Api) -> None:
    before = {node["metadata"]["name"] for node in api.list(fake_nodes.NODES, label_selector=POOL)}
    names = [f"pod-{number}" for number in range(9)]
    for name in names:
        api.create(f"{PLACE}/pods", pod(name, pool="karpenter"))
    for name in names:
        wait_phase(api, name, "Running")

    added = [n for n in api.list(fake_nodes.NODES, label_selector=POOL) if n["metadata"]["name"] not in before]
    assert [node["status"]["allocatable"][fake_nodes.RESOURCE] for node in added] == ["8"]
    for name in names:
        api.delete(f"{PLACE}/pods/{name}", grace=0)
    meta = added[0]["metadata"]
    waiting.wait_gone(api, fake_nodes.NODES, meta["name"], uid=meta["uid"], limit=SECONDS)
    assert {node["metadata"]["name"] for node in api.list(fake_nodes.NODES, label_selector=POOL)} == before
