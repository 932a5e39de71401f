"""What a node is told: its names and places, and the configuration files of containerd, CNI and the kubelet."""

import json
from dataclasses import dataclass
from pathlib import Path

from . import accelerators, cgroups, images
from .build import Cache
from .network import CONTROL_PLANE, DNS, pod_subnet
from .paths import State
from .shell import lines

NAMES = ("node-a", "node-b")
SOCKET = "/run/containerd/containerd.sock"


@dataclass(frozen=True)
class Node:
    """One node, by its number counted from 1."""

    number: int
    state: State
    cache: Cache
    block: int
    """First loop device of the testbed."""

    @property
    def name(self) -> str:
        return NAMES[self.number - 1]

    @property
    def folder(self) -> Path:
        return self.state.folder / self.name

    @property
    def cgroup(self) -> str:
        return f"{self.state.cgroup}/{self.name}"

    @property
    def images(self) -> tuple[str, ...]:
        """The last node has the add-ons' images, too."""
        added = self.state.add_ons if self.name == NAMES[-1] else ()
        return (images.PAUSE, images.PYTHON, *(images.ADDED[name] for name in added if name in images.ADDED))

    @property
    def devices(self) -> accelerators.Devices:
        """The accelerators of this node; the last one has those that are shared, too."""
        sharing = accelerators.SHARING in self.state.add_ons and self.name == NAMES[-1]
        return accelerators.devices_of(self.number, self.block, sharing=sharing)


def write_configurations(node: Node) -> None:
    """Files of containerd, CNI and the kubelet."""
    (node.folder / "cni").mkdir()
    (node.folder / "cni" / "10-pods.conflist").write_text(json.dumps(cni(node)))
    (node.folder / "containerd.toml").write_text(containerd(node))
    (node.folder / "resolv.conf").write_text(f"nameserver {CONTROL_PLANE}\n")
    (node.folder / "kubelet.yaml").write_text(json.dumps(kubelet(node)))
    cgroups.create(node.cgroup)


def cni(node: Node) -> dict[str, object]:
    """Each pod hangs on a cable of its own and everything is routed, so that service addresses work between pods of one node, too."""
    ranges = [[{"subnet": pod_subnet(node.number)}]]
    ipam = {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "ptp", "ipam": ipam}]}


def containerd(node: Node) -> str:
    """containerd with CDI, our pause image, and the wrapper that can break the runtime on purpose."""
    runtime = "plugins.'io.containerd.cri.v1.runtime'"
    return lines(
        [
            "version = 3",
            f"[grpc]\naddress = '{SOCKET}'",
            f"[plugins.'io.containerd.cri.v1.images'.pinned_images]\nsandbox = '{images.PAUSE}'",
            f"[{runtime}]\nenable_cdi = true\ncdi_spec_dirs = ['/run/cdi']\nrestrict_oom_score_adj = true",
            f"[{runtime}.containerd]\ndefault_runtime_name = 'runc'",
            f"[{runtime}.containerd.runtimes.runc]\nruntime_type = 'io.containerd.runc.v2'\npod_annotations = ['testbed.dev/*']",
            f"[{runtime}.containerd.runtimes.runc.options]\nBinaryName = '{node.cache.file('runc-wrapper')}'\nSystemdCgroup = false",
            f"[{runtime}.cni]\nbin_dirs = ['/usr/lib/cni']\nconf_dir = '{node.folder / 'cni'}'",
        ]
    )


def kubelet(node: Node) -> dict[str, object]:
    """The kubelet's configuration: nothing reserved, nothing evicted, small waits."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "x509": {"clientCAFile": str(node.state.certificates / "ca.crt")},
        },
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": node.cgroup,
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "enforceNodeAllocatable": [],
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "failCgroupV1": False,
        "failSwapOn": False,
        "featureGates": {"GenericWorkload": True},
        "imageGCHighThresholdPercent": 100,
        "nodeStatusUpdateFrequency": "5s",
        "registerWithTaints": [],
        "resolvConf": str(node.folder / "resolv.conf"),
        "syncFrequency": "10s",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
    }
