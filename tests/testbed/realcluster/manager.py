"""Who watches over a running testbed: it plants the faults that no part has in itself, and ends the testbed when a part ends."""

import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from . import accelerators, control_plane, faults
from .add_ons import Place
from .node_files import NAMES

POOL = "nodepool/accelerated"
LIMIT = 4
ADAPTER = "deployment/keda-metrics-apiserver"
METRICS = "apiservice/v1beta1.external.metrics.k8s.io"
# Controllers that a fault switches off.
CONTROLLERS = {
    faults.CLAIM_NEVER_RELEASED: "resourceclaim-controller",
    faults.HPA_DOES_NOTHING: "horizontal-pod-autoscaler-controller",
}


def set_controllers(place: Place, _on: bool) -> None:
    """Start the controllers anew without those that the faults of this moment switch off."""
    off = [controller for fault, controller in CONTROLLERS.items() if place.state.is_on(fault)]
    control_plane.restart_controller_manager(place.parts, place.cache, off)


def set_scheduler(place: Place, on: bool) -> None:
    """Stop the scheduler where it stands, or let it go on."""
    place.parts.all["kube-scheduler"].pause(on)


def set_gangs(place: Place, on: bool) -> None:
    """Let the scheduler know of gangs, or not."""
    control_plane.restart_scheduler(place.parts, place.cache, gangs=not on)


def set_version(place: Place, on: bool) -> None:
    """Let the nodes' labels tell another driver version; the driver does the same in its slices."""
    label = f"testbed.dev/driver-version={'2.0.0' if on else accelerators.VERSION}"
    place.kubectl("label", "nodes", "--overwrite", *NAMES, label)


def set_shares(place: Place, on: bool) -> None:
    """Wait until the node tells what its device plugin registers."""
    told = rf"jsonpath={{.status.allocatable.testbed\.dev/accel\.shared}}={3 if on else 4}"
    place.kubectl.wait(f"node/{NAMES[-1]}", told)


def set_adapter(place: Place, on: bool) -> None:
    """Take the server of external metrics away, or bring it back."""
    place.kubectl("scale", "--namespace=keda", ADAPTER, f"--replicas={0 if on else 1}")
    place.kubectl.wait(METRICS, f"condition=Available={'False' if on else 'True'}", seconds=120)


def set_autoscaler(_place: Place, on: bool) -> None:
    """Stop Karpenter's process where it stands, or let it go on; no kubelet looks after it."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cmdline").read_bytes().startswith(b"/karpenter\0"):
                os.kill(int(process.name), signal.SIGSTOP if on else signal.SIGCONT)


def set_limit(place: Place, on: bool) -> None:
    """Let the pool be as large as it may get, or not."""
    patch_pool(place, {"limits": {"nodes": str(1 if on else LIMIT)}})


def set_removal(place: Place, on: bool) -> None:
    """Let Karpenter keep empty nodes for ever, or not."""
    patch_pool(place, {"disruption": {"consolidateAfter": "Never" if on else "5s"}})
    empty_pool(place, on)


def patch_pool(place: Place, setting: dict[str, object]) -> None:
    """Change the settings of the pool."""
    place.kubectl("patch", POOL, "--type=merge", f"--patch={json.dumps({'spec': setting})}")


def empty_pool(place: Place, on: bool) -> None:
    """After a fault: remove all nodes of the pool but the one that is kept, since some would stay for long."""
    if on:
        return
    kubectl = place.kubectl
    kept = kubectl("get", "pods", "--namespace=testbed", "--output=jsonpath={.items[*].spec.nodeName}").split()
    words = "--output=jsonpath={range .items[*]}{.metadata.name} {.status.nodeName}{'\\n'}{end}"
    for line in kubectl("get", "nodeclaims", words).splitlines():
        name, _, node = line.partition(" ")
        if node not in kept:
            kubectl("delete", "nodeclaim", name, "--ignore-not-found", "--timeout=60s")


OBEYS: dict[str, Callable[[Place, bool], None]] = {
    faults.ADVERTISED_VERSION_DIFFERS: set_version,
    faults.FEWER_SHARES: set_shares,
    faults.SCHEDULER_STOPPED: set_scheduler,
    faults.CLAIM_NEVER_RELEASED: set_controllers,
    faults.HPA_DOES_NOTHING: set_controllers,
    faults.GANG_STARTS_IN_PART: set_gangs,
    faults.METRICS_ADAPTER_DOWN: set_adapter,
    faults.AUTOSCALER_DOES_NOTHING: set_autoscaler,
    faults.AUTOSCALER_ADDS_WRONG_NODE: empty_pool,
    faults.AUTOSCALER_ADDS_OTHER_LABEL: empty_pool,
    faults.NODE_NEVER_REMOVED: set_removal,
    faults.POOL_IS_FIXED: set_limit,
}


def watch_over(place: Place) -> None:
    """Change the parts as the switches say, until one ends by itself."""
    pause = threading.Event()
    while True:
        for fault, change in OBEYS.items():
            applied = place.state.switches / "applied" / f"{fault}.{faults.MANAGER}"
            wanted = place.state.is_on(fault)
            if wanted != applied.exists():
                change(place, wanted)
                applied.touch() if wanted else applied.unlink()
        place.parts.check()
        pause.wait(0.2)
