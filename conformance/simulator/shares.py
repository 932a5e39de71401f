"""What a node's device plugin hands out: resources, the units of each, and the device behind every unit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from conformance.simulator import hardware
from conformance.simulator.devices import Device

TIME_SLICING = "time-slicing"


@dataclass(frozen=True)
class Unit:
    """What a pod is given for one of a resource: the id that the kubelet knows, and a device."""

    id: str
    device: Device


@dataclass(frozen=True)
class Resource:
    """An extended resource of one node."""

    name: str
    units: tuple[Unit, ...]
    shared: bool = False
    """Whether several units are one device."""


@dataclass(frozen=True)
class Sliced:
    """Devices of which each is advertised several times."""

    devices: tuple[Device, ...] = ()
    replicas: int = 1
    renamed: bool = True
    """Whether the units have a resource of their own, and not that of whole devices."""

    @property
    def resource(self) -> str:
        """The resource of the units."""
        make = self.devices[0].make
        return make.shared if self.renamed else make.resource

    @property
    def units(self) -> tuple[Unit, ...]:
        """All units; their ids are those of NVIDIA's plugin: the device's and a number."""
        return tuple(Unit(f"{one.uuid}::{n}", one) for one in self.devices for n in range(self.replicas))


def resources(whole: Iterable[Device], sliced: Sliced, parts: Iterable[Device]) -> Iterator[Resource]:
    """Resources of a node with these whole devices, shared devices, and parts of devices."""
    found: dict[str, list[Unit]] = {}
    for one in (*whole, *parts):
        found.setdefault(one.resource, []).append(Unit(one.uuid, one))
    for name, units in found.items():
        yield Resource(name, tuple(units))
    if sliced.devices:
        yield Resource(sliced.resource, sliced.units, shared=True)


def labels(devices: tuple[Device, ...], sliced: Sliced, parts: tuple[Device, ...], version: str) -> dict[str, str]:
    """What the discovery says of a node: about its devices and their driver, and about the way in which they are shared."""
    if not devices:
        return {}
    strategy = TIME_SLICING if sliced.devices else "none"
    suffix = "-SHARED" if sliced.devices and not sliced.renamed else ""
    make = devices[0].make
    own = {"driver": version or make.driver, "count": len(sliced.devices or devices), "replicas": sliced.replicas}
    said = {**devices[0].values, **own, "strategy": strategy, "suffix": suffix}
    found = _filled(make.labels, said)
    if sliced.devices:
        found |= _filled(make.shared_labels, said)
    for one in {part.resource: part for part in parts}.values():
        count = sum(1 for part in parts if part.resource == one.resource)
        found |= _filled(one.form.labels, {**one.values, "count": count, "replicas": 1, "strategy": "none"})
    return found


def _filled(templates: dict[str, str], values: dict[str, object]) -> dict[str, str]:
    return {hardware.fill(key, values): hardware.fill(text, values) for key, text in templates.items()}
