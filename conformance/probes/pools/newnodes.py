"""Nodes that come after a check has begun, and what is wrong with those that are no use."""

import time
from dataclasses import dataclass

from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.cluster.crowd import Crowd, Members
from conformance.inventory import device_plugin, fresh, odd
from conformance.inventory import nodes as node_facts
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import DRA
from conformance.probes.pools.nodepool import Pool
from conformance.verdicts import Unverified

NODES = "/api/v1/nodes"
_ALL = ""
_TOLD = 3
"""New nodes that a message describes."""


@dataclass
class _Seen:
    """What was seen of one new node; what was true once stays."""

    name: str
    after: float
    of_pool: bool = False
    ready: float | None = None
    devices: int = 0

    def __str__(self) -> str:
        ready = "never Ready" if self.ready is None else f"Ready after {self.ready:.0f} s"
        pool = "of the pool" if self.of_pool else "without the label of the pool"
        return f"{self.name} came after {self.after:.0f} s, {ready}, {pool}, {self.devices} accelerators of the kind"


class NewNodes:
    """Follows all nodes from when it is made."""

    def __init__(self, api: Api, pool: Pool, descriptor: Descriptor, group_version: str) -> None:
        self._api, self._pool, self._descriptor, self._version = api, pool, descriptor, group_version
        self._crowd = Crowd(api, NODES, _ALL)
        self._before = {str(odd.part(node, "metadata").get("uid")) for node in self._crowd.members.values()}
        self.old = frozenset(self._crowd.members)
        """Names of the nodes of before."""
        pooled = [node for node in self._crowd.members.values() if pool.has(node)]
        self._pooled = {str(odd.part(node, "metadata").get("uid")): odd.name(node) for node in pooled}
        self._size = len(pooled)
        self._began = time.monotonic()
        self.seen: dict[str, _Seen] = {}
        """New nodes by UID, those included that have gone again."""

    def __str__(self) -> str:
        told = [str(node) for node in self.seen.values()]
        more = [f"and {len(told) - _TOLD} more"] if len(told) > _TOLD else []
        count = "1 new node" if len(told) == 1 else f"{len(told)} new nodes"
        return f"{count} came: {'; '.join(told[:_TOLD] + more)}" if told else "no new node came"

    def now(self) -> str:
        """How many nodes the pool has."""
        return f"{sum(1 for node in self._crowd.members.values() if self._pool.has(node))} nodes, {self._size} before"

    def wait(self, limit: float) -> None:
        """Wait for a new node of the pool that is Ready, with the accelerator where the node itself says so."""
        what = f"a new node of {'='.join(self._pool.label)}"
        self._crowd.until(self._useful, limit=limit, what=what, show=lambda _members: str(self))

    def _useful(self, members: Members) -> str | None:
        for node in members.values():
            self._note(node)
        wants = self._pool.kind.way != DRA
        good = (s.name for s in self.seen.values() if s.of_pool and s.ready is not None and (s.devices or not wants))
        return next(good, None)

    def _note(self, node: Object) -> None:
        uid = str(odd.part(node, "metadata").get("uid"))
        if uid in self._before:
            return
        found = self.seen.setdefault(uid, _Seen(odd.name(node), time.monotonic() - self._began))
        found.of_pool = found.of_pool or self._pool.has(node)
        if found.ready is None and node_facts.usable(node):
            found.ready = time.monotonic() - self._began
        _, devices = device_plugin.resources(node).get(self._pool.kind.name, (0, 0))
        found.devices = max(found.devices, devices)

    def must_be_new(self, name: str) -> Object:
        """The node, which is Ready, was not there before and has accelerators of the kind; else nothing is proven.

        Nor is it by a node that took the place of another, which a provider does of itself.
        """
        node = self._api.get(f"{NODES}/{name}")
        self._note(node)
        uid = str(odd.part(node, "metadata").get("uid"))
        if uid in self._before or not node_facts.usable(node) or not self._pool.has(node):
            raise Unverified(f"the pod runs on {name}, which is no new and Ready node of the pool", code="node_changed")
        self._count(uid, node)
        if not self.seen[uid].devices:
            raise Unverified(f"the pod runs on {name}, which shows no accelerator of the kind", code="node_changed")
        self._must_be_of_model(node)
        size = sum(1 for other in self._api.list(NODES) if self._pool.has(other))
        if size <= self._size:
            told = f"{self._size} before and {size} now: {name} took the place of one that went"
            raise Unverified(f"the pool did not grow; its nodes are {told}", code="node_replaced")
        return node

    def _must_be_of_model(self, node: Object) -> None:
        """``Unverified`` where the node's label says another model; a resource of a device plugin has one name for all."""
        kind, label = self._pool.kind, self._descriptor.model_label
        told = node_facts.labels(node).get(label, "") if kind.way != DRA and kind.model else ""
        if told not in ("", kind.model):
            seen = f"{odd.name(node)} has accelerators of {label}={told}, and the pool's are {kind.model}"
            raise Unverified(seen, code="other_accelerator")

    def missing(self, new: str) -> list[str]:
        """Which are not there any more: nodes of the pool of before, and the new one of this name."""
        nodes = self._api.list(NODES)
        there = {str(odd.part(node, "metadata").get("uid")) for node in nodes}
        gone = [name for uid, name in self._pooled.items() if uid not in there]
        return gone if new in map(odd.name, nodes) else [new, *gone]

    def _count(self, uid: str, node: Object) -> None:
        """Devices that a driver publishes for a node; the node itself does not tell them."""
        kind = self._pool.kind
        if kind.way == DRA:
            self.seen[uid].devices = fresh.devices_on(self._api, kind, self._descriptor, self._version, node)

    def code(self) -> str:
        """What is wrong, from what was seen of new nodes."""
        for node in self._crowd.members.values():
            self._note(node)
            uid = str(odd.part(node, "metadata").get("uid"))
            if uid in self.seen:
                self._count(uid, node)
        if not self.seen:
            return "no_scale_up"
        ready = [s for s in self.seen.values() if s.ready is not None]
        if any(s.of_pool and s.devices for s in ready):
            return "pod_not_placed"
        return "wrong_node_type" if ready else "node_not_ready"

    def wait_gone(self, limit: float) -> None:
        """Wait until the pool has its former size, or none of the new nodes is there."""
        self._crowd.until(self._gone, limit=limit, what="the pool to shrink", show=lambda _members: self._left())

    def _gone(self, members: Members) -> bool | None:
        for node in members.values():
            self._note(node)
        size = sum(1 for node in members.values() if self._pool.has(node))
        return True if size <= self._size or not self._remaining(members) else None

    def _remaining(self, members: Members) -> list[Object]:
        return [node for node in members.values() if str(odd.part(node, "metadata").get("uid")) in self.seen]

    def _left(self) -> str:
        told = []
        for node in self._remaining(self._crowd.members):
            taints = ", ".join(str(t.get("key")) for t in odd.entries(odd.part(node, "spec"), "taints")) or "no taint"
            told.append(f"{odd.name(node)} is still there ({taints})")
        return f"{self.now()}; {'; '.join(told)}"

    def users(self) -> list[str]:
        """Pods on the new nodes that need them: not finished, and of no DaemonSet."""
        found = []
        for node in self._remaining(self._crowd.members):
            try:
                pods = self._api.list("/api/v1/pods", field_selector=f"spec.nodeName={odd.name(node)}")
            except errors.Forbidden:
                continue
            for pod in pods:
                owners = odd.entries(odd.part(pod, "metadata"), "ownerReferences")
                finished = odd.part(pod, "status").get("phase") in ("Succeeded", "Failed")
                if not finished and not any(owner.get("kind") in ("DaemonSet", "Node") for owner in owners):
                    found.append(f"{odd.part(pod, 'metadata').get('namespace')}/{odd.name(pod)}")
        return found
