"""Whether the pod on the new node got an accelerator: a node may tell of one that no container on it can open."""

from conformance.cluster.api import Object
from conformance.cluster.crowd import Members
from conformance.inventory import odd
from conformance.inventory.descriptors import Descriptor
from conformance.probes import tenants
from conformance.probes.pools.crowding import bound
from conformance.probes.sandbox import Sandbox
from conformance.probes.tenants import MAIN
from conformance.verdicts import Failure, Grade, Unverified

FAKE = "kwok.x-k8s.io/node"
"""Annotation of nodes that nobody's machine stands behind: their pods seem to run and say nothing."""


def grade(sandbox: Sandbox, descriptor: Descriptor, members: Members, name: str, node: Object) -> Grade:
    """What a pass is worth by what pod ``name`` opened on the new node; ``Failure`` where it opened nothing and others did."""
    why = _cannot_be_seen(descriptor, node)
    if why:
        sandbox.evidence.step("did not look what the pod on the new node opened", observed=why, obj=f"Pod {name}")
        return Grade.BEHAVIOURAL
    told, where = _opened(sandbox, descriptor, name), odd.name(node)
    sandbox.evidence.step(
        "looked what the pod on the new node opened",
        expected="an accelerator",
        observed=told or "no accelerator",
        obj=f"Pod {name}",
        node=where,
    )
    if told:
        return Grade.CONTROLLED
    seen = f"{name} runs on the new node {where} and opened no accelerator"
    elsewhere = _witness(sandbox, descriptor, members, where)
    if not elsewhere:
        raise Unverified(f"{seen}, and no pod on a node of before did", code="no_witness")
    raise Failure(
        "new_node_unusable",
        observed=f"{seen}; {elsewhere}",
        expected="a pod on the new node opens the accelerator that it asked for",
        hint="look at the driver, the runtime and the device plugin on new nodes of the pool",
    )


def _cannot_be_seen(descriptor: Descriptor, node: Object) -> str:
    """Why nobody can say what a pod on the node opens; empty where a probe can."""
    if FAKE in odd.part(node, "metadata", "annotations"):
        return f"{odd.name(node)} is a fake node ({FAKE})"
    return "" if descriptor.can_identify else f"{descriptor.title}: there is no device node that a probe could open"


def _witness(sandbox: Sandbox, descriptor: Descriptor, members: Members, new: str) -> str:
    """A pod on another node that opened its accelerator, in words; empty where none did."""
    for name, pod in sorted(members.items()):
        if odd.part(pod, "status").get("phase") == "Running" and bound(pod) not in ("", new):
            told = _opened(sandbox, descriptor, name)
            return f"{name} on {bound(pod)} opened {told}" if told else ""
    return ""


def _opened(sandbox: Sandbox, descriptor: Descriptor, name: str) -> str:
    report = tenants.report_of(sandbox, sandbox.path("pods"), name, MAIN)
    return ", ".join(map(str, report.opened(descriptor)))
