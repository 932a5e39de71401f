"""A stand-in for Cluster Autoscaler: it looks again and again at pods that no node takes, and at nodes that nobody needs."""

from time import monotonic, time

from conformance.simulator.autoscaling import fitting, nodeobjects
from conformance.simulator.autoscaling.idle import Watch, busy, keeps, ready
from conformance.simulator.autoscaling.standin import deploy
from conformance.simulator.autoscaling.status import GroupState, StatusMap
from conformance.simulator.controllers.base import Controller
from conformance.simulator.objects import Obj, name_of, uid_of
from conformance.simulator.pools import CLUSTER_AUTOSCALER, PoolSpec

NAME = "cluster-autoscaler"
_INTERVAL, _TOLD_EVERY = 0.25, 2.0
_KEPT = "cluster-autoscaler.kubernetes.io/scale-down-disabled"
_CANDIDATE, _DOOMED = "DeletionCandidateOfClusterAutoscaler", "ToBeDeletedByClusterAutoscaler"
_FULL = "max node group size reached"


class ClusterAutoscaler(Controller):
    """Has no watch: like the real one it looks at everything once in an interval."""

    def start(self) -> None:
        """Be there, with a first report, where the world has pools for it."""
        self._pools = [pool for pool in self.world.pools if pool.autoscaler == CLUSTER_AUTOSCALER]
        self._watch, self._status = Watch(self.cluster), StatusMap(self.cluster)
        self._seen: set[str] = set()
        self._told: set[tuple[str, str]] = set()
        self._doomed: set[str] = set()
        self._report: tuple[list[GroupState], float] = ([], 0.0)
        self._map: Obj = {}
        if self._pools:
            deploy(self.cluster, "kube-system", NAME)
            self._tell()
            self.enqueue(("", "loop"))

    def reconcile(self, _namespace: str, _name: str) -> None:
        """One turn of the loop; the next one comes even where this one is refused something."""
        self.enqueue_later(_INTERVAL, ("", "loop"))
        if self.cluster.switches.pools.runs:
            self._grow()
            for pool in self._pools:
                self._shrink(pool)
            self._tell()

    def _limits(self, pool: PoolSpec) -> tuple[int, int]:
        fixed = self.cluster.switches.pools.fixed
        return (len(pool.nodes), len(pool.nodes)) if fixed else (pool.min, pool.max)

    def _grow(self) -> None:
        """Order nodes for pods that have been without one since the last turn at least."""
        waiting = fitting.unschedulable(self.store)
        pods = [pod for pod in waiting if uid_of(pod) in self._seen]
        self._seen = {uid_of(pod) for pod in waiting}
        for pool in self._pools:
            pods = self._grow_pool(pool, pods)

    def _grow_pool(self, pool: PoolSpec, pods: list[Obj]) -> list[Obj]:
        """Pods that this pool does not help are given back."""
        nodes, refused = fitting.pack(self.cluster, pool, pods)
        coming, size = len(self._watch.upcoming(pool)), len(self.cluster.fleet.members(pool))
        _, most = self._limits(pool)
        wanted = nodes[coming:]
        ordered = wanted[: max(0, most - size)]
        if ordered:
            self._order(pool, size, ordered)
        for node in wanted[len(ordered) :]:
            for pod in node.pods:
                self._refuse(pod, _FULL)
        left = [pod for pod in pods if uid_of(pod) in refused]
        for pod in left:
            self._refuse(pod, refused[uid_of(pod)])
        return left

    def _order(self, pool: PoolSpec, size: int, nodes: list[fitting.Imagined]) -> None:
        target, (_, most) = size + len(nodes), self._limits(pool)
        for _ in nodes:
            machine = self.cluster.fleet.order(pool, self.cluster.switches.pools.adds)
            nodeobjects.join(self.cluster, machine, ready=False)
            if self.cluster.switches.pools.replaces:
                nodeobjects.leave(self.cluster, self.cluster.fleet.members(pool)[0])
        words = f"Scale-up: setting group {pool.name} size to {target} instead of {size} (max: {most})"
        self._event(self._map, "ScaledUpGroup", words)
        for node in nodes:
            for pod in node.pods:
                self._told = {told for told in self._told if told[0] != uid_of(pod)}
                words = f"pod triggered scale-up: [{{{pool.name} {size}->{target} (max: {most})}}]"
                self._event(pod, "TriggeredScaleUp", words)

    def _refuse(self, pod: Obj, why: str) -> None:
        if (uid_of(pod), why) not in self._told:
            self._told.add((uid_of(pod), why))
            self._event(pod, "NotTriggerScaleUp", f"pod didn't trigger scale-up: 1 {why}")

    def _shrink(self, pool: PoolSpec) -> None:
        """Take away one idle node in a turn, in two steps: no new pods first, then the machine."""
        idle = {name_of(node): (node, since) for node, since in self._watch.idle(pool)}
        for name in self.cluster.fleet.members(pool):
            if name in self._doomed:
                self._finish(name)
            elif name not in pool.nodes and self.registry.find("nodes", "", name) is None:
                self.cluster.fleet.drop(name)  # its node was deleted by hand: an unregistered machine goes back
        spare = len(self.cluster.fleet.members(pool)) - self._limits(pool)[0] - len(self._doomed)
        for name, (node, since) in idle.items():
            movable = spare > 0 and name not in self._doomed and not keeps(node, _KEPT)
            self._mark(node, movable)
            if movable and since >= pool.idle and self.cluster.switches.pools.removes:
                self._doom(node)
                return

    def _mark(self, node: Obj, wanted: bool) -> None:
        has = any(taint["key"] == _CANDIDATE for taint in node["spec"].get("taints") or ())
        if has != wanted:
            taint = {"key": _CANDIDATE, "value": str(int(time())), "effect": "PreferNoSchedule"}
            nodeobjects.set_taint(self.cluster, name_of(node), taint, present=wanted)

    def _doom(self, node: Obj) -> None:
        self._doomed.add(name_of(node))
        taint = {"key": _DOOMED, "value": str(int(time())), "effect": "NoSchedule"}
        nodeobjects.set_taint(self.cluster, name_of(node), taint, present=True)
        self._event(node, "ScaleDown", "marked the node as toBeDeleted/unschedulable")

    def _finish(self, name: str) -> None:
        self._doomed.discard(name)
        node = self.registry.find("nodes", "", name)
        if node and busy(self.cluster, name) and self.cluster.switches.pools.heeds_pods:
            taint = {"key": _DOOMED, "effect": "NoSchedule"}
            nodeobjects.set_taint(self.cluster, name, taint, present=False)
            self._event(node, "ScaleDownFailed", "failed to delete empty node: a pod has been placed there", "Warning")
            return
        self._event(self._map, "ScaleDownEmpty", f"Scale-down: removing empty node {name}")
        nodeobjects.leave(self.cluster, name)

    def _event(self, obj: Obj, reason: str, words: str, kind: str = "Normal") -> None:
        self.cluster.recorder.event(obj, kind, reason, words, component=NAME)

    def _tell(self) -> None:
        groups = [self._state(pool) for pool in self._pools]
        before, when = self._report
        if groups != before or monotonic() - when >= _TOLD_EVERY:
            self._report = groups, monotonic()
            self._map = self._status.write(groups)

    def _state(self, pool: PoolSpec) -> GroupState:
        members = self.cluster.fleet.members(pool)
        nodes = [self.registry.find("nodes", "", name) for name in members]
        least, most = self._limits(pool)
        up = sum(1 for node in nodes if node and ready(node))
        spare = len(members) - least
        candidates = sum(1 for node, _ in self._watch.idle(pool) if spare > 0 and not keeps(node, _KEPT))
        return GroupState(pool, least, most, len(members), up, up < len(members), candidates)
