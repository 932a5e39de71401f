"""One node with accelerators of one kind: pods that hold one, and pods beside them that must not reach any."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.inventory import nodes as node_facts
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import DRA, Kind
from conformance.probes import claims, placing, pods, reading, starting, tenants
from conformance.probes.sandbox import Sandbox
from conformance.probes.tenants import MAIN, Tenant
from conformance.verdicts import Failure, Unknown, Unverified

HOLD_SECONDS = 300
RUNTIME_CLASSES = 5
"""RuntimeClasses that are tried at most."""
CLAIM = "accelerator"
SIBLING = "sibling"


class Bench:
    """The pods of one check on one node. Raises ``Unknown`` when made for a kind that no probe can judge."""

    def __init__(self, sandbox: Sandbox, kind: Kind, descriptors: Sequence[Descriptor], version: str | None) -> None:
        self.sandbox, self.kind, self.version = sandbox, kind, version or "v1"
        self._all = descriptors
        self.descriptor = described(kind, descriptors)
        self._node: Object = {}

    def choose_node(self, count: int) -> str:
        """Take the node with most devices free at this moment; ``Unknown`` with the counts where none has ``count``."""
        self._node = placing.choose(self.sandbox, self.kind, self.descriptor, self.group_version, count)
        return self.node

    @property
    def node(self) -> str:
        """Name of the chosen node."""
        return str(self._node["metadata"]["name"])

    def visibility(self) -> dict[str, str]:
        """Every vendor's environment variables that could open devices round the allocation."""
        return {name: value for d in self._all for name, value in d.visibility.items()}

    def holder(
        self,
        name: str,
        *,
        sibling: bool = False,
        numbers: Sequence[str] = (),
        make: Sequence[str] = (),
        root: bool = False,
    ) -> Tenant:
        """Start a pod that holds one accelerator, as the witness that a control needs; ``Unverified`` where it cannot.

        ``sibling`` adds a container of the pod that asks for none; it opens the given numbers under any name. ``make`` are
        numbers of which the pod makes nodes by hand, as ``root``.
        """
        try:
            return self._hold(name, sibling=sibling, numbers=numbers, make=make, root=root)
        except Failure as error:
            raise Unverified(
                f"{error.observed}; without a device in use nothing is proven", code="no_witness"
            ) from error

    def must_hold(self, name: str) -> Tenant:
        """Start a pod that holds one accelerator and opens it; ``Failure`` where it does not get it or cannot open it."""
        tenant = self._hold(name)
        if tenant.report.opened(self.descriptor):
            return tenant
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
        tenant = self.holder(name, sibling=True)
        numbers = family(self.opened_some(tenant))
        if not tenant.reports[SIBLING].untried(numbers):
            return tenant
        self.sandbox.delete_pod(tenant.pod)
        return self.holder(f"{name}-again", sibling=True, numbers=numbers)

    def _hold(
        self,
        name: str,
        *,
        sibling: bool = False,
        numbers: Sequence[str] = (),
        make: Sequence[str] = (),
        root: bool = False,
    ) -> Tenant:
        namespace = self.sandbox.namespace("baseline" if root else "restricted")
        claim = self._claim(name, namespace) if self.kind.way == DRA else None
        main = pods.Container(
            name=MAIN,
            arguments=self._arguments(make=make, make_own=root),
            claims=[CLAIM] if claim else [],
            resources={} if claim else {self.kind.name: 1},
        )
        containers = [main]
        if sibling:
            containers.append(pods.Container(name=SIBLING, arguments=self._arguments(numbers=numbers)))
        pod_claims = [{"name": CLAIM, "resourceClaimName": claim["metadata"]["name"]}] if claim else []
        runtime_class = self.sandbox.settings.runtime_class or self.descriptor.runtime_class
        plan = self.plan(name, containers, claims=pod_claims, root=root, runtime_class=runtime_class)
        tenant = tenants.start(self.sandbox, plan, self.descriptor, holds_device=True)
        if claim is None:
            return tenant
        collection = self.sandbox.path("resourceclaims", namespace=namespace, group_version=self.group_version)
        return replace(tenant, claim=self.sandbox.api.get(f"{collection}/{claim['metadata']['name']}"))

    def bystander(
        self,
        name: str,
        *,
        numbers: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        runtime_class: str | None = None,
    ) -> Tenant:
        """Start a pod on the same node that asks for no accelerator; it also opens the given numbers under any name."""
        main = pods.Container(name=MAIN, arguments=self._arguments(numbers=numbers), environment=environment or {})
        plan = self.plan(name, [main], runtime_class=runtime_class)
        return tenants.start(self.sandbox, plan, self.descriptor, holds_device=False)

    def try_runtime_class(self, name: str, runtime_class: str, *, numbers: Sequence[str]) -> Tenant | None:
        """A bystander with every vendor's variables under this RuntimeClass, or None where no such pod runs on the node."""
        try:
            return self.bystander(name, numbers=numbers, environment=self.visibility(), runtime_class=runtime_class)
        except (Unknown, Unverified) as error:
            self.sandbox.evidence.step(f"tried RuntimeClass {runtime_class}", observed=f"not to be used here: {error}")
            return None

    def runtime_classes(self) -> list[str]:
        """Names of the cluster's RuntimeClasses, at most ``RUNTIME_CLASSES``; none where they must not be listed."""
        try:
            found = self.sandbox.api.list("/apis/node.k8s.io/v1/runtimeclasses")
        except (errors.Forbidden, errors.NotFound) as error:
            self.sandbox.evidence.step("listed RuntimeClasses", observed=f"only the default is tried: {error}")
            return []
        return sorted(str(item["metadata"]["name"]) for item in found)[:RUNTIME_CLASSES]

    def plan(
        self,
        name: str,
        containers: Sequence[pods.Container],
        *,
        claims: Sequence[Object] = (),
        root: bool = False,
        runtime_class: str | None = None,
    ) -> pods.PodPlan:
        """Plan of a pod that is bound to the chosen node and tolerates its taints."""
        return pods.PodPlan(
            name=name,
            containers=containers,
            node=self.node,
            tolerations=node_facts.tolerations(self._node),
            claims=claims,
            runtime_class=runtime_class,
            groups=self.descriptor.supplemental_groups,
            root=root,
        )

    @property
    def group_version(self) -> str:
        """``resource.k8s.io/v1`` or what else is served."""
        return f"{claims.GROUP}/{self.version}"

    def claim_spec(self, count: int = 1, *extra: str) -> Object:
        """Claim spec for whole devices of this kind; ``extra`` are further CEL selectors."""
        chosen = (*claims.selectors(self.kind, self.descriptor), *extra)
        return claims.spec(self.version, str(self.kind.device_class), count=count, selectors=chosen)

    def _claim(self, name: str, namespace: str) -> Object:
        body = claims.claim(self.version, self.sandbox.name(name), self.claim_spec())
        return self.sandbox.create("resourceclaims", body, namespace=namespace, group_version=self.group_version)

    def _arguments(self, *, numbers: Sequence[str] = (), make: Sequence[str] = (), make_own: bool = False) -> list[str]:
        words = ["devices", "--hold", str(HOLD_SECONDS), *(["--make-own"] if make_own else [])]
        for option, values in (("--match", self.descriptor.accelerator_nodes), ("--number", numbers), ("--make", make)):
            for value in values:
                words += [option, value]
        return words

    def allocated(self, tenant: Tenant) -> list[str] | None:
        """Identities that the cluster says the tenant holds; None where nobody says it or the descriptor cannot read it."""
        if tenant.claim is not None:
            return self._allocated_by_claim(tenant.claim)
        ids = starting.allocated_ids(tenant.pod, MAIN, self.kind.name)
        rule = self.descriptor.plugin_identity
        return None if ids is None or rule is None else [rule.of(text) or text for text in ids]

    def _allocated_by_claim(self, claim: Object) -> list[str] | None:
        rule = self.descriptor.device_identity
        if rule is None:
            return None
        found = []
        for key in claims.allocated(claim):
            text: object = key[2]
            if rule.source == "attribute":
                text = claims.device_attributes(self.sandbox.api, self.version, key).get(rule.attribute)
            found.append(rule.of(text) or "/".join(key))
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
        return opened

    def opened_one(self, tenant: Tenant) -> reading.Node:
        """The one device that a holder opened; ``Failure`` where it opened more than one."""
        opened = self.opened_some(tenant)
        if len(opened) > 1:
            raise Failure(
                "foreign_device_opened",
                observed=f"pod {tenant.name} on {self.node} opened {len(opened)}: {', '.join(map(str, opened))}",
                expected="it opens exactly the one accelerator that it asked for",
            )
        return opened[0]

    def opened_none(self, tenant: Tenant, code: str, *, container: str = MAIN) -> None:
        """Raise ``Failure`` with this code where a container that holds nothing opened an accelerator."""
        opened = tenant.reports[container].opened(self.descriptor)
        self.sandbox.evidence.step(
            f"counted what container {container} opened",
            expected="no accelerator: it asks for none",
            observed=", ".join(map(str, opened)) or "none",
            obj=f"Pod {tenant.name}",
        )
        if opened:
            seen = f"container {container} of pod {tenant.name} on {self.node} opened {', '.join(map(str, opened))}"
            raise Failure(code, observed=seen, expected="a container that asks for no accelerator opens none")


def family(opened: Sequence[reading.Node]) -> list[str]:
    """Kind and major number of devices, for a probe that looks for them under any name."""
    return sorted({f"{node.kind}:{node.major}" for node in opened})


def described(kind: Kind, descriptors: Sequence[Descriptor]) -> Descriptor:
    """The descriptor of a kind. Raises ``Unknown`` with what is missing where the kind cannot be probed."""
    if kind.note:
        raise Unknown(f"{kind.title}: {kind.note}", code="no_device_published")
    found = next((d for d in descriptors if d.id == kind.descriptor), None)
    if found is None:
        raise Unknown(f"{kind.title}: no descriptor knows it; add one with --descriptor", code="no_descriptor")
    if kind.way == DRA and kind.device_class is None:
        raise Unknown(
            f"{kind.title}: none of the DeviceClasses {', '.join(found.device_classes)} exists", code="no_class"
        )
    return found


def must_identify(descriptor: Descriptor) -> None:
    """Raise ``Unknown`` where no probe can open this accelerator and say which one it is."""
    if not descriptor.can_identify:
        raise Unknown(f"{descriptor.title}: there is no device node that a probe could open", code="no_device_node")
