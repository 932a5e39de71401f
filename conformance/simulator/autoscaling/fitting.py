"""What a new node of a pool could take: pods are tried on imagined nodes, before any machine is ordered."""

from collections.abc import Iterable
from fractions import Fraction
from typing import TYPE_CHECKING

from conformance.simulator import podresources
from conformance.simulator.api.selectors import node_selector
from conformance.simulator.autoscaling import nodeobjects
from conformance.simulator.autoscaling.fleet import blueprint
from conformance.simulator.controllers.driver import slices_of
from conformance.simulator.controllers.resourceclaims import claim_names
from conformance.simulator.objects import Obj, condition, deleting, dig, finished, namespace_of, thaw
from conformance.simulator.placement import extended, filters
from conformance.simulator.placement.devices import extended_resources
from conformance.simulator.pools import PoolSpec
from conformance.simulator.quantities import parse
from conformance.simulator.scheduling import AbortedError, Allocator, CannotAllocateError, missing_class
from conformance.simulator.storage import Store

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

_CLAIMS, _SLICES = "resourceclaims.resource.k8s.io", "resourceslices.resource.k8s.io"
_COPIED = ("deviceclasses.resource.k8s.io", "devicetaintrules.resource.k8s.io")
_NOWHERE = 1_000_000
"""Device numbers from here on belong to no machine."""


def unschedulable(store: Store) -> list[Obj]:
    """Pods for which the scheduler has said that there is no node."""
    return [
        pod
        for pod in store.select("pods")
        if not pod["spec"].get("nodeName") and not deleting(pod) and not finished(pod) and _refused(pod)
    ]


def _refused(pod: Obj) -> bool:
    state = condition(pod, "PodScheduled")
    return bool(state and state["status"] == "False" and state.get("reason") == "Unschedulable")


class Imagined:
    """One node that does not exist yet, and the pods that it has been given in thought."""

    def __init__(self, cluster: "Cluster", pool: PoolSpec) -> None:
        machine = blueprint(pool, f"template-node-for-{pool.name}", _NOWHERE)
        self.node = nodeobjects.describe(cluster, machine, ready=True)
        self.pods: list[Obj] = []
        self._real, self._store = cluster.store, Store()
        self._used: podresources.Amounts = {}
        gates = cluster.switches.dra
        self._classes = extended_resources(cluster.store) if gates.extended_resource else {}
        for resource in _COPIED:
            for obj in cluster.store.select(resource):
                self._store.put(resource, thaw(obj))
        if machine.dra and cluster.switches.driver.publishes:
            for n, spec in enumerate(slices_of(machine)):
                self._store.put(_SLICES, {"metadata": {"name": f"{machine.name}-{n}"}, "spec": spec})

    def take(self, pod: Obj) -> str:
        """Give it a pod; the reason where it does not fit, else nothing."""
        wanted, have = podresources.requests(pod), self._have
        given = extended.delegated(wanted, have, self._classes)
        own = {**{name: amount for name, amount in wanted.items() if name not in given}, "pods": Fraction(1)}
        why = filters.refusal(pod, self.node) or self._room(own) or self._devices(pod, given)
        if not why:
            self._used = podresources.add(self._used, own)
            self.pods.append(pod)
        return why

    @property
    def _have(self) -> podresources.Amounts:
        return {name: parse(value) for name, value in self.node["status"]["allocatable"].items()}

    def _room(self, wanted: podresources.Amounts) -> str:
        have = self._have
        for name, amount in wanted.items():
            if amount and self._used.get(name, Fraction()) + amount > have.get(name, Fraction()):
                return f"Insufficient {name}"
        return ""

    def _devices(self, pod: Obj, given: list[str]) -> str:
        names = claim_names(pod)
        if len(names) < len(pod["spec"].get("resourceClaims") or ()):
            return "waiting for resource claims"
        open_ones = []
        for name in names:
            claim = self._store.get(_CLAIMS, namespace_of(pod), name) or self._real.get(
                _CLAIMS, namespace_of(pod), name
            )
            if claim is None:
                return "waiting for resource claims"
            selector = dig(claim, "status", "allocation", "nodeSelector")
            if selector and not node_selector(selector, self.node):
                return "resourceclaim not available on the node"
            open_ones += [] if dig(claim, "status", "allocation") else [claim]
        why = next((why for claim in open_ones if (why := missing_class(self._real, claim))), "")
        if given:
            claim = extended.special(pod, given, self._classes).claim
            claim["metadata"]["name"] = claim["metadata"]["generateName"]
            open_ones.append(claim)
        return why or self._allocate(open_ones)

    def _allocate(self, claims: list[Obj]) -> str:
        if not claims:
            return ""
        try:
            allocated = Allocator(self._store, self.node).allocate(claims)
        except CannotAllocateError as problem:
            return str(problem)
        except AbortedError:
            return "cannot allocate all claims"
        for claim in claims:
            self._store.put(_CLAIMS, {**thaw(claim), "status": {"allocation": allocated[claim["metadata"]["name"]]}})
        return ""


def pack(cluster: "Cluster", pool: PoolSpec, pods: Iterable[Obj]) -> tuple[list[Imagined], dict[str, str]]:
    """The new nodes that pods need, and by uid of the others why no new node takes them."""
    nodes: list[Imagined] = []
    refused: dict[str, str] = {}
    for pod in pods:
        if any(not node.take(pod) for node in nodes):
            continue
        fresh = Imagined(cluster, pool)
        why = fresh.take(pod)
        if why:
            refused[pod["metadata"]["uid"]] = why
        else:
            nodes.append(fresh)
    return nodes, refused
