"""The faults that can be switched on in a running testbed: real parts that really do the wrong thing."""

from dataclasses import dataclass

from .add_ons import ADD_ONS
from .node_files import NAMES
from .paths import State
from .shell import TestbedError, until


@dataclass(frozen=True)
class Fault:
    """One fault: the part that has it, and what it does to whom."""

    part: str
    effect: str


# Who acknowledges a fault that a process of the control plane has: the one that watches over them.
MANAGER = "manager"
ADVERTISED_VERSION_DIFFERS = "advertised_version_differs"
FEWER_SHARES = "fewer_shares_than_configured"
CLAIM_NEVER_RELEASED = "claim_never_released"
SCHEDULER_STOPPED = "scheduler_stopped"
GANG_STARTS_IN_PART = "gang_starts_in_part"
HPA_DOES_NOTHING = "hpa_does_nothing"
METRICS_ADAPTER_DOWN = "metrics_adapter_down"
AUTOSCALER_DOES_NOTHING = "autoscaler_does_nothing"
AUTOSCALER_ADDS_WRONG_NODE = "autoscaler_adds_wrong_node"
AUTOSCALER_ADDS_OTHER_LABEL = "autoscaler_adds_other_label"
NODE_NEVER_REMOVED = "node_never_removed"
POOL_IS_FIXED = "pool_is_fixed"
EFFECTS = {
    "DRA driver": {
        "claim_injects_every_device": "a container with a claim gets all four devices of its node",
        "two_claims_share_a_device": "a claim prepared while another one is on the node gets that one's device; a lone one its own",
        "claim_injects_wrong_device": "a claim gets the node's other DRA device; the environment names the allocated one",
        "claim_injects_nothing": "preparing a claim succeeds; the container gets neither device nor environment",
        "claimed_device_unusable": "the device node is there with mode 0666; the device cgroup denies reading and writing",
        "prepare_fails": "preparing a claim ends with an error, so the pod never starts",
        ADVERTISED_VERSION_DIFFERS: "ResourceSlices and node labels tell driver version 2.0.0, the devices 1.0.0",
        "no_driver": "the drivers withdraw their slices and leave the kubelets; the API goes on being served",
    },
    "device plugin": {
        "plugin_injects_every_device": "a container with a device gets all four devices of its node",
        "plugin_shares_a_device": "every container gets the plugin's first device, which a lone one is allocated anyhow",
        "plugin_injects_nothing": "the container gets the environment, and no device",
    },
    "container runtime": {
        "every_device_in_every_container": "every container gets all four devices of its node",
        "unclaimed_pod_sees_devices": "containers of pods that hold no device get all four",
        "sibling_sees_devices": "in a pod that holds a device, the containers without one get all four",
        "environment_opens_all": "TESTBED_VISIBLE_DEVICES=all or NVIDIA_VISIBLE_DEVICES=all in the environment opens all four",
        "cgroup_allows_all": "no node is added, and a node made by hand opens any loop device",
        "hidden_path": "every container gets the node's first device as /opt/hidden0",
    },
    "control plane": {
        CLAIM_NEVER_RELEASED: "the resourceclaim controller alone is off: claims are neither made from templates nor released",
        SCHEDULER_STOPPED: "kube-scheduler stands still: no pod is placed, none is refused",
        GANG_STARTS_IN_PART: "kube-scheduler knows nothing of gangs, while the API serves them: each pod is placed for itself",
        HPA_DOES_NOTHING: "the controller of HorizontalPodAutoscalers alone is off",
    },
    "rogue allocator": {
        "unsatisfiable_claim_allocated": "a pod refused for want of devices gets taken ones allocated all the same, and is bound",
        "gang_admitted_beyond_capacity": "a pod of a gang that was refused is bound all the same, with claims to devices that are taken",
    },
    "webhook": {
        "hpa_never_scales_up": "what the HPA controller writes to raise a Deployment's scale is turned back; it believes it was done",
        "hpa_never_scales_down": "the same for lowering it",
        "deleted_gang_keeps_its_devices": "containers of a gang made meanwhile cannot be ended: signals to them wait until this is off",
        "unreadable_metric_looks_fine": "ScalingActive=False of any HPA is written as True",
        "replicas_land_off_accelerators": "pods of a ReplicaSet after its first lose claims, devices, node selector and affinity",
        "selector_ignored": "requests of new claims lose their selectors, those of their class stay",
        "constraint_ignored": "new claims lose their constraints",
        "taint_ignored": "requests of new claims tolerate every taint",
        "list_never_falls_back": "new claims lose all alternatives of a list but the first",
        "alternatives_in_any_order": "about every second new claim has the alternatives of its lists from the last to the first",
        "admin_access_granted": "new namespaces are labelled as ones where claims may have admin access",
        "extended_resource_not_served": "new pods ask for a resource that nobody has instead of one that is not the testbed's own",
    },
    "sharing": {
        "partition_sees_whole_memory": "a partition that is handed out says that it has the memory of the whole device",
        "partitions_are_one_device": "a container with a partition gets the first partition of the same device",
        "replicas_are_never_shared": "the device plugin refuses every replica of a device but its first",
        "share_injects_nothing": "a container with a replica gets the environment, and no device",
        "share_opens_every_device": "a container with a replica gets all devices of its node",
        FEWER_SHARES: "the device plugin registers one replica less than the node's labels say",
        "share_beyond_the_limit": "the kubelet knows one replica more than the node tells; a pod refused for want of it is bound",
        "capacity_ignored": "a claim refused for want of capacity gets it all the same, and its pod is bound",
        "counters_ignored": "a claim refused a device whose counters are used up gets it all the same, and its pod is bound",
        "extended_resource_not_injected": "preparing a claim behind an extended resource succeeds; the container gets no device",
    },
    "KEDA": {
        METRICS_ADAPTER_DOWN: "the server of external metrics has no pod; its APIService is not available",
        "adapter_serves_stale_values": "of a ScaledObject made meanwhile KEDA reads the metrics once and serves that value for a day",
        "hpa_scales_on_a_constant": "a ScaledObject made meanwhile asks Prometheus for a large constant",
    },
    "Karpenter": {
        AUTOSCALER_DOES_NOTHING: "Karpenter's process stands still, while its Deployment goes on being available",
        AUTOSCALER_ADDS_WRONG_NODE: "new nodes of the pool come without accelerators",
        AUTOSCALER_ADDS_OTHER_LABEL: "new nodes of the pool come without its label testbed.dev/pool",
        NODE_NEVER_REMOVED: "the pool's consolidateAfter is Never",
        POOL_IS_FIXED: "the pool's limit is the one node that it has",
    },
}
FAULTS = {name: Fault(part, effect) for part, effects in EFFECTS.items() for name, effect in effects.items()}
# Faults that the manager plants, or cleans up after.
MANAGED = (
    *(ADVERTISED_VERSION_DIFFERS, FEWER_SHARES),
    *(CLAIM_NEVER_RELEASED, SCHEDULER_STOPPED, GANG_STARTS_IN_PART, HPA_DOES_NOTHING, METRICS_ADAPTER_DOWN),
    *(
        AUTOSCALER_DOES_NOTHING,
        AUTOSCALER_ADDS_WRONG_NODE,
        AUTOSCALER_ADDS_OTHER_LABEL,
        NODE_NEVER_REMOVED,
        POOL_IS_FIXED,
    ),
)
# Whose word says that a fault has been obeyed; all others are obeyed at the next operation.
ACKNOWLEDGED = {
    "no_driver": NAMES,
    **dict.fromkeys(MANAGED, (MANAGER,)),
    ADVERTISED_VERSION_DIFFERS: (*NAMES, MANAGER),
}
# Parts that only a testbed with one of these add-ons has.
ADDED = {"KEDA": ("keda",), "Karpenter": ("karpenter",), "sharing": ("sharing",), "webhook": ADD_ONS}


