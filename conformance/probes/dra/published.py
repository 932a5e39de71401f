"""Devices as their driver publishes them, with everything that a claim can ask for (resource.k8s.io, ResourceSlice)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.cluster.api import Api, Object
from conformance.inventory import dra, odd, taint_rules
from conformance.inventory import nodes as node_facts
from conformance.inventory.room import Room
from conformance.probes.claims import GROUP


@dataclass(frozen=True)
class Published:
    """One device that a node can use, and whether a claim holds it."""

    device: dra.Device
    node: str
    """Empty where several nodes reach it."""
    body: Mapping[str, Any]
    """The entry of the slice: attributes, capacity, taints."""
    free: bool
    """Whether a claim without tolerations can be given it: no taint, nobody holds it, its counters are left."""
    held: bool
    """Whether a claim holds it, or so much of its shared counters that too little is left."""

    @property
    def key(self) -> dra.Key:
        """Driver, pool and device name."""
        return self.device.key

    @property
    def name(self) -> str:
        """The key in one word."""
        return "/".join(self.key)

    @property
    def attributes(self) -> dict[str, Mapping[str, Any]]:
        """Attributes with their types, by full name: ``gpu.example.com/uuid``."""
        return self._qualified("attributes")

    @property
    def capacity(self) -> dict[str, Mapping[str, Any]]:
        """Capacities by full name, each with ``value`` and maybe ``requestPolicy``."""
        return self._qualified("capacity")

    def value(self, attribute: str) -> object:
        """Value of an attribute by its full name; None where the device has none, or a list of them."""
        found = next(iter(self.attributes.get(attribute, {}).values()), None)
        return None if isinstance(found, list | dict) else found

    def blocking_taints(self) -> list[Mapping[str, Any]]:
        """Published taints that keep claims away."""
        taints = self.body.get("taints") or []
        return [t for t in taints if isinstance(t, dict) and t.get("effect") in taint_rules.BLOCKING]

    def _qualified(self, side: str) -> dict[str, Mapping[str, Any]]:
        found = self.body.get(side)
        entries = found.items() if isinstance(found, dict) else ()
        return {qualified(self.device.driver, str(k)): v for k, v in entries if isinstance(v, dict)}


def qualified(driver: str, name: str) -> str:
    """Full name of an attribute or capacity; one without a domain belongs to the driver."""
    return name if "/" in name else f"{driver}/{name}"


def read(
    api: Api, version: str, driver: str, rules: Sequence[Object] = (), own: Callable[[Object], bool] | None = None
) -> list[Published]:
    """Devices of a driver that usable nodes reach, in the order of their slices, at this moment.

    ``rules`` are the DeviceTaintRules of others, whose devices are not free; ``own`` tells claims that count as holding nothing.
    """
    base = f"/apis/{GROUP}/{version}"
    slices, _ = dra.current_slices(api.list(f"{base}/resourceslices", field_selector=f"spec.driver={driver}"))
    nodes = [node for node in api.list("/api/v1/nodes") if node_facts.usable(node)]
    devices, claims = list(dra.devices(slices, nodes, rules)), api.list(f"{base}/resourceclaims")
    room = Room(slices, devices, [c for c in claims if own is None or not own(c)])
    known = {odd.name(node) for node in nodes}
    return [
        Published(device, device.node or "", body, not device.tainted and room.takes(device), not room.takes(device))
        for device, body in zip(devices, _bodies(slices), strict=True)
        if device.node is None or device.node in known
    ]


def _bodies(slices: Iterable[Object]) -> Iterable[Mapping[str, Any]]:
    """The entries of the slices, in the order of ``dra.devices``."""
    return (entry.get("basic", entry) for item in slices for entry in item["spec"].get("devices") or [])
