"""The switches of the components: what a world may set, and a fault may change.

A switch makes a component behave wrongly; no answer of the API is ever faked.
"""

from dataclasses import dataclass, field
from typing import Literal

from conformance.simulator.api.gates import DraSwitches
from conformance.simulator.api.trouble import Trouble


@dataclass
class DriverSwitches:
    """The DRA driver and its part of preparing a pod."""

    publishes: bool = True
    """Whether ResourceSlices are published."""
    injects: Literal["allocated", "every", "first", "other", "nothing"] = "allocated"
    """Which devices a container with a claim really gets."""
    usable: bool = True
    """Whether the device cgroup lets the container open them."""
    prepares: bool = True
    """Whether preparing a claim succeeds."""
    second_user: Literal["same", "another", "nothing"] = "same"
    """What a second pod with one claim gets: the device of the first, another one, or none."""
    publishes_twice: bool = False
    """Whether the first device of each node is published under a second name as well."""
    prepares_anew: bool = True
    """Whether a claim that was released and allocated again is prepared again; without, its pods get the devices of before."""
    gives_extended: bool = True
    """Whether the kubelet prepares the claim behind an extended resource; without, the pod runs and gets no device."""


@dataclass
class PluginSwitches:
    """The device plugin."""

    registers: bool = True
    """Whether the kubelet knows its resource."""
    offers_virtual: bool = True
    """Whether it registers virtual devices."""
    injects: Literal["allocated", "every", "first", "nothing"] = "allocated"
    replicas_are_devices: bool = False
    """Whether each unit of a shared resource needs a device of its own: where every device has one, the next pod is refused."""
    shares_are_first: bool = False
    """Whether every unit of a shared resource gives the first of its devices, whichever was allocated."""
    beyond_limit: bool = False
    """Whether one unit of each shared resource more is handed out than is allocatable; the scheduler leaves the count to it."""
    miscounts: bool = False
    """Whether it registers one unit less of each shared resource than it is told to."""


@dataclass
class DiscoverySwitches:
    """What the platform says of its accelerators: node labels of the feature discovery, attributes of the DRA driver."""

    version: str = ""
    """Driver version that is told; empty: the one that runs."""
    only_on: str = ""
    """Node on which it is told; every node where it is empty."""


@dataclass
class HardwareSwitches:
    """The accelerators themselves."""

    partition_memory: Literal["own", "whole"] = "own"
    """How much memory a partition lets be used."""
    serves_one: bool = False
    """Whether a device soon stops to answer every container but the first that has it."""
    partitions_alias: bool = False
    """Whether all partitions of a device are its first one."""
    virtual_is_whole: bool = False
    """Whether a virtual device is the whole one."""


@dataclass
class RuntimeSwitches:
    """The container runtime."""

    not_injected_on: str = ""
    """Node on which containers get the environment of their devices and no device node."""

    only_on: str = ""
    """Node that has the runtime's faults; every node where it is empty."""
    devices_in_every_container: bool = False
    devices_in_unclaimed_pods: bool = False
    devices_in_siblings: bool = False
    """Whether containers without a device get all, in pods where another container holds one."""
    environment_opens_all: bool = False
    """Whether ``…_VISIBLE_DEVICES=all`` gives all devices of the node."""
    environment_opens_numbered: bool = False
    """Whether the same with a number for the value gives the device of this number, while ``all`` gives none."""
    read_only: bool = False
    """Whether containers may read from their devices and not write to them."""
    cgroup_allows_all: bool = False
    closed_folder: bool = False
    """Whether pods that hold no device have all devices of the node in a folder that only root may enter."""
    hidden_path: bool = False
    """Whether every container has the node's first device at a place where nobody looks."""


@dataclass
class SchedulerSwitches:
    """The scheduler."""

    runs: bool = True
    allocates_taken: bool = False
    """Whether a claim that cannot be satisfied is given devices that are taken."""


@dataclass
class AllocatorSwitches:
    """How the scheduler allocates devices to claims."""

    heeds_selectors: bool = True
    """Whether the selectors of requests choose among devices; those of classes always do."""
    heeds_constraints: bool = True
    """Whether ``matchAttribute`` and ``distinctAttribute`` bind the devices of a claim together."""
    missing_attributes_match: bool = False
    """Whether devices that lack the attribute of a constraint meet it."""
    heeds_taints: bool = True
    """Whether devices with a taint that is not tolerated are left out."""
    alternatives: Literal["in_order", "first_only", "any_order"] = "in_order"
    """How those of a prioritized list are tried; ``any_order``: from the last to the first for about every second claim."""
    heeds_counters: bool = True
    """Whether devices that consume counters which others have used up are left out."""
    heeds_capacity: bool = True
    """Whether capacity that is used up is not given again."""
    serves_extended_resources: bool = True
    """Whether a pod that asks for an extended resource of a DeviceClass gets a claim; without, it waits for a node that
    advertises the resource."""


