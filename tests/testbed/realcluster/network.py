"""The cluster's network, all of it inside the testbed's own namespaces: a bridge with the control plane on it, and one cable to each node."""

from pathlib import Path

from .shell import run

CONTROL_PLANE = "198.18.0.1"
PODS = "10.244.0.0/16"
SERVICES = "10.96.0.0/16"
DNS = "10.96.0.10"
BRIDGE = "cluster"
FORWARDING = "/proc/sys/net/ipv4/ip_forward"


def node_address(number: int) -> str:
    """The address of the node with this number, counted from 1."""
    return f"198.18.0.{10 + number}"


def pod_subnet(number: int) -> str:
    """The addresses of the pods of the node with this number."""
    return f"10.244.{number}.0/24"


def create_bridge() -> None:
    """The network of the control plane."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "address", "add", f"{CONTROL_PLANE}/24", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")
    # kube-apiserver wants a default route to find its own address; nothing listens behind it.
    run("ip", "route", "add", "default", "via", CONTROL_PLANE, "dev", BRIDGE)
    Path(FORWARDING).write_text("1")


def connect_node(number: int, nodes: int, pid: int, inside: tuple[str, ...]) -> None:
    """Lay the cable to a node whose network namespace is that of process `pid`; `inside` is how commands are run there."""
    run("ip", "link", "add", f"node{number}", "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    run("ip", "link", "set", f"node{number}", "master", BRIDGE, "up")
    run("ip", "route", "add", pod_subnet(number), "via", node_address(number))
    if number == 1:
        run("ip", "route", "add", SERVICES, "via", node_address(number))
    run(*inside, "ip", "link", "set", "lo", "up")
    run(*inside, "ip", "address", "add", f"{node_address(number)}/24", "dev", "eth0")
    run(*inside, "ip", "link", "set", "eth0", "up")
    run(*inside, "ip", "route", "add", "default", "via", CONTROL_PLANE)
    for other in range(1, nodes + 1):
        if other != number:
            run(*inside, "ip", "route", "add", pod_subnet(other), "via", node_address(other))
    run(*inside, "sh", "-c", f"echo 1 >{FORWARDING}")
