"""Which nodes of a pool nobody needs, and since when."""

from time import monotonic
from typing import TYPE_CHECKING

from conformance.simulator.objects import Obj, condition, dig, finished
from conformance.simulator.pools import PoolSpec

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

_SETTLING = 1.0
"""Seconds for which a new node that is ready still counts as one on which pods are about to be placed."""


class Watch:
    """Remembers between two looks since when nodes are idle, and since when they are ready."""

    def __init__(self, cluster: "Cluster") -> None:
        self._cluster = cluster
        self._since: dict[str, float] = {}
        self._ready: dict[str, float] = {}

    def idle(self, pool: PoolSpec) -> list[tuple[Obj, float]]:
        """Ready nodes without a pod and the seconds since when, youngest machine first."""
        found = []
        for name in reversed(self._cluster.fleet.members(pool)):
            node = self._cluster.registry.find("nodes", "", name)
            if node is None or not ready(node) or self._used(pool, name):
                self._since.pop(name, None)
                continue
            found.append((node, monotonic() - self._since.setdefault(name, monotonic())))
        return found

    def _used(self, pool: PoolSpec, name: str) -> bool:
        return busy(self._cluster, name) and (name in pool.nodes or self._cluster.switches.pools.heeds_pods)

    def upcoming(self, pool: PoolSpec) -> list[str]:
        """Nodes that have been ordered and not yet had the chance to take a pod."""
        names = []
        for name in self._cluster.fleet.members(pool):
            if name in pool.nodes:
                continue
            node = self._cluster.registry.find("nodes", "", name)
            if node is None or not ready(node) or monotonic() - self._ready.setdefault(name, monotonic()) < _SETTLING:
                names.append(name)
        return names


def ready(node: Obj) -> bool:
    """Whether pods can run there."""
    state = condition(node, "Ready")
    return bool(state and state["status"] == "True")


def busy(cluster: "Cluster", node: str) -> bool:
    """Whether a pod is there that is not finished and comes from no DaemonSet."""
    return any(
        pod["spec"].get("nodeName") == node and not finished(pod) and not _of_daemonset(pod)
        for pod in cluster.store.select("pods")
    )


def _of_daemonset(pod: Obj) -> bool:
    return any(owner.get("kind") == "DaemonSet" for owner in dig(pod, "metadata", "ownerReferences", default=[]))


def keeps(node: Obj, annotation: str) -> bool:
    """Whether an annotation keeps the node."""
    return bool(dig(node, "metadata", "annotations", annotation) == "true")
