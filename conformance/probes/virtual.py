"""Virtual devices: where they are offered, and what a pod that holds one must not reach (KAR 0004)."""

import contextlib
from fractions import Fraction

from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.inventory import dra, sharing
from conformance.inventory.amounts import amount
from conformance.inventory.kinds import DRA
from conformance.inventory.vendor import VIRTUAL, Virtualization
from conformance.probes import reading
from conformance.probes.answers import Burned
from conformance.probes.bench import Bench
from conformance.probes.tenants import Tenant
from conformance.verdicts import Failure, Grade, NotApplicable, Unknown


class Virtual(Bench):
    """A bench for virtual devices of one kind, which may turn out not to be offered."""

    def must_be_offered(self, count: int = 1) -> None:
        """Choose a node with so many virtual devices.

        Raises ``Unknown`` where nobody knows whether there could be any, ``NotApplicable`` where there can be none, and
        ``Failure`` where there could be and none is offered.
        """
        rule = self.descriptor.virtualization
        if rule is None:
            raise Unknown(
                f"{self.kind.title}: its descriptor does not say whether it can be virtualized; add 'virtualization' to it",
                code="virtualization_not_known",
            )
        if not rule.can:
            raise NotApplicable(
                f"{self.kind.title} cannot be virtualized, says the descriptor {self.descriptor.id}",
                code="cannot_be_virtualized",
            )
        if self.kind.strategy != VIRTUAL:
            self._none_offered(rule)
        if all(node.devices < count for node in self.kind.nodes):
            told = ", ".join(f"{node.name}: {node.devices}" for node in self.kind.nodes)
            raise NotApplicable(
                f"{self.kind.title}: no node offers {count} virtual devices ({told})", code="one_virtual_device"
            )
        self.choose_node(count)

    def _none_offered(self, rule: Virtualization) -> None:
        if rule.device and (flaws := self._unusable_pools()):
            raise Unknown(f"virtual devices may be published where nobody can see them: {flaws}", code="not_seen")
        raise Failure(
            "no_virtual_device",
            observed=f"{self.kind.title} can be virtualized, and no virtual device is offered; looked for {rule}, "
            f"on every node that takes pods",
            expected="nodes offer virtual devices of an accelerator that can be virtualized",
        )

    def _unusable_pools(self) -> str:
        """What is wrong with pools of the vendor's drivers; empty where all can be read or the API is not served."""
        notes: list[str] = []
        for driver in self.descriptor.drivers:
            with contextlib.suppress(errors.NotFound):
                notes += dra.current_slices(self._slices(driver))[1]
        return "; ".join(notes)

    def _slices(self, driver: str) -> list[Object]:
        path = f"/apis/{self.group_version}/resourceslices"
        return self.sandbox.api.list(path, field_selector=f"spec.driver={driver}")

    def opens_one(self, tenant: Tenant) -> reading.Node:
        """The one device that a pod opened; ``Failure`` where it is the whole one behind its virtual one, or another."""
        node = self.opened_one(tenant)
        seen, allocated = reading.identity(node, self.descriptor), self.allocated(tenant)
        if seen is None or allocated is None or allocated == [seen]:
            return node
        raise Failure(
            "virtual_device_is_another",
            observed=f"pod {tenant.name} on {self.node} was given {', '.join(allocated)} and opened {seen}: "
            f"{(node.content or str(node))[:200]!r}",
            expected="it opens the virtual device that was allocated to it, and no whole device",
        )

    def must_be_smaller(self, tenant: Tenant, node: reading.Node, load: Burned | None) -> Grade:
        """``Failure`` where a pod sees as much memory as the whole device has; what is not told is said to be so.

        The grade is lower where nothing told the virtual device from a whole one: neither memory nor what was allocated.
        """
        rule, whole = self.descriptor.node_memory, self._whole_memory()
        told = amount(rule.of(node.content)) if rule else None
        seen = Fraction(load.memory) if load and load.memory is not None else told
        self.sandbox.evidence.step(
            "compared memory with the whole device's",
            expected=f"less than {_bytes(whole)}",
            observed=_bytes(seen),
            obj=f"Pod {tenant.name}",
        )
        if seen is not None and whole is not None and seen >= whole:
            raise Failure(
                "sees_whole_memory",
                observed=f"pod {tenant.name} on {self.node} sees {_bytes(seen)} through its virtual device",
                expected=f"less than the whole device has, which is {_bytes(whole)}",
            )
        told_apart = None not in (seen, whole) or self.allocated(tenant) is not None
        return Grade.CONTROLLED if told_apart else Grade.BEHAVIOURAL

    def _whole_memory(self) -> Fraction | None:
        """Memory of the smallest whole device of this model that DRA publishes for the node, in bytes; None: not told."""
        if self.kind.way != DRA:
            return None
        sizes = []
        for device in dra.devices(dra.current_slices(self._slices(self.kind.name))[0], [self._node]):
            same = device.node == self.node and sharing.model(device, self.descriptor) == self.kind.model
            if same and sharing.way(device, self.descriptor) == sharing.WHOLE:
                sizes += [size for text in sharing.memory(device, self.descriptor).values() if (size := amount(text))]
        return min(sizes, default=None)


def _bytes(size: Fraction | None) -> str:
    return "an amount that nobody tells" if size is None else f"{float(size) / (1 << 30):g} GiB"
