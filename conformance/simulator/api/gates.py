"""How the API server treats resource.k8s.io: its feature gates, and one fault.

A gate that is off makes the real server drop the gate's fields without a word, unless the object before had one of them
(``dropDisabledFields`` of each strategy in ``pkg/registry/resource``). The defaults are those of Kubernetes 1.37; gates that are
alpha there are always off, and their fields are dropped here too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from conformance.simulator.objects import Obj

_CLAIM = "requests[].exactly", "requests[].firstAvailable[]"


@dataclass
class DraSwitches:
    """What of DRA the API server knows."""

    admin_access_anywhere: bool = False
    """Whether ``adminAccess`` is accepted in namespaces that are not labelled for it."""
    prioritized_list: bool = True
    """DRAPrioritizedList: ``firstAvailable``."""
    admin_access: bool = True
    """DRAAdminAccess: ``adminAccess``."""
    partitionable_devices: bool = True
    """DRAPartitionableDevices: ``sharedCounters``, ``consumesCounters``, nodes of single devices."""
    device_taints: bool = True
    """DRADeviceTaints: taints of devices in slices, tolerations in claims."""
    device_taint_rules: bool = True
    """DRADeviceTaintRules: whether scheduler and controllers heed DeviceTaintRules; the API is served all the same."""
    serves_device_taint_rules: bool = True
    """Whether DeviceTaintRule is served at all; before 1.37 it is not by default."""
    consumable_capacity: bool = True
    """DRAConsumableCapacity: ``allowMultipleAllocations``, ``requestPolicy``, ``capacity`` of requests, ``distinctAttribute``."""
    extended_resource: bool = True
    """DRAExtendedResource: ``extendedResourceName``, and whether the scheduler makes claims for extended resources."""
    list_type_attributes: bool = False
    """DRAListTypeAttributes (alpha): attributes ``bools``, ``ints``, ``strings``, ``versions``."""

    @property
    def alpha(self) -> bool:
        """All other gates that are alpha in 1.37: off."""
        return False


_FIELDS: dict[str, dict[str, tuple[str, ...]]] = {
    "claim": {
        "prioritized_list": ("devices.requests[].firstAvailable",),
        "device_taints": tuple(f"devices.{form}.tolerations" for form in _CLAIM),
        "admin_access": ("devices.requests[].exactly.adminAccess",),
        "consumable_capacity": ("devices.constraints[].distinctAttribute", *(f"devices.{form}.capacity" for form in _CLAIM)),
        "alpha": tuple(f"devices.{form}.derivedAttributes" for form in _CLAIM),
    },
    "slice": {
        "device_taints": ("spec.devices[].taints",),
        "partitionable_devices": (
            "spec.sharedCounters", "spec.perDeviceNodeSelection", "spec.devices[].consumesCounters", "spec.devices[].nodeName",
            "spec.devices[].nodeSelector", "spec.devices[].allNodes",
        ),
        "consumable_capacity": ("spec.devices[].allowMultipleAllocations", "spec.devices[].capacity{}.requestPolicy"),
        "list_type_attributes": tuple(
            f"spec.devices[].attributes{{}}.{kind}" for kind in ("bools", "ints", "strings", "versions")
        ),
    },
    "class": {"extended_resource": ("spec.extendedResourceName",)},
}  # fmt: skip
_STATUS: dict[str, tuple[str, ...]] = {
    "admin_access": ("allocation.devices.results[].adminAccess",),
    "consumable_capacity": (
        "allocation.devices.results[].shareID",
        "allocation.devices.results[].consumedCapacity",
        "devices[].shareID",
    ),
    "alpha": ("allocation.devices.results[].skipNodeOperations",),
}
_ALPHA = (
    "spec.partitionTypeAttribute",
    "spec.skipNodeOperations",
    "spec.devices[].consumesCounters[].compatibilityGroups",
    "spec.devices[].nodeAllocatableResources",
)
"""Fields of slices, each of its own alpha gate."""


def tables(resource: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Gate and fields of a resource of the group."""
    if resource in ("resourceclaims", "resourceclaimtemplates"):
        spec = "spec" if resource == "resourceclaims" else "spec.spec"
        for gate, paths in _FIELDS["claim"].items():
            more = _STATUS.get(gate, ()) if resource == "resourceclaims" else ()
            yield gate, (*(f"{spec}.{path}" for path in paths), *(f"status.{path}" for path in more))
    elif resource == "resourceslices":
        yield from _FIELDS["slice"].items()
        yield from (("alpha", (path,)) for path in _ALPHA)
    elif resource == "deviceclasses":
        yield from _FIELDS["class"].items()


def drop(switches: DraSwitches, resource: str, obj: Obj, old: Obj | None) -> None:
    """Take the fields of gates that are off out of an object, where the object before had none of them."""
    for gate, paths in tables(resource):
        if getattr(switches, gate) or (old and any(True for path in paths for _ in _places(old, path))):
            continue
        for path in paths:
            for holder, key in list(_places(obj, path)):
                del holder[key]


def _places(obj: Any, path: str) -> Iterator[tuple[Obj, str]]:
    """Where an object has a field: ``a[].b`` for each item of a list, ``a{}.b`` for each value of a map."""
    step, _, rest = path.partition(".")
    name = step.removesuffix("[]").removesuffix("{}")
    if not isinstance(obj, dict) or obj.get(name) is None:
        return
    if not rest:
        yield obj, name
    elif step.endswith(("[]", "{}")):
        below = obj[name]
        for item in below.values() if isinstance(below, dict) else below if isinstance(below, list) else ():
            yield from _places(item, rest)
    else:
        yield from _places(obj[name], rest)
