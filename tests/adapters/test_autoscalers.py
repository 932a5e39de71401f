"""How autoscalers are found and what they say about their pools, with odd answers of a cluster among them."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from conformance.adapters.autoscaler import cluster_autoscaler, detect, karpenter, managed
from conformance.adapters.look import Look
from conformance.cluster import errors

Object = dict[str, Any]
STATUS = "/api/v1/namespaces/kube-system/configmaps/cluster-autoscaler-status"
DEPLOYMENTS = "/apis/apps/v1/deployments"
KARPENTER = "/apis/karpenter.sh/v1"


class Answers:
    """An API server that gives what a test wrote down; what is not there is not found."""

    def __init__(self, **given: Any) -> None:
        self.given: dict[str, Any] = {"/api/v1/events": [], DEPLOYMENTS: [], "/api/v1/nodes": []} | given

    def get(self, path: str) -> Object:
        found = self.given.get(path)
        if found is None:
            raise errors.NotFound(404, "NotFound", path)
        if isinstance(found, Exception):
            raise found
        return dict(found)

    def list(self, path: str, *, label_selector: str = "", field_selector: str = "") -> list[Object]:
        del label_selector
        found = self.given.get(f"{path}?{field_selector}", self.given.get(path))
        if found is None:
            raise errors.NotFound(404, "NotFound", path)
        if isinstance(found, Exception):
            raise found
        return list(found)

    def pages(self, path: str, *, label_selector: str = "", field_selector: str = "") -> Iterator[Object]:
        yield {"items": self.list(path, label_selector=label_selector, field_selector=field_selector)}


def look(**given: Any) -> Look:
    return Look(Answers(**given))  # type: ignore[arg-type]


def deployment(name: str, *, available: int = 1, image: str = "registry/x:1", namespace: str = "kube-system") -> Object:
    template = {"spec": {"containers": [{"name": "c", "image": image}]}}
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": template},
        "status": {"availableReplicas": available},
    }


def node(name: str, *, labels: Object | None = None, provider: str = "", taint: str = "") -> Object:
    spec: Object = {"providerID": provider} if provider else {}
    if taint:
        spec["taints"] = [{"key": taint, "effect": "PreferNoSchedule"}]
    return {"metadata": {"name": name, "labels": labels or {}}, "spec": spec}


def status(*groups: Object) -> Object:
    text = yaml.safe_dump({"autoscalerStatus": "Running", "nodeGroups": list(groups)})
    return {"metadata": {"name": "cluster-autoscaler-status", "namespace": "kube-system"}, "data": {"status": text}}


def group(name: str, least: Any, most: Any, size: Any, **up: Any) -> Object:
    health = {"minSize": least, "maxSize": most, "cloudProviderTarget": size}
    return {"name": name, "health": health, "scaleUp": {"status": "NoActivity", **up}}


FORBIDDEN = errors.Forbidden(403, "Forbidden", "no")


@pytest.mark.parametrize(
    ("given", "words", "alive"),
    [
        ({DEPLOYMENTS: [deployment("cluster-autoscaler")]}, "Deployment kube-system/cluster-autoscaler", True),
        ({DEPLOYMENTS: [deployment("my-aws-cluster-autoscaler")]}, "my-aws-cluster-autoscaler", True),
        ({DEPLOYMENTS: [deployment("scaler", image="r/cluster-autoscaler:v1")]}, "Deployment kube-system/scaler", True),
        ({DEPLOYMENTS: [deployment("cluster-autoscaler", available=0)]}, "no replica of it is available", False),
        ({STATUS: status()}, "ConfigMap kube-system/cluster-autoscaler-status", None),
        ({"/api/v1/events?source=cluster-autoscaler": [{"reason": "ScaleDown"}]}, "events that it wrote", None),
        ({"/api/v1/nodes": [node("a", taint="ToBeDeletedByClusterAutoscaler")]}, "its taints on nodes", None),
    ],
)
def test_cluster_autoscaler_is_found_by_each_of_its_signs(given: Object, words: str, alive: bool | None) -> None:
    (found,) = detect(look(**given))
    assert (found.id, found.alive) == ("cluster-autoscaler", alive)
    assert words in found.seen


def test_status_map_beside_a_deployment_in_another_namespace_is_read() -> None:
    path = STATUS.replace("kube-system", "scaling")
    seen = look(
        **{DEPLOYMENTS: [deployment("cluster-autoscaler", namespace="scaling")], path: status(group("g", 1, 2, 1))}
    )
    assert [g.name for g in cluster_autoscaler.groups(seen, [])] == ["g"]


@pytest.mark.parametrize(
    ("entry", "fixed", "full"),
    [
        (group("g", 1, 3, 1), False, False),
        (group("g", 1, 3, 3), False, True),
        (group("g", 2, 2, 2), True, True),
        (group("g", None, 3, 0), False, False),
        (group("g", "1", "1", 1), False, False),
        (group("g", True, True, 1), False, False),
    ],
)
def test_group_is_fixed_only_where_minimum_and_maximum_say_so(entry: Object, *, fixed: bool, full: bool) -> None:
    (found,) = cluster_autoscaler.groups(look(**{STATUS: status(entry)}), [])
    assert (found.fixed, found.full) == (fixed, full)


@pytest.mark.parametrize(
    ("name", "labels", "known"),
    [
        ("accelerated", {"sim.dev/pool": "accelerated"}, {"sim.dev/pool": "accelerated"}),
        ("eks-gpu-4ac2", {"eks.amazonaws.com/nodegroup": "gpu"}, {"eks.amazonaws.com/nodegroup": "gpu"}),
        ("eks-gpus-4ac2", {"eks.amazonaws.com/nodegroup": "gpu"}, {}),
        ("node-a", {"kubernetes.io/hostname": "node-a"}, {}),
    ],
)
def test_nodes_of_a_group_are_known_by_a_label(name: str, labels: Object, known: Object) -> None:
    nodes = [node("node-a", labels=labels)]
    (found,) = cluster_autoscaler.groups(look(**{STATUS: status(group(name, 1, 2, 1))}), nodes)
    assert found.labels == known
    assert found.has(nodes[0]) is bool(known)


@pytest.mark.parametrize(
    "text", ["Cluster-wide:\n  Health: Healthy (ready=1\n: -", "[]", "nodeGroups: [1, {name: 2}, {health: x}]", None, 7]
)
def test_odd_status_gives_no_groups(text: Any) -> None:
    seen = look(**{STATUS: {"metadata": {"name": "s"}, "data": {"status": text}}})
    assert cluster_autoscaler.groups(seen, []) == []
    assert cluster_autoscaler.trouble(seen, None) == ""
    assert "scale-up not told" in cluster_autoscaler.state(seen)


def test_back_off_of_the_group_is_trouble_and_that_of_another_is_not() -> None:
    info = {"errorCode": "QUOTA_EXCEEDED", "errorMessage": "no more GPUs"}
    seen = look(**{STATUS: status(group("a", 1, 3, 1, status="Backoff", backoffInfo=info), group("b", 1, 3, 1))})
    a, b = cluster_autoscaler.groups(seen, [])
    assert "QUOTA_EXCEEDED no more GPUs" in cluster_autoscaler.trouble(seen, a)
    assert cluster_autoscaler.trouble(seen, b) == ""


def _served(plural: str, kind: str) -> Object:
    return {"name": plural, "kind": kind, "namespaced": False, "verbs": ["list"]}


def served(pools: list[Any], claims: list[Any] | None = None) -> Object:
    return {
        "/apis/karpenter.sh": {"versions": [{"version": "v1"}], "preferredVersion": {"version": "v1"}},
        KARPENTER: {"resources": [_served("nodepools", "NodePool"), _served("nodeclaims", "NodeClaim")]},
        f"{KARPENTER}/nodepools": pools,
        f"{KARPENTER}/nodeclaims": claims or [],
    }


def test_karpenter_is_found_by_its_api_alone() -> None:
    (found,) = detect(look(**served([])))
    assert (found.id, found.alive, found.group_version) == ("karpenter", None, "karpenter.sh/v1")


def test_karpenter_whose_controller_is_down_says_so() -> None:
    (found,) = detect(look(**served([]), **{DEPLOYMENTS: [deployment("karpenter", available=0)]}))
    assert found.alive is False


@pytest.mark.parametrize(
    ("spec", "used", "fixed", "full"),
    [
        ({}, {}, False, False),
        ({"replicas": 2}, {}, True, False),
        ({"limits": {"nvidia.com/gpu": "8"}}, {"nvidia.com/gpu": "8"}, False, True),
        ({"limits": {"nvidia.com/gpu": "16", "cpu": "1k"}}, {"nvidia.com/gpu": "8", "cpu": "64"}, False, False),
        ({"limits": {"memory": "64Gi"}}, {"memory": "64Gi"}, False, True),
        ({"limits": "none"}, {}, False, False),
    ],
)
def test_node_pool_is_fixed_by_replicas_and_full_at_a_limit(
    spec: Object, used: Object, *, fixed: bool, full: bool
) -> None:
    pool = {"metadata": {"name": "p"}, "spec": spec, "status": {"resources": used}}
    (found,) = karpenter.groups(look(**served([pool, {"metadata": None}])), [])
    assert (found.fixed, found.full, found.labels) == (fixed, full, {"karpenter.sh/nodepool": "p"})


def test_claim_that_is_not_launched_is_trouble_of_its_pool() -> None:
    conditions = [{"type": "Launched", "status": "False", "reason": "LaunchFailed", "message": "no stock"}]
    claim = {
        "metadata": {"name": "c", "labels": {"karpenter.sh/nodepool": "p"}},
        "status": {"conditions": conditions},
    }
    pools = [{"metadata": {"name": "p"}}, {"metadata": {"name": "q"}}]
    seen = look(**served(pools, [claim]))
    p, q = karpenter.groups(seen, [])
    assert "LaunchFailed: no stock" in karpenter.trouble(seen, p)
    assert karpenter.trouble(seen, q) == ""


@pytest.mark.parametrize(
    ("ids", "found"),
    [
        (["gce://p/z/a", "gce://p/z/b"], {"gce": 2}),
        (["", "kind://docker/kind/a", "k3s://a"], {}),
        (["openstack:///a", 7], {"openstack": 1, "7": 1}),
    ],
)
def test_provider_is_seen_by_the_ids_of_nodes(ids: list[Any], found: Object) -> None:
    nodes = [node(f"n{n}", provider=text) for n, text in enumerate(ids)]
    assert managed.providers(nodes) == found


def test_managed_speaks_only_where_no_other_shows() -> None:
    nodes = [node("a", provider="gce://p/z/a", labels={"cloud.google.com/gke-nodepool": "gpu"})]
    (found,) = detect(look(**{"/api/v1/nodes": nodes}))
    assert found.id == "managed"
    assert [g.labels for g in managed.groups(look(), nodes)] == [{"cloud.google.com/gke-nodepool": "gpu"}]
    (shown,) = detect(look(**{"/api/v1/nodes": nodes, STATUS: status()}))
    assert shown.id == "cluster-autoscaler"


def test_signs_that_must_not_be_read_are_noted() -> None:
    seen = look(**{STATUS: FORBIDDEN, DEPLOYMENTS: FORBIDDEN, "/api/v1/events": FORBIDDEN, "/api/v1/nodes": FORBIDDEN})
    assert detect(seen) == ()
    wanted = {"get cluster-autoscaler-status", "list deployments", "list events", "list nodes"}
    assert {note.removeprefix("not allowed to ") for note in seen.notes} == wanted
