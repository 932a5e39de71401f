"""The ground of the sharing checks: the units of one way of sharing on one node, or what it means that there are none."""

from collections.abc import Sequence
from typing import NoReturn

from conformance.cluster.api import Object
from conformance.inventory import device_plugin, dra, fresh
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import Kind
from conformance.inventory.take import Inventory
from conformance.inventory.vendor import SHARED_CLAIM
from conformance.probes.bench import Bench, must_identify
from conformance.probes.names import RUN_LABEL
from conformance.probes.sandbox import Sandbox
from conformance.probes.sharing import configured, foreign, nobody
from conformance.probes.sharing.crew import Crew
from conformance.verdicts import NotApplicable, Unknown

MOST_UNITS = 32
"""Units that one check takes at most: each is a pod, and a node has room for about a hundred."""
SPARE_PODS = 3
"""Pods beside those that take the units."""


class Shares:
    """Units that are shares of devices, on the node of this variant."""

    def __init__(
        self, sandbox: Sandbox, share: Kind | None, descriptors: Sequence[Descriptor], inventory: Inventory
    ) -> None:
        self.sandbox, self.evidence, self.api = sandbox, sandbox.evidence, sandbox.api
        self.descriptors, self.inventory = descriptors, inventory
        self._share = share
        self._bench: Bench | None = None

    @property
    def kind(self) -> Kind:
        """The units; only where there are some."""
        if self._share is None:
            self.nobody_shares()
        return self._share

    @property
    def strategy(self) -> str:
        """Way of sharing."""
        return self.kind.strategy

    def nobody_shares(self) -> NoReturn:
        """Judge that there are none: failed, not applicable or unknown."""
        nobody.shares(self.inventory, self.descriptors)

    def must_exist(self) -> None:
        """Raise ``NotApplicable`` where nobody shares, which another check judges, and ``Unknown`` where that cannot be seen."""
        if self._share is None:
            nobody.must_see(self.inventory)
            nobody.must_be_told(self.inventory)
            raise NotApplicable(
                f"no unit on {self.inventory.nodes} nodes is a share of a device ({nobody.LOOKED}); "
                "whether one should be is judged by gpu_sharing/devices_are_shared"
            )

    def is_not(self, reason: str) -> NoReturn:
        """This way of sharing has not what a check is about."""
        raise NotApplicable(f"{self.kind.title}: {reason}")

    @property
    def bench(self) -> Bench:
        """The stage on the node of this variant. Raises ``Unknown`` for a kind that no descriptor knows."""
        if self._bench is None:
            self._bench = Bench(self.sandbox, self.kind, self.descriptors, self.inventory.dra_version)
        return self._bench

    def crew(self, wanted: int, *, meant: foreign.Meant = foreign.every, load: bool = True) -> Crew:
        """Pods for so many units of the node.

        Raises ``Unknown`` where that are too many for one check and where the node has not as many free; where a load is to be
        put on its devices, also where no probe can tell them apart by opening them, and where others use them. A whole device
        that a claim holds is nobody else's, whatever the node's others are.
        """
        if wanted > MOST_UNITS:
            raise Unknown(
                f"{self.kind.title}: {wanted} pods at once are more than a check may start ({MOST_UNITS})",
                code="too_many_units",
            )
        if load:
            must_identify(self.bench.descriptor)
        if load and self.strategy != SHARED_CLAIM:
            self._nobody_else(meant)
        self.sandbox.make_room((wanted if load else MOST_UNITS) + SPARE_PODS)
        self.bench.choose_node(wanted)
        return Crew(self.bench)

    def _nobody_else(self, meant: foreign.Meant) -> None:
        """Raise ``Unknown`` where others use devices of the node: no load is put beside them."""
        bench, run, node = self.bench, self.sandbox.labels[RUN_LABEL], self.node
        foreign.none_hold(self.api, bench.descriptor, bench.group_version, node, run, meant)
        self.evidence.step("looked for others on the devices", expected="none", observed="none", obj=f"Node {node}")

    @property
    def node(self) -> str:
        """Name of the node of this variant."""
        names = [share.name for share in self.kind.nodes]
        if not names:
            raise Unknown(f"{self.kind.title}: no node has any", code="too_few_free")
        return names[0]

    def node_object(self) -> Object:
        """The node of this variant, read afresh."""
        return self.api.get(f"/api/v1/nodes/{self.node}")

    def units(self, node: Object) -> int:
        """Units of a device plugin that the node offers."""
        return device_plugin.resources(node).get(self.kind.name, (0, 0))[1]

    def devices(self, node: Object) -> int | None:
        """Physical devices behind the node's units of a device plugin; None where no label tells it."""
        rule = configured.rule_of(self.kind, node, self.descriptors)
        return device_plugin.physical(self.kind.name, node, rule)

    def published(self) -> tuple[list[Object], list[dra.Device]]:
        """Slices of the driver, and the devices among them that are this kind's on the node of this variant, without a taint."""
        path = f"/apis/{self.bench.group_version}/resourceslices"
        slices, _ = dra.current_slices(self.api.list(path, field_selector=f"spec.driver={self.kind.name}"))
        found = dra.devices(slices, [self.node_object()])
        here = (device for device in found if device.node == self.node and not device.tainted)
        own = [device for device in here if fresh.is_of(self.kind, device, self.bench.descriptor)]
        if not own:
            raise Unknown(
                f"{self.kind.title}: no device is published for {self.node} any more", code="no_device_published"
            )
        return slices, own
