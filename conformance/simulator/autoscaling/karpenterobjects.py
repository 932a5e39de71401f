"""Karpenter's own objects, as its stand-in writes them: definitions, NodePools and NodeClaims."""

from typing import Any

from conformance.simulator.machines import NodeSpec
from conformance.simulator.objects import Obj, condition, set_condition
from conformance.simulator.pools import NODEPOOL_LABEL, PoolSpec

GROUP = "karpenter.sh"
VERSION = f"{GROUP}/v1"
POOLS, CLAIMS = f"nodepools.{GROUP}", f"nodeclaims.{GROUP}"
FINALIZER = f"{GROUP}/termination"
REGISTERED, INITIALIZED = f"{GROUP}/registered", f"{GROUP}/initialized"
UNREGISTERED: Obj = {"key": f"{GROUP}/unregistered", "effect": "NoExecute"}
DISRUPTED: Obj = {"key": f"{GROUP}/disrupted", "effect": "NoSchedule"}
NODE_CLASS = {"group": "karpenter.sim.dev", "kind": "SimulatedNodeClass", "name": "default"}
_CAPACITY = f"{GROUP}/capacity-type"


def definition(plural: str, kind: str) -> Obj:
    """The CustomResourceDefinition of one of its kinds; its schema leaves the details to the stand-in."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": anything, "status": anything}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    names = {
        "plural": plural,
        "singular": kind.lower(),
        "kind": kind,
        "listKind": f"{kind}List",
        "categories": ["karpenter"],
    }
    spec = {"group": GROUP, "scope": "Cluster", "names": names, "versions": [version]}
    return {"metadata": {"name": f"{plural}.{GROUP}"}, "spec": spec}


def pool_object(pool: PoolSpec, *, fixed: bool) -> Obj:
    """A NodePool that may have as many nodes as its world says, or, where it is fixed, just those that it has."""
    template = pool.template
    labels = {key: value for key, value in pool.labels.items() if key != NODEPOOL_LABEL}
    body: Obj = {
        "metadata": {"labels": {**labels, **template.labels}},
        "spec": {
            "requirements": [
                {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]},
                {"key": _CAPACITY, "operator": "In", "values": ["on-demand"]},
            ],
            "nodeClassRef": NODE_CLASS,
            "expireAfter": "720h",
            **({"taints": list(template.taints)} if template.taints else {}),
        },
    }
    most = len(pool.nodes) if fixed else pool.max
    limits = (
        {template.make.resource: str(most * template.plugin)}
        if template.plugin
        else {"cpu": str(most * int(template.cpu))}
    )
    disruption = {
        "consolidationPolicy": "WhenEmptyOrUnderutilized",
        "consolidateAfter": f"{pool.idle:g}s",
        "budgets": [{"nodes": "10%"}],
    }
    spec = {"template": body, "disruption": disruption, "limits": limits}
    return {"apiVersion": VERSION, "kind": "NodePool", "metadata": {"name": pool.name}, "spec": spec}


def claim_object(pool: Obj, machine: NodeSpec) -> Obj:
    """The NodeClaim of a machine."""
    name = pool["metadata"]["name"]
    template = pool["spec"]["template"]
    owner = {
        "apiVersion": VERSION,
        "kind": "NodePool",
        "name": name,
        "uid": pool["metadata"]["uid"],
        "blockOwnerDeletion": True,
    }
    meta: Obj = {
        "name": machine.name,
        "labels": {**template["metadata"].get("labels", {}), NODEPOOL_LABEL: name, _CAPACITY: "on-demand"},
        "ownerReferences": [owner],
        "finalizers": [FINALIZER],
    }
    spec = {key: value for key, value in template["spec"].items() if key in ("requirements", "nodeClassRef", "taints")}
    return {"apiVersion": VERSION, "kind": "NodeClaim", "metadata": meta, "spec": spec}


def amounts(machine: NodeSpec) -> dict[str, str]:
    """What a machine brings."""
    plugin = {resource.name: str(len(resource.units)) for resource in machine.resources}
    return {"cpu": machine.cpu, "memory": machine.memory, "pods": str(machine.pods), **plugin}


def tell(obj: Obj, *kinds: str) -> None:
    """Set conditions of an object to true, and ``Ready`` with them once they are."""
    for kind in kinds:
        if (condition(obj, kind) or {}).get("status") != "True":
            generation = obj["metadata"].get("generation", 1)
            set_condition(obj, kind, "True", reason=kind, message="", observedGeneration=generation)


def seconds(duration: Any) -> float | None:
    """Seconds of ``30s``, ``5m`` or ``1h``; None where it is ``Never``."""
    text = str(duration)
    units = {"s": 1.0, "m": 60.0, "h": 3600.0}
    if text[-1:] not in units:
        return None
    return float(text[:-1]) * units[text[-1]]
