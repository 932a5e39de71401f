"""The pods that fill a pool, and the pods of others that wait for a node at the same time."""

from collections.abc import Iterable

from conformance.cluster.api import Object
from conformance.cluster.crowd import Members
from conformance.inventory import nodes as node_facts
from conformance.inventory import odd
from conformance.inventory.descriptors import Descriptor
from conformance.probes import names, pods, starting, tenants
from conformance.probes.pools.nodepool import Pool
from conformance.probes.sandbox import Sandbox
from conformance.probes.tenants import MAIN
from conformance.verdicts import Unverified

CLAIM = "accelerator"


def manifest(sandbox: Sandbox, pool: Pool, descriptor: Descriptor, template: str, seconds: int) -> Object:
    """A pod that holds one accelerator on whatever node of the pool, those that do not exist yet included."""
    words = [word for glob in descriptor.accelerator_nodes for word in ("--match", glob)]
    container = pods.Container(
        name=MAIN,
        arguments=["devices", "--hold", str(seconds), *words],
        claims=[CLAIM] if template else [],
        resources={} if template else {pool.kind.name: 1},
    )
    plan = pods.PodPlan(
        name="asks",
        containers=[container],
        node=None,
        tolerations=_tolerations(pool),
        claims=[{"name": CLAIM, "resourceClaimTemplateName": template}] if template else [],
        runtime_class=sandbox.settings.runtime_class or descriptor.runtime_class,
        groups=descriptor.supplemental_groups,
        deadline=seconds,
    )
    body = tenants.manifest_of(sandbox, plan)
    key, value = pool.label
    term = {"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    body["spec"]["affinity"] = {"nodeAffinity": required}
    return body


def _tolerations(pool: Pool) -> list[Object]:
    """Tolerations of all nodes of the pool, each once; not those that an autoscaler puts on nodes that are to go."""
    found = {str(t): t for node in pool.nodes for t in node_facts.tolerations(node) if not _of_autoscaler(t["key"])}
    return list(found.values())


def _of_autoscaler(key: str) -> bool:
    return key.endswith(("ByClusterAutoscaler", "OfClusterAutoscaler")) or key.startswith("karpenter.sh/")


def refused(pod: Object) -> bool:
    """Whether the scheduler has said that no node takes the pod."""
    conditions = odd.entries(odd.part(pod, "status"), "conditions")
    return any(
        c.get("type") == "PodScheduled" and c.get("status") == "False" and c.get("reason") == "Unschedulable"
        for c in conditions
    )


class Filling:
    """What the scheduler has said about the pods that fill a pool: which have a node of before, which it has refused."""

    def __init__(self, count: int, old: Iterable[str]) -> None:
        self._count, self._old = count, set(old)
        self.words: dict[str, str] = {}
        """The scheduler's words about every pod that it has refused at some time."""

    def waiting(self, members: Members) -> list[str] | None:
        """Names of the pods for which no node of before had room, once all pods are decided; None until then."""
        for name, pod in members.items():
            if refused(pod) and not bound(pod):
                self.words[name] = starting.describe(pod)
        if len(members) < self._count or not all(bound(pod) or name in self.words for name, pod in members.items()):
            return None
        return sorted(name for name in self.words if name in members and bound(members[name]) not in self._old)

    def placed_anew(self, members: Members) -> tuple[str, str] | None:
        """A pod that was refused and now runs on a node that was not there before, with that node; None until then."""
        for name in sorted(self.words):
            pod = members.get(name)
            if pod and odd.part(pod, "status").get("phase") == "Running" and bound(pod) not in ("", *self._old):
                return name, bound(pod)
        return None

    def describe(self, members: Members) -> str:
        """Where the pods are, in one line."""
        nodes = sorted({bound(pod) for pod in members.values()} - {""})
        left = sorted(name for name, pod in members.items() if not bound(pod))
        told = f"; {left[0]}: {starting.describe(members[left[0]])}" if left else ""
        return f"{len(members) - len(left)} of {len(members)} pods have a node ({', '.join(nodes[:10])}){told}"


def others_waiting(sandbox: Sandbox) -> list[str]:
    """Pods of others that wait and for which a new node might come."""
    unbound = sandbox.api.list("/api/v1/pods", field_selector="spec.nodeName=")
    return [
        _place(pod)
        for pod in unbound
        if refused(pod) and not bound(pod) and not _mine(sandbox, pod) and not _pinned(pod)
    ]


def waited_for(sandbox: Sandbox, node: Object) -> list[str]:
    """Pods of others on a new node that are older than the node, so that it may have come for them; DaemonSets' come anyway."""
    came = str(odd.part(node, "metadata").get("creationTimestamp"))
    found = []
    for pod in sandbox.api.list("/api/v1/pods", field_selector=f"spec.nodeName={odd.name(node)}"):
        meta = odd.part(pod, "metadata")
        follows = any(owner.get("kind") in ("DaemonSet", "Node") for owner in odd.entries(meta, "ownerReferences"))
        if str(meta.get("creationTimestamp")) < came and not follows and not _mine(sandbox, pod):
            found.append(_place(pod))
    return found


def _mine(sandbox: Sandbox, pod: Object) -> bool:
    return odd.part(pod, "metadata", "labels").get(names.SANDBOX_LABEL) == sandbox.labels[names.SANDBOX_LABEL]


def _place(pod: Object) -> str:
    return f"{odd.part(pod, 'metadata').get('namespace')}/{odd.name(pod)}"


def _pinned(pod: Object) -> bool:
    """Whether affinity binds the pod to nodes by their names, so that no new node can help it."""
    required = odd.part(pod, "spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = odd.entries(required, "nodeSelectorTerms")
    return bool(terms) and all(
        any(f.get("key") == "metadata.name" and f.get("operator") == "In" for f in odd.entries(term, "matchFields"))
        for term in terms
    )


def nobody_waits(sandbox: Sandbox) -> None:
    """Raise ``Unverified`` where pods of others wait: a node might come for them."""
    found = others_waiting(sandbox)
    if found:
        told = ", ".join(found[:5])
        raise Unverified(
            f"{len(found)} pods of others wait for a node ({told}), and one that comes may be theirs",
            code="competing_load",
        )


def came_for_us(sandbox: Sandbox, node: Object) -> None:
    """Raise ``Unverified`` where pods of others wait now, or waited until this node came."""
    nobody_waits(sandbox)
    found = waited_for(sandbox, node)
    if found:
        told = f"{', '.join(found[:5])} of others on {odd.name(node)} are older than it"
        raise Unverified(f"{len(found)} pods ({told}), so it may have come for them", code="competing_load")


def bound(pod: Object) -> str:
    """Node of a pod, or empty."""
    return str(odd.part(pod, "spec").get("nodeName") or "")
