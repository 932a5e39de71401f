"""The nodes: those of the world are there from the start, those of new machines become ready after a while."""

from time import monotonic
from typing import ClassVar

from conformance.simulator.autoscaling import nodeobjects
from conformance.simulator.controllers.base import Controller
from conformance.simulator.objects import condition

_SYSTEM = ("default", "kube-system", "kube-public", "kube-node-lease")
_BOOT = 0.3
"""Seconds that a new machine needs to become ready."""


class Nodes(Controller):
    """Makes namespaces and nodes when the cluster starts, and lets new ones become ready."""

    watches: ClassVar[tuple[str, ...]] = ("nodes",)

    def start(self) -> None:
        """Make them."""
        self._booting: dict[str, float] = {}
        for name in _SYSTEM:
            self.registry.create(self.registry.kinds.get("namespaces"), "", {"metadata": {"name": name}})
        for node in self.cluster.fleet.nodes:
            nodeobjects.join(self.cluster, node, ready=True)

    def reconcile(self, _namespace: str, name: str) -> None:
        """Let a new machine become ready once it has booted."""
        node, machine = self.registry.find("nodes", "", name), self.cluster.fleet.find(name)
        state = condition(node, "Ready") if node else None
        if machine is None or state is None or state["reason"] != nodeobjects.BOOTING:
            self._booting.pop(name, None)
            return
        left = self._booting.setdefault(name, monotonic() + _BOOT) - monotonic()
        if left > 0:
            self.enqueue_later(left, ("", name))
        else:
            nodeobjects.become_ready(self.cluster, machine)
