"""What a pod saw of the device behind its share, and which pods saw the same one: judged by number and by what the device says."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from conformance.inventory.descriptors import Descriptor
from conformance.inventory.vendor import Identity
from conformance.probes import reading
from conformance.probes.tenants import Tenant
from conformance.verdicts import Failure, Unverified


@dataclass(frozen=True)
class View:
    """One pod and the one device that it opened."""

    pod: str
    node: reading.Node
    identity: str | None
    """Which device it is, as read through it or from its path (descriptor); never from the environment."""
    parent: str | None
    """Device of which it says that it is a part."""
    memory: str | None
    """Memory that it says can be used."""
    by_library: bool = False
    """Whether the vendor's library told these and not the device node: parts of one device may have one node then."""

    def __str__(self) -> str:
        part = f", part of {self.parent}" if self.parent else ""
        return f"pod {self.pod}: {self.node}, identity {self.identity or 'not readable'}{part}"


def view(tenant: Tenant, descriptor: Descriptor) -> View:
    """The one device that a pod with one share opened.

    Raises ``Failure`` where it opened none, which is sharing asked for and not given, or more than one: a pod that is given
    every device shares them with everybody, and that is no sharing.
    """
    opened, reached = tenant.report.opened(descriptor), tenant.report.reached(descriptor)
    if not opened:
        present = tenant.report.present(descriptor)
        seen = ", ".join(map(str, present)) or "no device node"
        raise Failure(
            "device_unusable" if present else "device_not_injected",
            observed=f"pod {tenant.name} asked for one share and opened no device: {seen}",
            expected="it opens the device of which it has a share",
        )
    if len(reached) > 1:
        raise Failure(
            "foreign_device_opened",
            observed=f"pod {tenant.name} asked for one share and reached {len(reached)} devices: {', '.join(map(str, reached))}",
            expected="one share is one of one device",
        )
    node = opened[0]
    library = _by_library(tenant, node)
    if library is not None:
        return library
    parent, memory = _of(descriptor.node_parent, node), _of(descriptor.node_memory, node)
    return View(tenant.name, node, reading.identity(node, descriptor), parent, memory)


def _by_library(tenant: Tenant, node: reading.Node) -> View | None:
    """What the library that computed on the device says of it: an identity that no path can tell, such as that of a MIG device."""
    burn = tenant.report.burn
    if burn is None or burn.by == "read" or not burn.devices:
        return None
    if len(burn.devices) > 1:
        raise Failure(
            "foreign_device_opened",
            observed=f"pod {tenant.name} asked for one share and can compute on {len(burn.devices)} devices: {burn}",
            expected="one share is one of one device",
        )
    (device,) = burn.devices
    memory = None if device.memory is None else str(device.memory)
    return View(tenant.name, node, device.id, node.number, memory, by_library=True)


def _of(rule: Identity | None, node: reading.Node) -> str | None:
    if rule is None:
        return None
    return rule.of(node.content) if rule.source == "content" else rule.of(node.path)


def same(first: View, second: View) -> bool:
    """Whether two pods opened one device: one number, and one identity read through it.

    Parts of one device may have its number; where the library that computed on both names two, they are two. Raises ``Unverified`` where number and identity contradict each other, or where nothing says which device it is.
    """
    by_number, by_identity = first.node.number == second.node.number, first.identity == second.identity
    if None in (first.identity, second.identity):
        raise Unverified(f"a device does not say which one it is: {first}; {second}", code="no_identity")
    if by_number and not by_identity and first.by_library and second.by_library:
        return False
    if by_number != by_identity:
        raise Unverified(f"device number and identity contradict each other: {first}; {second}", code="no_identity")
    return by_number


def sharing_one(views: Sequence[View]) -> tuple[View, View] | None:
    """Two pods that opened one device, or None where each has one of its own."""
    return next(((a, b) for a, b in combinations(views, 2) if same(a, b)), None)


def all_different(views: Sequence[View]) -> None:
    """Raise ``Failure`` where two partitions are one device, ``Unverified`` where one does not say which it is."""
    for first, second in combinations(views, 2):
        if None in (first.identity, second.identity):
            raise Unverified(f"a device does not say which one it is: {first}; {second}", code="no_identity")
        if first.identity == second.identity and first.by_library:
            raise Unverified(f"the library names one device for two partitions: {first}; {second}", code="no_identity")
        if first.identity == second.identity or (first.node.number == second.node.number and not first.by_library):
            raise Failure(
                "partitions_are_one",
                observed=f"{first}; {second}",
                expected="two partitions are two devices, each with an identity of its own",
            )


def of_one_parent(views: Sequence[View]) -> tuple[View, View] | None:
    """Two pods whose partitions are parts of one device, or None; ``Unverified`` where a partition does not say it."""
    silent = [one for one in views if one.parent is None]
    if silent:
        raise Unverified(f"a partition does not say of which device it is one: {silent[0]}", code="no_parent")
    return next(((a, b) for a, b in combinations(views, 2) if a.parent == b.parent), None)
