"""The Deployment of a stand-in: what a real controller's pod would be; the work is done by the simulator itself."""

from typing import TYPE_CHECKING

from conformance.simulator.objects import Obj

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster


def deploy(cluster: "Cluster", namespace: str, name: str) -> Obj:
    """Make it, in a namespace that is made where it is missing."""
    registry = cluster.registry
    if registry.find("namespaces", "", namespace) is None:
        registry.create(registry.kinds.get("namespaces"), "", {"metadata": {"name": namespace}})
    labels = {"app.kubernetes.io/name": name}
    container = {"name": name, "image": f"stand-in/{name}:{cluster.world.version}"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    body = {"metadata": {"name": name, "labels": labels}, "spec": spec}
    return registry.create(registry.kinds.get("deployments.apps"), namespace, body)
