"""What runs inside the namespaces: bring the cluster up, say when it is ready, and watch over it until it is killed."""

import shutil
import threading
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import accelerators, certificates, control_plane, faults, network, node
from .build import Cache, find_cache
from .node_files import NAMES, Node
from .parts import Parts
from .paths import MANIFESTS, State
from .shell import TestbedError, lines, run, succeeds, until

CLUSTER_PARTS = ("etcd", "hosts", "Corefile", "accelerators", "certificates", "switches", *NAMES)


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


class Kubectl:
    """The cluster's own kubectl, as administrator."""

    def __init__(self, cache: Cache, state: State) -> None:
        self.words = (str(cache.binary("kubectl")), "--kubeconfig", str(state.kubeconfig("admin")))

    def __call__(self, *arguments: str | Path) -> str:
        return run(*self.words, *arguments)

    def succeeds(self, *arguments: str | Path) -> bool:
        return succeeds(*self.words, *arguments)

    def slices(self) -> int:
        return self("get", "resourceslices", "--output=name").count("\n")

    def wait(self, what: str, condition: str, namespace: str = "default") -> None:
        self("wait", "--namespace", namespace, "--for=create", what, "--timeout=60s")
        if condition:
            self("wait", "--namespace", namespace, f"--for={condition}", what, "--timeout=60s")


def bring_up(state: State, cache: Cache, parts: Parts, block: int) -> None:
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
        nodes = [Node(number, state, cache, block) for number in range(1, len(NAMES) + 1)]
        starts = [workers.submit(node.start, parts, one) for one in nodes]
        for start in starts:
            start.result()
    wait_until_ready(state, kubectl)


def wait_until_ready(state: State, kubectl: Kubectl) -> None:
    """Wait for all that `ready` promises."""
    for name in NAMES:
        kubectl.wait(f"node/{name}", "condition=Ready")
        kubectl.wait(f"node/{name}", r"jsonpath={.status.allocatable.testbed\.dev/accel}=2")
    count = len(NAMES)
    until(lambda: kubectl.slices() == count, "the ResourceSlices of all nodes", 60, f"see {state.logs}")
    for namespace in ("default", "kube-system"):
        kubectl.wait("serviceaccount/default", "", namespace)
    until(dns_answers, "cluster DNS", 30, f"see {state.log('coredns')}")


def dns_answers() -> bool:
    """Whether CoreDNS has seen the services."""
    try:
        with urllib.request.urlopen(f"http://{network.CONTROL_PLANE}:8181/ready", timeout=1):
            return True
    except OSError:
        return False


def watch_over(state: State, cache: Cache, parts: Parts) -> None:
    """Change the control plane as the switches say, until a part ends by itself."""
    obey: dict[str, Callable[[bool], None]] = {
        faults.SCHEDULER_STOPPED: parts.all["kube-scheduler"].pause,
        faults.CLAIM_NEVER_RELEASED: lambda on: control_plane.restart_controller_manager(
            parts, cache, without_claims=on
        ),
    }
    pause = threading.Event()
    while True:
        for fault, change in obey.items():
            applied = state.switches / "applied" / f"{fault}.{faults.MANAGER}"
            wanted = (state.switches / "on" / fault).exists()
            if wanted != applied.exists():
                change(wanted)
                applied.touch() if wanted else applied.unlink()
        parts.check()
        pause.wait(0.2)


def serve(state: State, listener: int, port: int, kubeconfig: Path, block: int) -> None:
    """The whole life of a cluster, from inside its namespaces."""
    cache = find_cache()
    prepare(state)
    held = [
        accelerators.attach(index, accelerators.write_backing(state.folder / "accelerators", index))
        for index in range(block, block + accelerators.BLOCK)
    ]
    parts = Parts(state, cache.binaries)
    try:
        bring_up(state, cache, parts, block)
    except TestbedError:
        parts.check()  # a part that died is the better explanation
        raise
    parts.start("relay", [cache.binary("relay"), str(listener), "127.0.0.1:6443"], pass_fds=(listener,))
    unfinished = kubeconfig.with_name(kubeconfig.name + ".unfinished")
    unfinished.touch(mode=0o600)
    unfinished.write_text(certificates.kubeconfig(state, "admin", f"https://127.0.0.1:{port}"))
    unfinished.replace(kubeconfig)
    print(f"ready: kubeconfig {kubeconfig}", flush=True)
    watch_over(state, cache, parts)
    del held
