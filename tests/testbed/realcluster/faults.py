"""The faults that can be switched on in a running testbed: real parts that really do the wrong thing."""

from dataclasses import dataclass

from realcluster.node import NAMES
from realcluster.paths import State
from realcluster.shell import TestbedError, until


@dataclass(frozen=True)
class Fault:
    """One fault: the part that has it, and what it does to whom."""

    part: str
    effect: str


MANAGER = "manager"
DRA, PLUGIN, RUNTIME = "DRA driver", "device plugin", "container runtime"
FAULTS: dict[str, Fault] = {
    "claim_injects_every_device": Fault(DRA, "a container with a claim gets all four devices of its node"),
    "two_claims_share_a_device": Fault(DRA, "every claim gets the node's first DRA device, whatever was allocated; the environment names the allocated one"),
    "claim_injects_wrong_device": Fault(DRA, "a claim gets the node's other DRA device; the environment names the allocated one"),
    "claim_injects_nothing": Fault(DRA, "preparing a claim succeeds, and the container gets neither device nor environment"),
    "claimed_device_unusable": Fault(DRA, "the device node is there with mode 0666, and the device cgroup denies reading and writing"),
    "prepare_fails": Fault(DRA, "preparing a claim ends with an error, so the pod never starts"),
    "no_driver": Fault(DRA, "the drivers withdraw their slices and leave the kubelets; the API goes on being served"),
    "plugin_injects_every_device": Fault(PLUGIN, "a container with a device gets all four devices of its node"),
    "plugin_shares_a_device": Fault(PLUGIN, "every container gets the plugin's first device; the environment names the allocated one"),
    "plugin_injects_nothing": Fault(PLUGIN, "the container gets the environment, and no device"),
    "every_device_in_every_container": Fault(RUNTIME, "every container gets all four devices of its node"),
    "unclaimed_pod_sees_devices": Fault(RUNTIME, "containers of pods that hold no device get all four"),
    "sibling_sees_devices": Fault(RUNTIME, "in a pod that holds a device, the containers without one get all four"),
    "environment_opens_all": Fault(RUNTIME, "a container that sets TESTBED_VISIBLE_DEVICES=all or NVIDIA_VISIBLE_DEVICES=all gets all four"),
    "cgroup_allows_all": Fault(RUNTIME, "no node is added, and every container may open any loop device through a node made by hand"),
    "hidden_path": Fault(RUNTIME, "every container gets the node's first device as /opt/hidden0"),
    "controller_manager_stopped": Fault(MANAGER, "kube-controller-manager is stopped: claims are not made from templates and never released"),
    "scheduler_stopped": Fault(MANAGER, "kube-scheduler is stopped: no pod is placed, none is refused"),
    "rogue_allocation": Fault("rogue allocator", "a pod refused for want of devices gets a taken device allocated all the same, and is bound"),
}
# The processes that a fault stops, and whose word says that a fault has been obeyed.
STOPPED = {"controller_manager_stopped": "kube-controller-manager", "scheduler_stopped": "kube-scheduler"}
ACKNOWLEDGED = {"no_driver": NAMES, **{fault: (MANAGER,) for fault in STOPPED}}


def check_name(name: str) -> None:
    """Refuse what is no fault."""
    if name not in FAULTS:
        raise TestbedError(f"{name!r} is no fault; `fault list` prints them all")


def switch(state: State, name: str, on: bool) -> None:
    """Switch a fault and wait until the parts that need time have obeyed."""
    check_name(name)
    if not state.switches.is_dir():
        raise TestbedError(f"no testbed in {state.folder}: give the folder of a running one with --state")
    file = state.switches / "on" / name
    if on:
        file.touch()
    else:
        file.unlink(missing_ok=True)
    for who in ACKNOWLEDGED.get(name, ()):
        applied = state.switches / "applied" / f"{name}.{who}"
        until(lambda applied=applied: applied.exists() == on, f"{who} to obey {name}", 30, f"see {state.logs}")  # type: ignore[misc]


def listing(state: State) -> list[str]:
    """One line for each fault, with a star where it is on."""
    width = max(map(len, FAULTS))
    return [f"{'*' if (state.switches / 'on' / name).exists() else ' '} {name:{width}}  {fault.part}: {fault.effect}" for name, fault in FAULTS.items()]
