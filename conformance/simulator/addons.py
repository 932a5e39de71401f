"""Add-ons of a world: ordinary deployments and services whose programs are parts of the simulator.

Their pods are real objects with addresses and conditions; they run on the world's first node and have no process.
"""

from conformance.simulator.api.registry import Registry
from conformance.simulator.objects import Obj
from conformance.simulator.runtime.images import STAND_IN
from conformance.simulator.workloads import ready

BROKEN = "unreachable.invalid/"
"""Where the image of an add-on is looked for that does not come up."""


def namespace(registry: Registry, name: str) -> None:
    """Make a namespace, unless it is there, with what its pods need at once."""
    if registry.find("namespaces", "", name) is None:
        registry.create(registry.kinds.get("namespaces"), "", {"metadata": {"name": name}})
    if registry.find("serviceaccounts", name, "default") is None:
        registry.create(registry.kinds.get("serviceaccounts"), name, {"metadata": {"name": "default"}})


def deployment(registry: Registry, space: str, name: str, image: str, *, node: str, runs: bool = True) -> None:
    """Make the deployment of an add-on; where it does not run, its image cannot be pulled."""
    labels = {"app.kubernetes.io/name": name}
    spec = {
        "nodeName": node,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": name, "image": f"{STAND_IN if runs else BROKEN}{image}"}],
    }
    body = {
        "metadata": {"name": name, "labels": labels},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    }
    registry.create(registry.kinds.get("deployments.apps"), space, body)


def service(registry: Registry, space: str, name: str, port: int, target: int) -> None:
    """Make the service in front of an add-on's deployment of the same name."""
    ports = [{"name": "main", "port": port, "targetPort": target}]
    spec = {"selector": {"app.kubernetes.io/name": name}, "ports": ports}
    registry.create(registry.kinds.get("services"), space, {"metadata": {"name": name}, "spec": spec})


def pods(registry: Registry, space: str, name: str) -> list[Obj]:
    """The ready pods of an add-on."""
    found = registry.store.select("pods", space)
    labels = [(pod["metadata"].get("labels") or {}).get("app.kubernetes.io/name") for pod in found]
    return [pod for pod, label in zip(found, labels, strict=True) if label == name and ready(pod)]


def alive(registry: Registry, space: str, name: str) -> bool:
    """Whether an add-on works: one of its pods is ready."""
    return bool(pods(registry, space, name))
