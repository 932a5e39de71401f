"""The ground of the sharing checks: the units of one way of sharing on one node, or what it means that there are none."""

from collections.abc import Sequence
from typing import NoReturn

from conformance.cluster.api import Object
from conformance.inventory import device_plugin
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import Kind
from conformance.inventory.take import Inventory
from conformance.probes.bench import Bench, must_identify
from conformance.probes.names import RUN_LABEL
from conformance.probes.sandbox import Sandbox
from conformance.probes.sharing import configured, foreign, nobody
from conformance.verdicts import NotApplicable, Unknown

MOST_UNITS = 32
"""Units that one check takes at most: each is a pod, and a node has room for about a hundred."""


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
            raise NotApplicable(
                f"no unit on {self.inventory.nodes} nodes is a share of a device ({nobody.LOOKED}); "
                "whether one should be is judged by gpu_sharing/devices_are_shared"
            )

    def is_not(self, reason: str) -> NoReturn:
        """This way of sharing has not what a check is about."""
        raise NotApplicable(f"{self.kind.title}: {reason}")

    @property
    def bench(self) -> Bench:
        """The stage on the node of this variant. Raises ``Unknown`` where its devices cannot be told apart by opening them."""
        if self._bench is None:
            self._bench = Bench(self.sandbox, self.kind, self.descriptors, self.inventory.dra_version)
            must_identify(self._bench.descriptor)
        return self._bench

    def choose_node(self, count: int) -> str:
        """Take the node, which needs so many free units and must be ready. Raises ``Unknown`` with the counts."""
        return self.bench.choose_node(count)

    def nobody_else(self, meant: "foreign.Meant" = foreign.every) -> None:
        """Raise ``Unknown`` where others use devices of the node: no load is put beside them."""
        bench, run = self.bench, self.sandbox.labels[RUN_LABEL]
        foreign.none_hold(self.api, bench.descriptor, bench.group_version, bench.node, run, meant)
        self.evidence.step("looked for others on the devices", expected="none", observed="none", obj=f"Node {bench.node}")

    def node_object(self) -> Object:
        """The node of this variant, read afresh."""
        names = [share.name for share in self.kind.nodes]
        if not names:
            raise Unknown(f"{self.kind.title}: no node has any", code="too_few_free")
        return self.api.get(f"/api/v1/nodes/{names[0]}")

    def devices(self, node: Object) -> int | None:
        """Physical devices behind the node's units of a device plugin; None where no label tells it."""
        rule = configured.rule_of(self.kind, node, self.descriptors)
        return device_plugin.physical(self.kind.name, node, rule)

