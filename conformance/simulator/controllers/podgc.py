"""Pods of nodes that are gone: their machine has taken them along, and their objects go too."""

from typing import ClassVar

from conformance.simulator.api.options import Options
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.objects import Obj, finished, name_of, namespace_of, set_condition
from conformance.simulator.storage import Event


class PodGarbage(Controller):
    """Keys are nodes."""

    watches: ClassVar[tuple[str, ...]] = ("nodes",)

    def keys(self, event: Event) -> list[Key]:
        """A node that has gone."""
        return [("", name_of(event.obj))] if event.change == "DELETED" else []

    def reconcile(self, _namespace: str, node: str) -> None:
        """Say why they end, and remove them without waiting for a kubelet."""
        if self.registry.find("nodes", "", node) is not None:
            return
        for pod in self.store.select("pods"):
            if pod["spec"].get("nodeName") != node:
                continue
            where = ("pods", namespace_of(pod), name_of(pod))
            if not finished(pod):
                self.registry.change(*where, _end, sub="status")
            if self.registry.find(*where) is not None:
                self.registry.delete(self.registry.kinds.get("pods"), *where[1:], Options(grace=0))


def _end(pod: Obj) -> None:
    pod["status"]["phase"] = "Failed"
    words = "PodGC: node no longer exists"
    set_condition(pod, "DisruptionTarget", "True", reason="DeletionByPodGC", message=words)
