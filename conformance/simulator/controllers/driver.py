"""The DRA driver's control side: its DeviceClass and a ResourceSlice for every node with devices."""

from typing import ClassVar

from conformance.simulator.controllers.base import Controller
from conformance.simulator.devices import DEVICE_CLASS, DRIVER, Device
from conformance.simulator.objects import Obj, name_of, uid_of
from conformance.simulator.world import NodeSpec

_SLICES, _CLASSES = "resourceslices.resource.k8s.io", "deviceclasses.resource.k8s.io"


class Driver(Controller):
    """Publishes devices, also those of nodes that join; a slice that someone deletes comes back."""

    watches: ClassVar[tuple[str, ...]] = (_SLICES, "nodes")

    def start(self) -> None:
        """Publish what the world has, where the API is served."""
        devices = any(node.dra for node in self.world.nodes) or any(pool.template.dra for pool in self.world.pools)
        if devices and self.registry.kinds.has(_SLICES):
            expression = f"device.driver == '{DRIVER}'"
            body = {"metadata": {"name": DEVICE_CLASS}, "spec": {"selectors": [{"cel": {"expression": expression}}]}}
            self.registry.create(self.registry.kinds.get(_CLASSES), "", body)
            self._publish()

    def reconcile(self, _namespace: str, _name: str) -> None:
        """Put back what is missing."""
        self._publish()

    def _publish(self) -> None:
        if not self.cluster.switches.driver.publishes or not self.registry.kinds.has(_SLICES):
            return
        there = {s["spec"].get("nodeName") for s in self.store.select(_SLICES) if s["spec"]["driver"] == DRIVER}
        for node in self.cluster.fleet.nodes:
            if node.dra and node.name not in there:
                self._slice(node)

    def _slice(self, node: NodeSpec) -> None:
        found = self.registry.find("nodes", "", node.name)
        if found is None:
            return
        owner = {"apiVersion": "v1", "kind": "Node", "name": name_of(found), "uid": uid_of(found), "controller": True}
        meta = {"generateName": f"00000-{DRIVER}-{node.name}-", "ownerReferences": [owner]}
        self.registry.create(self.registry.kinds.get(_SLICES), "", {"metadata": meta, "spec": slice_of(node)})


def slice_of(node: NodeSpec) -> Obj:
    """What the slice of a machine says."""
    return {
        "driver": DRIVER,
        "nodeName": node.name,
        "pool": {"name": node.name, "generation": 1, "resourceSliceCount": 1},
        "devices": [describe(device) for device in node.dra],
    }


def describe(device: Device) -> Obj:
    """A device as its slice has it."""
    return {
        "name": device.name,
        "attributes": {
            "uuid": {"string": device.uuid},
            "model": {"string": device.model},
            "index": {"int": device.index},
            "driverVersion": {"version": "1.0.0"},
        },
        "capacity": {"memory": {"value": "16Gi"}},
    }
