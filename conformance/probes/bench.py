"""What holders and bystanders of a node opened, and what that means: the judgement of the isolation checks."""

from collections.abc import Iterable, Mapping, Sequence

from conformance.cluster.api import Object
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import Kind
from conformance.probes import claims, reading, starting
from conformance.probes.ask import DEVICES, PLAINLY, Ask, Holding
from conformance.probes.sandbox import Sandbox
from conformance.probes.stage import SIBLING, Stage
from conformance.probes.tenants import MAIN, Tenant
from conformance.verdicts import Failure, Unknown, Unverified

FILE_MODE = "EACCES"
"""What a file mode refuses with; the device cgroup says EPERM."""


class Bench(Stage):
    """A stage that remembers its witnesses: the pods that were seen with an accelerator in use, and its number."""

    def __init__(self, sandbox: Sandbox, kind: Kind, descriptors: Sequence[Descriptor], version: str | None) -> None:
        super().__init__(sandbox, kind, descriptors, version)
        self._witnesses: list[Tenant] = []
        self._witnessed: set[str] = set()

    def holder(self, name: str, *, ask: Ask = DEVICES, how: Holding = PLAINLY) -> Tenant:
        """Start a pod that holds one accelerator, as the witness that a control needs; ``Unverified`` where it cannot."""
        try:
            return self.hold(name, ask=ask, how=how)
        except Failure as error:
            raise Unverified(
                f"{error.observed}; without a device in use nothing is proven", code="no_witness"
            ) from error

    def witness(self, name: str, *, environment: Mapping[str, str] | None = None) -> Tenant:
        """The same as root where that is admitted: nodes of AMD, Intel and VFIO devices are of root and a group, as on the host."""
        return self.holder(name, how=Holding(ordinary=True, environment=environment or {}))

    def must_hold(self, name: str, *, ask: Ask = DEVICES) -> Tenant:
        """Start a pod that holds one accelerator and opens it; ``Failure`` where it does not get it or cannot open it.

        One that opens to read only is of no use, as work is given to a device by writing; a file mode does not count, which
        root does not heed.
        """
        tenant = self.hold(name, ask=ask, how=Holding(ordinary=True))
        opened = tenant.report.opened(self.descriptor)
        if any(node.unwritable in ("", FILE_MODE) for node in opened):
            return tenant
        if opened:
            raise Failure(
                "device_unusable",
                observed=f"pod {tenant.name} on {self.node} opened {', '.join(map(str, opened))}",
                expected="it opens the accelerator that it asked for to read and to write",
                hint="look at the permissions of the device in the CDI specification or the ContainerAllocateResponse",
            )
        raise Failure(
            "device_unusable" if tenant.report.present(self.descriptor) else "device_not_injected",
            observed=self._opened_none(tenant),
            expected="it opens the accelerator that it asked for",
        )

    def holder_with_sibling(self, name: str) -> Tenant:
        """Start a pod of two containers of which one holds an accelerator.

        Numbers are known only afterwards: where the sibling has nodes of the same kind and major number under other names,
        which it has not opened, the pod is started once more and opens them.
        """
        tenant = self.holder(name, how=Holding(sibling=True))
        numbers = family(self.opened_some(tenant))
        if not tenant.reports[SIBLING].untried(numbers):
            return tenant
        self._witnesses.clear()
        self.sandbox.delete_pod(tenant.pod)
        return self.holder(f"{name}-again", how=Holding(sibling=True, numbers=numbers))

    def allocated(self, tenant: Tenant) -> list[str] | None:
        """Identities that the cluster says the tenant holds; None where nobody says it or the descriptor cannot read it."""
        told = self._told(tenant)
        return None if told is None else [identity or text for identity, text in told]

    def identified(self, tenant: Tenant) -> list[str] | None:
        """The same, and None as well where the descriptor cannot read one of them, as it may be with parts of devices."""
        told = self._told(tenant)
        known = [identity for identity, _ in told or () if identity is not None]
        return known if told and len(known) == len(told) else None

    def _told(self, tenant: Tenant) -> list[tuple[str | None, str]] | None:
        """What the tenant holds: its identity, where the descriptor can read it, and in the cluster's own words."""
        if tenant.claim is not None:
            return self._told_by_claim(tenant.claim)
        ids = starting.allocated_ids(tenant.pod, MAIN, self.kind.name)
        rule = self.descriptor.plugin_identity
        return None if ids is None or rule is None else [(rule.of(text), text) for text in ids]

    def _told_by_claim(self, claim: Object) -> list[tuple[str | None, str]] | None:
        rule = self.descriptor.device_identity
        if rule is None:
            return None
        found = []
        for key in claims.allocated(claim):
            text: object = key[2]
            if rule.source == "attribute":
                text = claims.device_attributes(self.sandbox.api, self.version, key).get(rule.attribute)
            found.append((rule.of(text), "/".join(key)))
        return found

    def _opened_none(self, tenant: Tenant) -> str:
        present = ", ".join(map(str, tenant.report.present(self.descriptor))) or "no device node"
        return f"pod {tenant.name} on {self.node} asked for an accelerator and opened none: {present}"

    def opened_some(self, tenant: Tenant) -> list[reading.Node]:
        """The devices that a holder opened; ``Unverified`` where it opened none, because then no control proves anything."""
        opened = tenant.report.opened(self.descriptor)
        if not opened:
            raise Unverified(
                f"{self._opened_none(tenant)}; without a device in use nothing is proven", code="no_witness"
            )
        self._witnesses.append(tenant)
        self._witnessed |= {node.number for node in opened}
        return opened

    def opened_one(self, tenant: Tenant) -> reading.Node:
        """The one device that a holder opened; ``Failure`` where it reached more than one."""
        opened, reached = self.opened_some(tenant), tenant.report.reached(self.descriptor)
        beside = tenant.report.beside(self.descriptor)
        if len(reached) > 1 or len(beside) > 1:
            seen = ", ".join(map(str, reached if len(reached) > 1 else beside))
            raise Failure(
                "foreign_device_opened",
                observed=f"pod {tenant.name} on {self.node} reached more than one: {seen}",
                expected="it opens exactly the one accelerator that it asked for",
            )
        return opened[0]

    def opened_none(self, tenant: Tenant, code: str, *, container: str = MAIN) -> None:
        """Raise ``Failure`` with this code where a container that holds nothing reached an accelerator.

        One that only another process kept from being opened is reached. What a witness of this bench opened is an accelerator
        under whatever name. ``Unverified`` where only a file mode stood in the way, which root does not heed, or where a
        witness no longer runs.
        """
        report = tenant.reports[container]
        mine = {n.number: n for n in report.nodes if n.reached and n.number in self._witnessed}
        theirs = (*report.reached(self.descriptor), *report.beside(self.descriptor), *mine.values())
        opened = list({n.number: n for n in theirs}.values())
        self.sandbox.evidence.step(
            f"counted what container {container} opened",
            expected="no accelerator: it asks for none",
            observed=", ".join(map(str, opened)) or "none",
            obj=f"Pod {tenant.name}",
        )
        where = f"container {container} of pod {tenant.name} on {self.node}"
        if opened:
            seen = f"{where} reached {', '.join(map(str, opened))}"
            raise Failure(code, observed=seen, expected="a container that asks for no accelerator opens none")
        by_mode = [n for n in report.present(self.descriptor) if n.refusal == FILE_MODE]
        if by_mode:
            seen = (
                f"{where} has {', '.join(map(str, by_mode))}; only the file mode refuses it, which root does not heed"
            )
            raise Unverified(seen, code="refused_by_file_mode")
        self.still_run()

    def still_run(self) -> None:
        """Read every witness again; ``Unverified`` where one no longer runs, because then nothing happened at the same time."""
        for witness in self._witnesses:
            collection = self.sandbox.path("pods", namespace=witness.pod["metadata"]["namespace"])
            starting.must_still_run(self.sandbox.api, collection, witness.pod, "beside the control")

    def different(self, first: Tenant, second: Tenant) -> None:
        """Raise ``Failure`` where two holders share a device by number, by identity or by what was allocated to them."""
        opened = [self.opened_some(tenant) for tenant in (first, second)]
        self.still_run()
        numbers = [{n.number for n in tenant.report.reached(self.descriptor)} for tenant in (first, second)]
        names = [{reading.identity(node, self.descriptor) for node in nodes} for nodes in opened]
        allocated = [set(self.allocated(tenant) or ()) for tenant in (first, second)]
        self.sandbox.evidence.step(
            "compared what the two pods opened at the same time",
            expected="no device in both",
            observed=" and ".join(", ".join(map(str, nodes)) for nodes in opened),
            obj=f"Pods {first.name} and {second.name}",
            allocated=[sorted(names) for names in allocated],
        )
        shared = (names[0] & names[1] - {None}) or (numbers[0] & numbers[1]) or (allocated[0] & allocated[1])
        if shared:
            raise self.one_for_two(shared)
        if None in names[0] | names[1]:
            seen = " and ".join(", ".join(map(str, nodes)) for nodes in opened)
            raise Unverified(f"the pods opened {seen}, and not all say which device they are", code="no_identity")

    def one_for_two(self, shared: Iterable[object]) -> Failure | Unknown:
        """That two holders have one device: a fault, but where nobody tells that units are not shares, which may be so meant."""
        observed = f"both pods on {self.node} have {', '.join(sorted(map(str, shared)))}"
        if self.kind.untold and not self.kind.strategy:
            told = f"no label tells whether units of {self.kind.title} are whole devices or shares of them"
            return Unknown(f"{observed}, and {told}", code="sharing_not_told")
        return Failure("device_shared", observed=observed, expected="each of the two pods has a device of its own")


def family(opened: Sequence[reading.Node]) -> list[str]:
    """Kind and major number of devices, for a probe that looks for them under any name."""
    return sorted({f"{node.kind}:{node.major}" for node in opened})


def must_identify(descriptor: Descriptor) -> None:
    """Raise ``Unknown`` where no probe can open this accelerator and say which one it is."""
    if not descriptor.can_identify:
        raise Unknown(f"{descriptor.title}: there is no device node that a probe could open", code="no_device_node")
