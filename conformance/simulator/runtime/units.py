"""The kubelet's accounts of its device plugin: which units of which resource belong to which container."""

from collections import Counter
from collections.abc import Sequence

from conformance.simulator.machines import NodeSpec
from conformance.simulator.objects import Obj, dig, uid_of
from conformance.simulator.quantities import parse
from conformance.simulator.shares import Resource, Unit
from conformance.simulator.switches import Switches

Holder = tuple[str, str]
"""Uid of a pod and name of a container."""
_REFUSED = "Allocate failed due to rpc error: code = Unknown desc = {}, which is unexpected"


class Units:
    """Units of one node's resources."""

    def __init__(self, node: NodeSpec, switches: Switches) -> None:
        self._node, self._switches = node, switches
        self._held: dict[tuple[str, str], tuple[Unit, Holder]] = {}
        """By resource and id of the unit."""

    def admit(self, pod: Obj) -> str:
        """Allocate units to a pod; gives the reason why that cannot be, or nothing."""
        for container in pod["spec"]["containers"]:
            claimed = {mapping["resourceName"] for mapping in extended_requests(pod, container)}
            for resource in (one for one in self._node.resources if one.name not in claimed):
                wanted = int(parse(dig(container, "resources", "limits", resource.name, default=0)))
                holder = uid_of(pod), container["name"]
                refused = self._allocate(resource, wanted, holder) if wanted else ""
                if refused:
                    self.release(uid_of(pod))
                    return refused
        return ""

    def _allocate(self, resource: Resource, wanted: int, holder: Holder) -> str:
        free = [unit for unit in self._offered(resource) if (resource.name, unit.id) not in self._held]
        if wanted > len(free):
            return f"Allocate failed due to requested number of devices unavailable for {resource.name}. Requested: {wanted}, Available: {len(free)}, which is unexpected"
        if self._node.make.whole_node and wanted != len(resource.units):
            return _REFUSED.format(f"a pod must ask for all {len(resource.units)} chips of the node, not for {wanted}")
        if resource.shared and self._switches.plugin.replicas_are_devices:
            used = {unit.device for unit, _ in self._held.values()}
            free = list({unit.device: unit for unit in reversed(free) if unit.device not in used}.values())[::-1]
            if wanted > len(free):
                return _REFUSED.format(f"no device is free for a unit of {resource.name}")
        for unit in self._spread(free, wanted):
            self._held[resource.name, unit.id] = unit, holder
        return ""

    def _offered(self, resource: Resource) -> Sequence[Unit]:
        """All units, and with a fault one more than there are."""
        if not (self._switches.plugin.beyond_limit and resource.name in self._node.shared_names):
            return resource.units
        first = resource.units[0]
        return (*resource.units, Unit(f"{first.id}::more", first.device))

    def _spread(self, free: list[Unit], wanted: int) -> list[Unit]:
        """Units of the devices that have the fewest holders, as NVIDIA's plugin prefers them for replicas."""
        load = Counter(unit.device for unit, _ in self._held.values())
        chosen: list[Unit] = []
        for _ in range(wanted):
            best = min((unit for unit in free if unit not in chosen), key=lambda unit: load[unit.device])
            load[best.device] += 1
            chosen.append(best)
        return chosen

    def release(self, uid: str) -> None:
        """The pod holds nothing any more."""
        self._held = {unit: held for unit, held in self._held.items() if held[1][0] != uid}

    def holds(self, uid: str) -> bool:
        """Whether the pod holds anything."""
        return any(holder[0] == uid for _, holder in self._held.values())

    def of(self, holder: Holder) -> dict[str, list[Unit]]:
        """Units of a container by resource."""
        found: dict[str, list[Unit]] = {}
        for (resource, _), (unit, one) in self._held.items():
            if one == holder:
                found.setdefault(resource, []).append(unit)
        return found


def extended_requests(pod: Obj, container: Obj) -> list[Obj]:
    """The entries of a pod's ``extendedResourceClaimStatus`` for a container: resources that a claim gives it."""
    mappings = dig(pod, "status", "extendedResourceClaimStatus", "requestMappings", default=[])
    return [mapping for mapping in mappings if mapping["containerName"] == container["name"]]
