"""A real node: containerd, kubelet and kube-proxy in a mount and a network namespace of their own, with paths of their own."""

import subprocess

from . import accelerators, images
from .network import PODS, connect_node, node_address
from .node_files import NAMES, SOCKET, Node, write_configurations
from .parts import Parts
from .shell import lines, run, succeeds, until


def start(parts: Parts, node: Node) -> None:
    """Make the node's namespaces and start everything on it that needs no other node."""
    inside = open_namespaces(node)
    connect_node(node.number, len(NAMES), int(inside[2]), inside)
    write_configurations(node)
    kubernetes, kubeconfig = node.cache.file("kubernetes"), node.state.kubeconfig(f"kubelet-{node.name}")
    parts.start(
        f"containerd-{node.name}",
        [*inside, node.cache.file("containerd"), "--config", node.folder / "containerd.toml"],
    )
    import_images(node, inside)
    labels = {"testbed.dev/pool": "a", **node.devices.labels()}
    kubelet = [
        f"--config={node.folder / 'kubelet.yaml'}",
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={node.name}",
        f"--node-ip={node_address(node.number)}",
        "--node-labels=" + ",".join(f"{name}={value}" for name, value in labels.items()),
    ]
    parts.start(f"kubelet-{node.name}", [*inside, kubernetes, "kubelet", *kubelet])
    proxy = [
        f"--kubeconfig={node.state.kubeconfig('kube-proxy')}",
        "--proxy-mode=nftables",
        f"--cluster-cidr={PODS}",
        f"--hostname-override={node.name}",
    ]
    parts.start(f"kube-proxy-{node.name}", [*inside, kubernetes, "kube-proxy", *proxy])
    start_drivers(parts, node, inside)


def start_drivers(parts: Parts, node: Node, inside: tuple[str, ...]) -> None:
    """One process for the devices by DRA, another for those by the device plugin."""
    for part in ("dra", "device-plugin"):
        options = ["--node", node.name, "--kubeconfig", str(node.state.kubeconfig(f"driver-{node.name}"))]
        options += [*node.devices.words(part), "--all-devices", accelerators.listed(tuple(node.devices.all))]
        parts.start(f"{part}-{node.name}", [*inside, node.cache.file("driver"), part, *options])


def open_namespaces(node: Node) -> tuple[str, ...]:
    """Make the node's namespaces, held open by a sleeping process; returns the words that run a command in them."""
    holder = subprocess.Popen(
        ["unshare", "--mount", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    inside = ("nsenter", "--target", str(holder.pid), "--mount", "--net", "--")
    (node.folder / "log").mkdir(parents=True)
    script = [
        "set -e",
        "mount --make-rshared /",
        "mount -t tmpfs -o mode=755 run /run",
        "mkdir -p /run/testbed/switches /run/cdi",
        f"mount --bind {node.state.switches} /run/testbed/switches",
        "mount -t tmpfs -o mode=755 lib /var/lib",  # images, too: in memory they need no clean-up
        "mkdir /var/lib/kubelet",
        "mount -t tmpfs -o mode=755 kubelet /var/lib/kubelet && mount --make-rshared /var/lib/kubelet",
        "mkdir /var/lib/kubelet/plugins_registry",
        f"mount --bind {node.folder}/log /var/log",
        f"mount --bind {node.state.folder / 'hosts'} /etc/hosts",
    ]
    run(*inside, "sh", text=lines(script))
    make_device_nodes(node, inside)
    return inside


def make_device_nodes(node: Node, inside: tuple[str, ...]) -> None:
    """Device nodes of mode 0666: the device cgroup alone shall decide who may open a device."""
    nodes = [f"mknod -m 0666 /run/testbed/dev/accel{index} b 7 {index}" for index in node.devices.all]
    run(*inside, "sh", text=lines(["set -e", "mkdir /run/testbed/dev", *nodes]))


def import_images(node: Node, inside: tuple[str, ...]) -> None:
    """Put the images into the node's containerd: there is no registry to pull them from."""
    ctr = (*inside, str(node.cache.file("ctr")), "--address", SOCKET, "--namespace", "k8s.io")
    until(
        lambda: succeeds(*ctr, "version"),
        f"containerd of {node.name} to answer",
        30,
        f"see {node.state.log('containerd-' + node.name)}",
    )
    for image in node.images:
        run(*ctr, "images", "import", node.cache.file(images.FILES[image]))