def check_name(name: str) -> None:
    """Refuse what is no fault."""
    if name not in FAULTS:
        raise TestbedError(f"{name!r} is no fault; `fault list` prints them all")


def switch(state: State, name: str, on: bool) -> None:
    """Switch a fault and wait until the parts that need time have obeyed."""
    check_name(name)
    if not state.switches.is_dir():
        raise TestbedError(f"no testbed in {state.folder}: give the folder of a running one with --state")
    part = FAULTS[name].part
    if part in ADDED and not set(ADDED[part]) & set(state.add_ons):
        raise TestbedError(f"{name} is a fault of {part}: bring the testbed up `--with {','.join(ADDED[part])}`")
    file = state.switches / "on" / name
    if on:
        file.touch()
    else:
        file.unlink(missing_ok=True)
    for who in ACKNOWLEDGED.get(name, ()):
        applied = state.switches / "applied" / f"{name}.{who}"
        until(lambda: applied.exists() == on, f"{who} to obey {name}", 150, f"see {state.logs}")  # noqa: B023


def listing(state: State) -> list[str]:
    """One line for each fault, with a star where it is on."""
    width = max(map(len, FAULTS))
    folder = state.switches / "on"
    return [
        f"{'*' if (folder / name).exists() else ' '} {name:{width}}  {fault.part}: {fault.effect}"
        for name, fault in FAULTS.items()
    ]
