"""What runs inside the namespaces: bring the cluster up, say when it is ready, and watch over it until it is killed."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import accelerators, add_ons, certificates, control_plane, manager, network, node
from .build import Cache, find_cache
from .kubectl import Kubectl
from .node_files import NAMES, Node
from .parts import Parts
from .paths import MANIFESTS, State
from .shell import TestbedError, lines, until

CLUSTER_PARTS = ("etcd", "hosts", "Corefile", "accelerators", "certificates", "switches", "add-ons", *NAMES)


def clean(state: State) -> None:
    """Remove what an earlier cluster left in the state folder; its logs stay until the next start."""
    for name in CLUSTER_PARTS:
        path = state.folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def prepare(state: State) -> None:
    """The folders and files of a new cluster."""
    shutil.rmtree(state.logs, ignore_errors=True)
    for folder in (state.logs, state.switches / "on", state.switches / "applied"):
        folder.mkdir(parents=True)
    hosts = ["127.0.0.1 localhost"] + [f"{network.node_address(number)} {name}" for number, name in enumerate(NAMES, 1)]
    (state.folder / "hosts").write_text(lines(hosts))
    certificates.create(state, list(NAMES))


def bring_up(state: State, cache: Cache, parts: Parts, nodes: list[Node]) -> None:
    """Start everything in the order in which it is needed."""
    kubectl = Kubectl(cache, state)
    network.create_bridge()
    control_plane.start_store_and_api(parts, cache)
    until(
        lambda: kubectl.succeeds("get", "--raw", "/readyz"), "the API server", 60, f"see {state.log('kube-apiserver')}"
    )
    kubectl("apply", "--filename", MANIFESTS / "cluster.yaml")
    control_plane.start_controllers(parts, cache, MANIFESTS)
    with ThreadPoolExecutor(max_workers=len(NAMES)) as workers:
        starts = [workers.submit(node.start, parts, one) for one in nodes]
        for start in starts:
            start.result()
    wait_until_ready(state, kubectl)
    add_ons.start(add_ons.Place(state, cache, parts, kubectl), state.add_ons)


def wait_until_ready(state: State, kubectl: Kubectl) -> None:
    """Wait for all that `ready` promises."""
    for name in NAMES:
        kubectl.wait(f"node/{name}", "condition=Ready")
        kubectl.wait(f"node/{name}", r"jsonpath={.status.allocatable.testbed\.dev/accel}=2")
    if accelerators.SHARING in state.add_ons:
        kubectl.wait(f"node/{NAMES[-1]}", r"jsonpath={.status.allocatable.testbed\.dev/accel\.shared}=4")
        kubectl.wait(f"node/{NAMES[-1]}", r"jsonpath={.status.allocatable.testbed\.dev/part-1g}=2")
    slices = len(NAMES) + (accelerators.SHARING in state.add_ons)  # the counters have a slice of their own
    until(
        lambda: kubectl("get", "resourceslices", "--output=name").count("\n") == slices,
        "the ResourceSlices of all nodes",
        60,
        f"see {state.logs}",
    )
    for namespace in ("default", "kube-system"):
        kubectl.wait("serviceaccount/default", "", namespace)
    until(
        lambda: add_ons.answers(f"http://{network.CONTROL_PLANE}:8181/ready"),
        "cluster DNS",
        30,
        f"see {state.log('coredns')}",
    )


def hold(node: Node, index: int) -> int:
    """Put a file behind one of a node's devices; the descriptor returned holds it there."""
    folder = node.state.folder / "accelerators"
    return accelerators.attach(index, accelerators.write_backing(folder, index, node.devices.parent(index)))


def serve(state: State, listener: int, port: int, kubeconfig: Path, block: int) -> None:
    """The whole life of a cluster, from inside its namespaces."""
    cache = find_cache()
    prepare(state)
    nodes = [Node(number, state, cache, block) for number in range(1, len(NAMES) + 1)]
    held = [hold(node, index) for node in nodes for index in node.devices.all]
    parts = Parts(state, cache.search_path)
    try:
        bring_up(state, cache, parts, nodes)
    except TestbedError:
        parts.check()  # a part that died is the better explanation
        raise
    parts.start("relay", [cache.file("relay"), str(listener), "127.0.0.1:6443"], pass_fds=(listener,))
    unfinished = kubeconfig.with_name(kubeconfig.name + ".unfinished")
    unfinished.touch(mode=0o600)
    unfinished.write_text(certificates.kubeconfig(state, "admin", f"https://127.0.0.1:{port}"))
    unfinished.replace(kubeconfig)
    print(f"ready: kubeconfig {kubeconfig}", flush=True)
    manager.watch_over(add_ons.Place(state, cache, parts, Kubectl(cache, state)))
    del held
