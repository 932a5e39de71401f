"""A real node: containerd, kubelet and kube-proxy in a mount and a network namespace of their own, at the paths every Kubernetes part expects."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from realcluster import accelerators, cgroups, images
from realcluster.build import Cache
from realcluster.network import CONTROL_PLANE, DNS, PODS, connect_node, node_address, pod_subnet
from realcluster.parts import Parts
from realcluster.paths import State
from realcluster.shell import lines, run, succeeds, until

NAMES = ("node-a", "node-b")
SOCKET = "/run/containerd/containerd.sock"


@dataclass(frozen=True)
class Node:
    """One node, by its number counted from 1."""

    number: int
    state: State
    cache: Cache

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
    def devices(self) -> list[int]:
        return accelerators.devices_of(self.number)


def start(parts: Parts, node: Node) -> None:
    """Make the node's namespaces and start everything on it that needs no other node."""
    inside = open_namespaces(node)
    connect_node(node.number, len(NAMES), int(inside[2]), inside)
    write_configurations(node)
    kubernetes, kubeconfig = node.cache.binary("kubernetes"), node.state.kubeconfig(f"kubelet-{node.name}")
    parts.start(f"containerd-{node.name}", [*inside, node.cache.binary("containerd"), "--config", node.folder / "containerd.toml"])
    import_images(node, inside)
    kubelet = [
        f"--config={node.folder / 'kubelet.yaml'}",
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={node.name}",
        f"--node-ip={node_address(node.number)}",
        f"--node-labels=testbed.dev/model={accelerators.MODEL},testbed.dev/pool=a",
    ]
    parts.start(f"kubelet-{node.name}", [*inside, kubernetes, "kubelet", *kubelet])
    proxy = [f"--kubeconfig={node.state.kubeconfig('kube-proxy')}", "--proxy-mode=nftables", f"--cluster-cidr={PODS}", f"--hostname-override={node.name}"]
    parts.start(f"kube-proxy-{node.name}", [*inside, kubernetes, "kube-proxy", *proxy])
    start_drivers(parts, node, inside)


def start_drivers(parts: Parts, node: Node, inside: tuple[str, ...]) -> None:
    """The first half of the devices goes to the DRA driver, the other half to the device plugin."""
    half = len(node.devices) // 2
    everything = ",".join(map(str, node.devices))
    for part, devices in (("dra", node.devices[:half]), ("device-plugin", node.devices[half:])):
        options = ["--node", node.name, "--kubeconfig", str(node.state.kubeconfig(f"driver-{node.name}"))]
        options += ["--devices", ",".join(map(str, devices)), "--all-devices", everything]
        parts.start(f"{part}-{node.name}", [*inside, node.cache.binary("driver"), part, *options])


def open_namespaces(node: Node) -> tuple[str, ...]:
    """Make the node's namespaces, held open by a sleeping process; returns the words that run a command in them."""
    holder = subprocess.Popen(["unshare", "--mount", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    inside = ("nsenter", "--target", str(holder.pid), "--mount", "--net", "--")
    (node.folder / "containerd").mkdir(parents=True)
    (node.folder / "log").mkdir()
    script = [
        "set -e",
        "mount --make-rshared /",
        "mount -t tmpfs -o mode=755 run /run",
        "mkdir -p /run/testbed/switches /run/cdi",
        f"mount --bind {node.state.switches} /run/testbed/switches",
        "mount -t tmpfs -o mode=755 lib /var/lib",
        "mkdir -p /var/lib/kubelet /var/lib/containerd",
        "mount -t tmpfs -o mode=755 kubelet /var/lib/kubelet && mount --make-rshared /var/lib/kubelet",
        "mkdir /var/lib/kubelet/plugins_registry",
        f"mount --bind {node.folder}/containerd /var/lib/containerd",
        f"mount --bind {node.folder}/log /var/log",
        f"mount --bind {node.state.folder / 'hosts'} /etc/hosts",
    ]
    run(*inside, "sh", text=lines(script))
    make_device_nodes(node, inside)
    return inside


def make_device_nodes(node: Node, inside: tuple[str, ...]) -> None:
    """Device nodes of mode 0666: the device cgroup alone shall decide who may open a device."""
    nodes = [f"mknod -m 0666 /run/testbed/dev/accel{index} b 7 {index}" for index in node.devices]
    run(*inside, "sh", text=lines(["set -e", "mkdir /run/testbed/dev", *nodes]))


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
            f"[{runtime}.containerd.runtimes.runc]\nruntime_type = 'io.containerd.runc.v2'",
            f"[{runtime}.containerd.runtimes.runc.options]\nBinaryName = '{node.cache.binary('runc-wrapper')}'\nSystemdCgroup = false",
            f"[{runtime}.cni]\nbin_dirs = ['/usr/lib/cni']\nconf_dir = '{node.folder / 'cni'}'",
        ]
    )


def kubelet(node: Node) -> dict[str, object]:
    """The kubelet's configuration: nothing reserved, nothing evicted, small waits."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": str(node.state.certificates / "ca.crt")}},
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


def import_images(node: Node, inside: tuple[str, ...]) -> None:
    """Put the images into the node's containerd: there is no registry to pull them from."""
    ctr = (*inside, str(node.cache.binary("ctr")), "--address", SOCKET, "--namespace", "k8s.io")
    until(lambda: succeeds(*ctr, "version"), f"containerd of {node.name} to answer", 30, f"see {node.state.log('containerd-' + node.name)}")
    for file in images.file_names().values():
        run(*ctr, "images", "import", node.cache.images / file)
