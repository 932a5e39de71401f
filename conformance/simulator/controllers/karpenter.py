"""A stand-in for Karpenter: NodeClaims for pods that no node takes, and an end for nodes that are empty."""

from fractions import Fraction

from conformance.simulator.autoscaling import fitting, nodeobjects
from conformance.simulator.autoscaling import karpenterobjects as objects
from conformance.simulator.autoscaling.idle import Watch, busy, keeps, ready
from conformance.simulator.autoscaling.standin import deploy
from conformance.simulator.controllers.base import Controller
from conformance.simulator.kinds.custom import kinds_of
from conformance.simulator.machines import NodeSpec
from conformance.simulator.objects import Obj, deleting, dig, name_of, uid_of
from conformance.simulator.pools import KARPENTER, PoolSpec
from conformance.simulator.quantities import parse

NAME = "karpenter"
_INTERVAL = 0.25
_KEPT = "karpenter.sh/do-not-disrupt"
_NO_DRA = "pod has Dynamic Resource Allocation requirements that are not yet supported by Karpenter"


class Karpenter(Controller):
    """Looks at everything once in an interval."""

    def start(self) -> None:
        """Be there with its definitions, where the world has pools for it."""
        self._pools = [pool for pool in self.world.pools if pool.autoscaler == KARPENTER]
        self._watch = Watch(self.cluster)
        self._seen: set[str] = set()
        self._told: set[tuple[str, str]] = set()
        if not self._pools:
            return
        crds = self.registry.kinds.get("customresourcedefinitions.apiextensions.k8s.io")
        for plural, kind in (("nodepools", "NodePool"), ("nodeclaims", "NodeClaim")):
            made = self.registry.create(crds, "", objects.definition(plural, kind))
            for served in kinds_of(made):
                self.registry.kinds.add(served)
        deploy(self.cluster, NAME, NAME)
        for pool in self._pools:
            body = objects.pool_object(pool, fixed=self.cluster.switches.pools.fixed)
            self.registry.create(self.registry.kinds.get(objects.POOLS), "", body)
            for name in pool.nodes:
                self._claim(pool, self.cluster.fleet.find(name))
            self._tell(pool)
        self.enqueue(("", "loop"))

    def reconcile(self, _namespace: str, _name: str) -> None:
        """One turn of the loop; the next one comes even where this one is refused something."""
        self.enqueue_later(_INTERVAL, ("", "loop"))
        if self.cluster.switches.pools.runs:
            self._provision()
            for pool in self._pools:
                for name in self.cluster.fleet.members(pool):
                    self._follow(name)
                self._consolidate(pool)
                self._tell(pool)

    def _provision(self) -> None:
        waiting = fitting.unschedulable(self.store)
        pods = [pod for pod in waiting if uid_of(pod) in self._seen]
        self._seen = {uid_of(pod) for pod in waiting}
        for pod in pods:
            if pod["spec"].get("resourceClaims"):
                self._refuse(pod, _NO_DRA)
        pods = [pod for pod in pods if not pod["spec"].get("resourceClaims")]
        reasons: dict[str, list[str]] = {}
        for pool in self._pools:
            nodes, refused = fitting.pack(self.cluster, pool, pods)
            for node in nodes[len(self._watch.upcoming(pool)) :]:
                self._provide(pool, node, reasons)
            for uid, why in refused.items():
                reasons.setdefault(uid, []).append(f'incompatible with nodepool "{pool.name}", {why}')
            pods = [pod for pod in pods if uid_of(pod) in refused]
        for pod in waiting:
            if uid_of(pod) in reasons:
                self._refuse(pod, "; ".join(reasons[uid_of(pod)]))

    def _provide(self, pool: PoolSpec, node: fitting.Imagined, reasons: dict[str, list[str]]) -> None:
        """A machine for an imagined node, unless its pool is static or its limits forbid one more."""
        if self._over_limits(pool, node):
            for pod in node.pods:
                why = f'all available instance types exceed limits for nodepool: "{pool.name}"'
                reasons.setdefault(uid_of(pod), []).append(why)
            return
        machine = self.cluster.fleet.order(pool, self.cluster.switches.pools.adds)
        claim = self._claim(pool, machine)
        nodeobjects.join(self.cluster, machine, ready=False, owner=_owner(claim))
        nodeobjects.set_taint(self.cluster, machine.name, objects.UNREGISTERED, present=True)
        self.registry.change(
            "nodes", "", machine.name, lambda obj: obj["metadata"].update(finalizers=[objects.FINALIZER])
        )
        for pod in node.pods:
            words = f"Pod should schedule on: nodeclaim/{name_of(claim)}, node/{machine.name}"
            self.cluster.recorder.event(pod, "Normal", "Nominated", words, component=NAME)

    def _over_limits(self, pool: PoolSpec, node: fitting.Imagined) -> bool:
        found = self.registry.find(objects.POOLS, "", pool.name)
        if dig(found, "spec", "replicas") is not None:
            return True
        have = self._resources(pool)
        for resource, limit in dig(found, "spec", "limits", default={}).items():
            more = parse(node.node["status"]["capacity"].get(resource, "0"))
            if have.get(resource, Fraction()) + more > parse(limit):
                return True
        return found is None

    def _resources(self, pool: PoolSpec) -> dict[str, Fraction]:
        total: dict[str, Fraction] = {}
        for name in self.cluster.fleet.members(pool):
            machine = self.cluster.fleet.find(name)
            for resource, amount in (objects.amounts(machine) if machine else {}).items():
                total[resource] = total.get(resource, Fraction()) + parse(amount)
        return total

    def _claim(self, pool: PoolSpec, machine: NodeSpec | None) -> Obj:
        found = self.registry.find(objects.POOLS, "", pool.name)
        if found is None or machine is None:
            return {}
        kind = self.registry.kinds.get(objects.CLAIMS)
        made = self.registry.create(kind, "", objects.claim_object(found, machine))

        def launch(obj: Obj) -> None:
            amounts = objects.amounts(machine)
            obj["status"] = {"providerID": machine.provider_id, "capacity": amounts, "allocatable": dict(amounts)}
            objects.tell(obj, "Launched")

        self.registry.change(objects.CLAIMS, "", machine.name, launch, sub="status")
        return made

    def _follow(self, name: str) -> None:
        """A NodeClaim says how far its node is; one that is deleted by hand takes its node along."""
        node, claim = self.registry.find("nodes", "", name), self.registry.find(objects.CLAIMS, "", name)
        if node is None or claim is None or deleting(node) or deleting(claim):
            self._terminate(name)
            return
        if node["metadata"].get("labels", {}).get(objects.REGISTERED) != "true":
            labels = {objects.REGISTERED: "true", "karpenter.sh/capacity-type": "on-demand"}
            self.registry.change("nodes", "", name, lambda obj: obj["metadata"]["labels"].update(labels))
            nodeobjects.set_taint(self.cluster, name, objects.UNREGISTERED, present=False)
        done = ["Registered"]
        if ready(node):
            done += ["Initialized", "Ready"]
            label = {objects.INITIALIZED: "true"}
            self.registry.change("nodes", "", name, lambda obj: obj["metadata"]["labels"].update(label))

        def tell(obj: Obj) -> None:
            obj.setdefault("status", {})["nodeName"] = name
            objects.tell(obj, *done)

        self.registry.change(objects.CLAIMS, "", name, tell, sub="status")

    def _consolidate(self, pool: PoolSpec) -> None:
        """End one empty node in a turn, when it has been so for as long as its NodePool says."""
        found = self.registry.find(objects.POOLS, "", pool.name)
        after = objects.seconds(dig(found, "spec", "disruption", "consolidateAfter", default="0s"))
        for node, since in self._watch.idle(pool):
            if after is None or since < after or keeps(node, _KEPT) or deleting(node):
                continue
            self.registry.change(
                objects.CLAIMS, "", name_of(node), lambda obj: objects.tell(obj, "Consolidatable"), sub="status"
            )
            if self.cluster.switches.pools.removes:
                nodeobjects.set_taint(self.cluster, name_of(node), objects.DISRUPTED, present=True)
                self._event(node, "DisruptionTerminating", "Disrupting Node: Empty")
                if not busy(self.cluster, name_of(node)):
                    self._terminate(name_of(node))
                return

    def _terminate(self, name: str) -> None:
        nodeobjects.leave(self.cluster, name)
        for resource in ("nodes", objects.CLAIMS):
            if self.registry.find(resource, "", name) is None:
                continue
            if resource == objects.CLAIMS:
                nodeobjects.delete(self.cluster, resource, name)
            self.registry.change(resource, "", name, lambda obj: obj["metadata"].update(finalizers=[]))

    def _refuse(self, pod: Obj, why: str) -> None:
        if (uid_of(pod), why) not in self._told:
            self._told.add((uid_of(pod), why))
            self._event(pod, "FailedScheduling", f"Failed to schedule pod, {why}", "Warning")

    def _event(self, obj: Obj, reason: str, words: str, kind: str = "Normal") -> None:
        self.cluster.recorder.event(obj, kind, reason, words, component=NAME)

    def _tell(self, pool: PoolSpec) -> None:
        """What a NodePool says of itself."""
        resources = {name: str(amount) for name, amount in self._resources(pool).items()}
        resources["nodes"] = str(len(self.cluster.fleet.members(pool)))

        def tell(obj: Obj) -> None:
            obj.setdefault("status", {})["resources"] = resources
            objects.tell(obj, "ValidationSucceeded", "NodeClassReady", "NodeRegistrationHealthy", "Ready")

        self.registry.change(objects.POOLS, "", pool.name, tell, sub="status")


def _owner(claim: Obj) -> Obj:
    return {
        "apiVersion": objects.VERSION,
        "kind": "NodeClaim",
        "name": name_of(claim),
        "uid": uid_of(claim),
        "blockOwnerDeletion": True,
    }
