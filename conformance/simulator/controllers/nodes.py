"""The nodes of the world and what their kubelets say about them."""

from typing import Any

from conformance.simulator.controllers.base import Controller
from conformance.simulator.devices import MODEL_LABEL, RESOURCE
from conformance.simulator.objects import Obj, micro_stamp, new_uid, stamp, uid_of
from conformance.simulator.world import NodeSpec

_GOOD = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)
_ANNOTATIONS = {"node.alpha.kubernetes.io/ttl": "0", "volumes.kubernetes.io/controller-managed-attach-detach": "true"}
_HANDLER_FEATURES = {"recursiveReadOnlyMounts": True, "userNamespaces": False}
_SYSTEM = ("default", "kube-system", "kube-public", "kube-node-lease")


class Nodes(Controller):
    """Makes namespaces, nodes and their leases when the cluster starts."""

    def start(self) -> None:
        """Make them."""
        for name in _SYSTEM:
            self.make("namespaces", "", {"metadata": {"name": name}})
        for node in self.world.nodes:
            self._node(node)

    def make(self, resource: str, namespace: str, body: Obj) -> Obj:
        """Create an object of the cluster itself."""
        return self.registry.create(self.registry.kinds.get(resource), namespace, body)

    def _node(self, spec: NodeSpec) -> None:
        labels = {
            "beta.kubernetes.io/arch": "amd64",
            "beta.kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "kubernetes.io/hostname": spec.name,
            "kubernetes.io/os": "linux",
        }
        if spec.dra or spec.plugin:
            labels[MODEL_LABEL] = (*spec.dra, *spec.plugin)[0].model
        taints = {"taints": list(spec.taints)} if spec.taints else {}
        node = self.make(
            "nodes",
            "",
            {
                "metadata": {"name": spec.name, "labels": {**labels, **spec.labels}, "annotations": dict(_ANNOTATIONS)},
                "spec": taints,
            },
        )
        self.registry.change(
            "nodes",
            "",
            spec.name,
            lambda obj: obj.update(status=_status(self.world.version, spec, self._plugin())),
            sub="status",
        )
        lease_spec = {"holderIdentity": spec.name, "leaseDurationSeconds": 40, "renewTime": micro_stamp()}
        owner = {"apiVersion": "v1", "kind": "Node", "name": spec.name, "uid": uid_of(node)}
        meta = {"name": spec.name, "ownerReferences": [owner]}
        self.make("leases.coordination.k8s.io", "kube-node-lease", {"metadata": meta, "spec": lease_spec})

    def _plugin(self) -> bool:
        return self.world.switches.plugin.registers


def _status(version: str, spec: NodeSpec, plugin: bool) -> Obj:
    amounts: dict[str, Any] = {
        "cpu": spec.cpu,
        "ephemeral-storage": "64Gi",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": spec.memory,
        "pods": str(spec.pods),
    }
    if spec.plugin and plugin:
        amounts[RESOURCE] = str(len(spec.plugin))
    now = stamp()
    conditions = [
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": words,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }
        for kind, status, reason, words in _GOOD
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
        "nodeInfo": _info(version),
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
