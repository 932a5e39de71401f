"""Fake nodes with accelerators: kwok keeps them Ready, and their pods seem to run. They are for tests at size that read no output."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from conformance.cluster import Api, waiting

NODES = "/api/v1/nodes"
RESOURCE = "nvidia.com/gpu"
MODEL = "KWOK-H100"
LABEL = "testbed.dev/pool"
TAINT = {"key": RESOURCE, "value": "present", "effect": "NoSchedule"}
TOLERATION = {"key": RESOURCE, "operator": "Exists"}
SECONDS = 60


def node(name: str, pool: str, accelerators: int) -> dict[str, Any]:
    """A node that nothing lands on but what tolerates its taint."""
    capacity = {"cpu": "64", "memory": "512Gi", "pods": "110", RESOURCE: str(accelerators)}
    labels = {LABEL: pool, "kubernetes.io/hostname": name, f"{RESOURCE}.product": MODEL, "kubernetes.io/os": "linux"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"taints": [TAINT]},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def _ready(found: dict[str, Any]) -> bool | None:
    conditions = {c["type"]: c["status"] for c in found["status"].get("conditions") or ()}
    return True if conditions.get("Ready") == "True" else None


@contextmanager
def fake_nodes(api: Api, count: int = 13, *, pool: str = "size", accelerators: int = 8) -> Iterator[list[str]]:
    """That many fake nodes, Ready; they are gone afterwards."""
    names = [f"{pool}-{number}" for number in range(1, count + 1)]
    try:
        for name in names:
            api.create(NODES, node(name, pool, accelerators))
        for name in names:
            waiting.wait_for(api, NODES, name, _ready, limit=SECONDS, what=f"{name} to be Ready")
        yield names
    finally:
        # Pods first: without its node no kubelet, and no kwok, says that a pod has ended.
        for pod in api.list("/api/v1/pods"):
            if pod["spec"].get("nodeName") in names:
                meta = pod["metadata"]
                api.delete(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}", grace=0)
        for name in names:
            api.delete(f"{NODES}/{name}")