@dataclass
class GangSwitches:
    """Gang scheduling, whichever solution does it."""

    native: bool = True
    """Whether the gate of the native API is on; without it its resources are not served and pods lose their group."""
    starts: Literal["whole", "in_part"] = "whole"
    """Whether members wait for each other or are placed one by one."""
    beyond_capacity: bool = False
    """Whether a gang that does not fit is bound all the same, to devices that are taken."""
    deadlocks: bool = False
    """Whether gangs that do not fit together are each placed in part and hold what they have."""
    releases: bool = True
    """Whether the devices of a deleted gang are free again."""
    retries: bool = True
    """Whether a gang that waits is looked at again when room appears."""


@dataclass
class SolutionSwitches:
    """The programs of a scheduling solution that is installed."""

    runs: bool = True


@dataclass
class KueueSwitches:
    """Kueue's program."""

    runs: bool = True
    waits_for_pods_ready: bool = True
    """Whether its configuration says that an admitted workload must get its pods ready in time."""


@dataclass
class ClaimSwitches:
    """The controller of resource claims."""

    generates: bool = True
    """Whether claims are made from templates."""
    releases: bool = True
    """Whether a claim is released when its pod is finished or gone."""


@dataclass
class WorkloadSwitches:
    """The controllers of workloads."""

    strips_accelerators: bool = False
    """Whether the second and later replicas lose their accelerator request and their wishes for a node."""


@dataclass
class AutoscalerSwitches:
    """The controller of HorizontalPodAutoscalers."""

    scales_up: bool = True
    scales_down: bool = True
    stops_at_two: bool = False
    """Whether more than two replicas are computed and never asked for."""
    uses: Literal["metric", "constant"] = "metric"
    """Whether replicas follow the metric, or a constant that asks for two of them."""
    tells_unreadable: bool = True
    """Whether a metric that cannot be read shows in the conditions."""


@dataclass
class MetricsSwitches:
    """The adapters that serve the metrics APIs."""

    runs: bool = True
    """Whether they answer at all."""
    sums: bool = False
    """Whether each pod's value is the sum of all pods of its namespace."""
    stale: bool = False
    """Whether they serve the first value of each metric for ever."""


@dataclass
class PoolSwitches:
    """The autoscalers of nodes."""

    runs: bool = True
    """Whether they look at anything."""
    adds: Literal["pool", "without_accelerators", "silent_accelerators", "other_label"] = "pool"
    """What a new node is like; ``silent_accelerators``: it advertises them and no container gets one."""
    removes: bool = True
    """Whether a node that nobody needs goes."""
    replaces: bool = False
    """Whether an old node goes for each new one that is added."""
    heeds_pods: bool = True
    """Whether a new node is left alone while pods run on it."""
    fixed: bool = False
    """Whether no pool may have more or fewer nodes than the world begins with."""


@dataclass
class Switches:
    """All components."""

    api: Trouble = field(default_factory=Trouble)
    dra: DraSwitches = field(default_factory=DraSwitches)
    scheduler: SchedulerSwitches = field(default_factory=SchedulerSwitches)
    allocator: AllocatorSwitches = field(default_factory=AllocatorSwitches)
    gang: GangSwitches = field(default_factory=GangSwitches)
    kueue: KueueSwitches = field(default_factory=KueueSwitches)
    volcano: SolutionSwitches = field(default_factory=SolutionSwitches)
    kai: SolutionSwitches = field(default_factory=SolutionSwitches)
    coscheduling: SolutionSwitches = field(default_factory=SolutionSwitches)
    claims: ClaimSwitches = field(default_factory=ClaimSwitches)
    driver: DriverSwitches = field(default_factory=DriverSwitches)
    plugin: PluginSwitches = field(default_factory=PluginSwitches)
    discovery: DiscoverySwitches = field(default_factory=DiscoverySwitches)
    hardware: HardwareSwitches = field(default_factory=HardwareSwitches)
    runtime: RuntimeSwitches = field(default_factory=RuntimeSwitches)
    workloads: WorkloadSwitches = field(default_factory=WorkloadSwitches)
    autoscaler: AutoscalerSwitches = field(default_factory=AutoscalerSwitches)
    metrics: MetricsSwitches = field(default_factory=MetricsSwitches)
    pools: PoolSwitches = field(default_factory=PoolSwitches)
