"""Node objects as a kubelet writes them when its machine joins, becomes ready and leaves."""

from typing import TYPE_CHECKING, Any

from conformance.simulator.api.options import Options
from conformance.simulator.machines import NodeSpec
from conformance.simulator.objects import Obj, micro_stamp, new_uid, stamp, uid_of

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

_GOOD = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)
_READY = ("Ready", "True", "KubeletReady", "kubelet is posting ready status")
BOOTING = "KubeletNotReady"
"""Reason of a node whose machine has just come."""
_NOT_READY = ("Ready", "False", BOOTING, "container runtime network not ready: cni plugin not initialized")
NOT_READY_TAINT: Obj = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
_ANNOTATIONS = {"node.alpha.kubernetes.io/ttl": "0", "volumes.kubernetes.io/controller-managed-attach-detach": "true"}
_HANDLER_FEATURES = {"recursiveReadOnlyMounts": True, "userNamespaces": False}


def describe(cluster: "Cluster", spec: NodeSpec, *, ready: bool) -> Obj:
    """A node object of a machine, as it is before the API server has it."""
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": spec.name,
        "kubernetes.io/os": "linux",
    }
    told = cluster.switches.discovery
    labels |= spec.discovered(told.version if told.only_on in ("", spec.name) else "")
    taints = [*spec.taints, *([] if ready else [NOT_READY_TAINT])]
    return {
        "metadata": {
            "name": spec.name,
            "labels": {**labels, **spec.labels},
            "annotations": {**_ANNOTATIONS, **spec.annotations},
        },
        "spec": {
            **({"taints": taints} if taints else {}),
            **({"providerID": spec.provider_id} if spec.provider_id else {}),
        },
        "status": _status(cluster, spec, ready=ready),
    }


def join(cluster: "Cluster", spec: NodeSpec, *, ready: bool, owner: Obj | None = None) -> Obj:
    """Make the node of a machine and its lease."""
    body = describe(cluster, spec, ready=ready)
    if owner:
        body["metadata"]["ownerReferences"] = [owner]
    status = body.pop("status")
    registry = cluster.registry
    node = registry.create(registry.kinds.get("nodes"), "", body)
    registry.change("nodes", "", spec.name, lambda obj: obj.update(status=status), sub="status")
    lease = {"holderIdentity": spec.name, "leaseDurationSeconds": 40, "renewTime": micro_stamp()}
    holder = {"apiVersion": "v1", "kind": "Node", "name": spec.name, "uid": uid_of(node)}
    meta = {"name": spec.name, "ownerReferences": [holder]}
    kind = registry.kinds.get("leases.coordination.k8s.io")
    registry.create(kind, "kube-node-lease", {"metadata": meta, "spec": lease})
    return node


def become_ready(cluster: "Cluster", spec: NodeSpec) -> None:
    """The kubelet is ready, and the device plugin has registered."""
    status = _status(cluster, spec, ready=True)
    cluster.registry.change("nodes", "", spec.name, lambda obj: obj.update(status=status), sub="status")
    set_taint(cluster, spec.name, NOT_READY_TAINT, present=False)


def set_taint(cluster: "Cluster", name: str, taint: Obj, *, present: bool) -> None:
    """Put a taint on a node, or take the one with its key and effect away."""

    def edit(obj: Obj) -> None:
        same = (taint["key"], taint["effect"])
        kept = [t for t in obj["spec"].get("taints") or () if (t["key"], t["effect"]) != same]
        obj["spec"]["taints"] = [*kept, *([taint] if present else [])]

    cluster.registry.change("nodes", "", name, edit)


def leave(cluster: "Cluster", name: str) -> None:
    """The machine is gone, and its node with it."""
    cluster.fleet.drop(name)
    delete(cluster, "nodes", name)


def delete(cluster: "Cluster", resource: str, name: str) -> None:
    """Delete an object of the cluster as a whole, if it is there."""
    if cluster.registry.find(resource, "", name) is not None:
        cluster.registry.delete(cluster.registry.kinds.get(resource), "", name, Options())


def _status(cluster: "Cluster", spec: NodeSpec, *, ready: bool) -> Obj:
    amounts: dict[str, Any] = {
        "cpu": spec.cpu,
        "ephemeral-storage": "64Gi",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": spec.memory,
        "pods": str(spec.pods),
    }
    if ready and cluster.switches.plugin.registers:
        missing = spec.shared_names if cluster.switches.plugin.miscounts else ()
        hidden = set() if cluster.switches.plugin.offers_virtual else spec.virtual_names
        told = [one for one in spec.resources if one.name not in hidden]
        amounts |= {one.name: str(len(one.units) - (one.name in missing)) for one in told}
    now = stamp()
    times = {"lastHeartbeatTime": now, "lastTransitionTime": now}
    conditions = [
        {"type": kind, "status": status, "reason": reason, "message": words, **times}
        for kind, status, reason, words in (*_GOOD, _READY if ready else _NOT_READY)
    ]
    return {
        "capacity": amounts,
        "allocatable": dict(amounts),
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": spec.name}],
        "conditions": conditions,
        "declaredFeatures": ["ExtendWebSocketsToKubelet", "RestartAllContainersOnContainerExits"],
        "features": {"supplementalGroupsPolicy": True},
        "runtimeHandlers": [{"name": name, "features": dict(_HANDLER_FEATURES)} for name in ("", "runc")],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": _info(cluster.world.version),
    }


def _info(version: str) -> Obj:
    return {
        "machineID": new_uid().replace("-", ""),
        "systemUUID": new_uid(),
        "bootID": new_uid(),
        "kernelVersion": "6.18.0-simulated",
        "osImage": "Simulated Linux",
        "containerRuntimeVersion": "containerd://2.4.2",
        "kubeletVersion": version,
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "runningInUserNamespace": False,
        "architecture": "amd64",
    }
