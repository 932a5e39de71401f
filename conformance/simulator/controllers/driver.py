"""The DRA drivers' control side: DeviceClasses, and ResourceSlices for every node with devices."""

from typing import ClassVar

from conformance.simulator import hardware
from conformance.simulator.controllers.base import Controller
from conformance.simulator.devices import AGAIN, Device
from conformance.simulator.hardware import PARTITION
from conformance.simulator.machines import NodeSpec
from conformance.simulator.objects import Obj, name_of, uid_of

_SLICES, _CLASSES = "resourceslices.resource.k8s.io", "deviceclasses.resource.k8s.io"
_POLICY = {"default": "4Gi", "validRange": {"min": "1Gi", "step": "1Gi"}}
"""How much memory of a device that several claims may be given one claim takes."""


class Driver(Controller):
    """Publishes devices, also those of nodes that join; a slice that someone deletes comes back."""

    watches: ClassVar[tuple[str, ...]] = (_SLICES, "nodes")

    def start(self) -> None:
        """Publish what the world has, where the API is served."""
        if not self.registry.kinds.has(_SLICES):
            return
        makes = [node.make for node in self.world.nodes if node.dra]
        makes += [pool.template.make for pool in self.world.pools if pool.template.dra]
        for make in dict.fromkeys(makes):
            for name, expression in make.classes.items():
                body = {"metadata": {"name": name}, "spec": {"selectors": [{"cel": {"expression": expression}}]}}
                self.registry.create(self.registry.kinds.get(_CLASSES), "", body)
        if makes:
            self._publish()

    def reconcile(self, _namespace: str, _name: str) -> None:
        """Put back what is missing."""
        self._publish()

    def _publish(self) -> None:
        if not self.cluster.switches.driver.publishes or not self.registry.kinds.has(_SLICES):
            return
        there = {_mark(one["spec"]) for one in self.store.select(_SLICES)}
        told = self.cluster.switches.discovery
        for node in self.cluster.fleet.nodes:
            version = told.version if told.only_on in ("", node.name) else ""
            for spec in slices_of(node, version, twice=self.cluster.switches.driver.publishes_twice):
                if _mark(spec) not in there:
                    self._slice(node, spec)

    def _slice(self, node: NodeSpec, spec: Obj) -> None:
        found = self.registry.find("nodes", "", node.name)
        if found is None:
            return
        owner = {"apiVersion": "v1", "kind": "Node", "name": name_of(found), "uid": uid_of(found), "controller": True}
        meta = {"generateName": f"00000-{spec['driver']}-{node.name}-", "ownerReferences": [owner]}
        self.registry.create(self.registry.kinds.get(_SLICES), "", {"metadata": meta, "spec": spec})


def _mark(spec: Obj) -> tuple[str, str, bool]:
    """What tells the slices of a driver apart."""
    return spec["driver"], spec.get("nodeName", ""), bool(spec.get("sharedCounters"))


def slices_of(node: NodeSpec, version: str = "", *, twice: bool = False) -> list[Obj]:
    """What the slices of a machine say; counters have one of their own, as the API wants it since 1.35."""
    if not node.dra:
        return []
    parted = list(dict.fromkeys(part.physical for part in node.dra_parts))
    told = [_describe(node, device, version) for device in node.published]
    told += [{**told[0], "name": told[0]["name"] + AGAIN}] if twice else []
    both = [{"devices": told}]
    if parted:
        both.append({"sharedCounters": [{"name": _counters(one), "counters": _used(one)} for one in parted]})
    pool = {"name": node.name, "generation": 1, "resourceSliceCount": len(both)}
    return [{"driver": node.make.dra_driver, "nodeName": node.name, "pool": pool, **content} for content in both]


def _counters(device: Device) -> str:
    return f"{device.name}-counters"


def _used(device: Device) -> Obj:
    return {"memory": {"value": device.memory}}


def _describe(node: NodeSpec, device: Device, version: str) -> Obj:
    """A device as its slice has it."""
    values = {**device.values, "driver": version or device.make.driver}
    form = device.form
    found: Obj = {
        "name": device.name,
        "attributes": {name: hardware.attribute(given, values) for name, given in form.attributes.items()},
        "capacity": {name: {"value": hardware.fill(given, values)} for name, given in form.capacity.items()},
    }
    if device.kind == PARTITION or any(part.physical == device for part in node.dra_parts):
        found["consumesCounters"] = [{"counterSet": _counters(device.physical), "counters": _used(device)}]
    if device in node.dra_multiple:
        found["allowMultipleAllocations"] = True
        found["capacity"].setdefault("memory", {"value": device.memory})["requestPolicy"] = _POLICY
    return found
