"""Faults of what the platform tells of its devices, of one node's runtime, and of virtual devices: each breaks one thing."""

from collections.abc import Iterator
from contextlib import contextmanager

from conformance import simulator
from tests.simulator.test_shares import VIRTUAL, Shares, amount, seen


@contextmanager
def planted(fault: str) -> Iterator[Shares]:
    """The conformant world with a fault."""
    with simulator.start("conformant", faults=[fault]) as running:
        yield Shares(running)
        assert running.crashes == []


def test_labels_and_attributes_tell_another_version_than_the_device() -> None:
    with planted("advertised_version_differs") as world:
        assert world.node()["metadata"]["labels"]["sim.dev/driver-version"] == "2.0.0"
        slices = [one["spec"] for one in world.client.get("/apis/resource.k8s.io/v1/resourceslices")["items"]]
        told = {d["attributes"]["driverVersion"]["version"] for spec in slices for d in spec["devices"]}
        assert told == {"2.0.0"}
        (device,) = seen(world.hold("p", "sim.dev/accel"))
        assert device["driver"] == "1.0.0"


def test_one_node_injects_no_device_and_the_other_does() -> None:
    with planted("device_not_injected_on_one_node") as world:
        assert seen(world.hold("p", "sim.dev/accel", node="node-b")) == []
        assert len(seen(world.hold("q", "sim.dev/accel"))) == 1


def test_a_new_node_takes_a_pod_and_gives_it_no_device() -> None:
    with planted("autoscaler_adds_silent_node") as world:
        answers = [world.hold(f"p{n}", "sim.dev/accel", node="") for n in range(5)]
        assert [len(seen(answer)) for answer in answers] == [1, 1, 1, 1, 0]


def test_virtual_device_is_the_one_behind_it() -> None:
    with planted("virtual_device_is_whole") as world:
        (device,) = seen(world.hold("p", VIRTUAL, node="node-b"))
        assert (device["uuid"], device["memory"]) == ("SIM-0008", "16Gi")


def test_virtual_devices_are_not_registered_and_whole_ones_are() -> None:
    with planted("no_virtual_device") as world:
        assert (amount(world.node("node-b"), VIRTUAL), amount(world.node("node-b"), "sim.dev/accel")) == ("None", "2")
