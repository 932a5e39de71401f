"""One node with accelerators of one kind, and the starting of pods on it: holders, siblings, bystanders."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.inventory import fresh
from conformance.inventory import nodes as node_facts
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import DRA, Kind
from conformance.probes import claims, names, placing, pods, runtimes, starting, tenants
from conformance.probes.ask import DEVICES, PLAINLY, Ask, Holding
from conformance.probes.sandbox import Sandbox
from conformance.probes.tenants import MAIN, Tenant
from conformance.verdicts import Unknown, Unverified

HOLD_SECONDS = 300
CLASS_SECONDS = 60.0
"""Limit for a pod to start under a RuntimeClass that may not run there: its image is on the node by then."""
FIRST = "0"
"""What the variables of every vendor call the first device of a node."""
CANNOT_RUN = {"admission_denied", "pod_not_started", "pod_refused"}
"""Codes that say that a pod does not run with a RuntimeClass, and nothing else."""
T = TypeVar("T")
CLAIM = "accelerator"
SIBLING = "sibling"


class Stage:
    """The node and the pods of one check. Raises ``Unknown`` when made for a kind that no probe can judge."""

    def __init__(self, sandbox: Sandbox, kind: Kind, descriptors: Sequence[Descriptor], version: str | None) -> None:
        self.sandbox, self.kind, self.version = sandbox, kind, version or "v1"
        self._all = descriptors
        self.descriptor = described(kind, descriptors)
        self._node: Object = {}
        self._root_pods = True
        self._claims: dict[tuple[str, str, int], Object] = {}
        """Claims by namespace, name and devices."""

    def choose_unit(self) -> int:
        """Take a node on which the least that a pod may ask for is free, and say how many devices that is.

        That is one, but every device of the node where a pod gets all of them or none: then the largest node is taken.
        """
        units = max((node.devices for node in self.kind.nodes), default=1)
        if not self.descriptor.whole_node or units == 1:
            self.choose_node(1)
            return 1
        self._node = placing.choose(self.sandbox, self.kind, self.descriptor, self.group_version, units)
        return units

    def choose_node(self, count: int) -> str:
        """Take the node with most devices free at this moment; ``Unknown`` with the counts where none has ``count``.

        ``Unknown`` as well where a pod gets all devices of a node or none, and the node has several: no pod holds one.
        """
        self._node = placing.choose(self.sandbox, self.kind, self.descriptor, self.group_version, count)
        units = next((node.devices for node in self.kind.nodes if node.name == self.node), 0)
        if self.descriptor.whole_node and units > 1:
            raise Unknown(
                f"{self.kind.title}: a pod must ask for all {units} devices of {self.node}, so none can hold a single one",
                code="whole_node_only",
            )
        return self.node

    def use_node(self, name: str) -> None:
        """Take this node."""
        self._node = self.sandbox.api.get(f"/api/v1/nodes/{name}")

    @property
    def node(self) -> str:
        """Name of the chosen node."""
        return str(self._node["metadata"]["name"])

    @property
    def labels(self) -> Mapping[str, str]:
        """Labels of the chosen node, as they were when it was chosen."""
        return node_facts.labels(self._node)

    def visibility(self) -> dict[str, str]:
        """Every vendor's environment variables that could open devices round the allocation."""
        return {name: value for d in self._all for name, value in d.visibility.items()}

    def hold(self, name: str, *, ask: Ask = DEVICES, how: Holding = PLAINLY) -> Tenant:
        """Start a pod that asks for one accelerator and does what is asked; ``Failure`` where it is not given to it."""
        if how.sibling or how.ordinary:
            return self.ordinarily(lambda as_root: self._hold_one(name, ask, replace(how, ordinary=as_root)))
        return self._hold_one(name, ask, how)

    def _hold_one(self, name: str, ask: Ask, how: Holding) -> Tenant:
        namespace = self.sandbox.namespace("baseline" if how.root or how.ordinary else "restricted")
        claim = self.claim(name, namespace) if self.kind.way == DRA else None
        main = pods.Container(
            name=MAIN,
            arguments=self._arguments(ask, make=how.make, make_own=how.root),
            claims=[CLAIM] if claim else [],
            resources={} if claim else {self.kind.name: 1},
            environment=how.environment,
            memory=ask.memory,
            busy_seconds=ask.busy_seconds,
        )
        containers = [main]
        if how.sibling:
            containers.append(pods.Container(name=SIBLING, arguments=self._arguments(numbers=how.numbers)))
        pod_claims = [{"name": CLAIM, "resourceClaimName": claim["metadata"]["name"]}] if claim else []
        runtime_class = self.sandbox.settings.runtime_class or self.descriptor.runtime_class
        plan = self.plan(
            name,
            containers,
            claims=pod_claims,
            root=how.root,
            ordinary=how.ordinary,
            runtime_class=runtime_class,
        )
        plan = replace(plan, nvml=ask.command == "nvml")
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

        def start(ordinary: bool) -> Tenant:
            plan = self.plan(name, [main], ordinary=ordinary, runtime_class=runtime_class)
            limit = CLASS_SECONDS if runtime_class else starting.START_SECONDS
            return tenants.start(self.sandbox, plan, self.descriptor, holds_device=False, limit=limit)

        return self.ordinarily(start)

    def ordinarily(self, start: Callable[[bool], T]) -> T:
        """Start a pod as root, as most containers run, so that neither file modes nor closed folders hide a device.

        Where no pod is admitted as root, nobody has more than a restricted one, and that is what is tried.
        """
        if self._root_pods:
            try:
                return start(True)
            except (errors.Forbidden, Unknown) as error:
                if isinstance(error, Unknown) and error.code != "admission_denied":
                    raise
                self._root_pods = False
                seen = f"not admitted, a restricted one is tried instead: {error}"
                self.sandbox.evidence.step("tried a pod as root", observed=seen)
        return start(False)

    def try_runtime_class(self, name: str, runtime_class: str, *, numbers: Sequence[str]) -> Tenant | None:
        """A bystander with every vendor's variables under this RuntimeClass, or None where no such pod runs on the node."""
        return self._try(f"RuntimeClass {runtime_class}", name, numbers, self.visibility(), runtime_class)

    def try_numbered(self, name: str, *, numbers: Sequence[str]) -> Tenant | None:
        """A bystander whose variables name the first device and not all, or None where no such pod runs on the node."""
        first = dict.fromkeys(self.visibility(), FIRST)
        return self._try(f"variables with the value {FIRST}", name, numbers, first)

    def _try(
        self,
        what: str,
        name: str,
        numbers: Sequence[str],
        environment: Mapping[str, str],
        runtime_class: str | None = None,
    ) -> Tenant | None:
        try:
            return self.bystander(name, numbers=numbers, environment=environment, runtime_class=runtime_class)
        except (Unknown, Unverified) as error:
            if error.code not in CANNOT_RUN:
                raise
            self.sandbox.evidence.step(f"tried {what}", observed=f"not to be used here: {error}")
            return None

    def runtime_classes(self) -> tuple[list[str], bool]:
        """RuntimeClasses of the chosen node that are tried, and whether those are all; none where they must not be listed."""
        try:
            found = self.sandbox.api.list("/apis/node.k8s.io/v1/runtimeclasses")
        except (errors.Forbidden, errors.NotFound) as error:
            self.sandbox.evidence.step("listed RuntimeClasses", observed=f"only the default is tried: {error}")
            return [], isinstance(error, errors.NotFound)
        tried, left = runtimes.to_try(found, self.labels, runtimes.vendors(self.visibility()))
        told = f"{', '.join(tried) or 'none'}{'; too many to be tried: ' + ', '.join(left) if left else ''}"
        self.sandbox.evidence.step("listed RuntimeClasses", observed=told, obj=f"Node {self.node}")
        return tried, not left

    def plan(
        self,
        name: str,
        containers: Sequence[pods.Container],
        *,
        claims: Sequence[Object] = (),
        root: bool = False,
        ordinary: bool = False,
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
            ordinary=ordinary,
        )

    @property
    def group_version(self) -> str:
        """``resource.k8s.io/v1`` or what else is served."""
        return f"{claims.GROUP}/{self.version}"

    def claim_spec(self, count: int = 1, *extra: str) -> Object:
        """Claim spec for units of this kind, whole devices or shares; ``extra`` are further CEL selectors."""
        chosen = (*claims.selectors(self.kind, self.descriptor), *extra)
        unit = claims.unit(self.kind)
        return claims.spec(self.version, str(self.kind.device_class), count=count, selectors=chosen, capacity=unit)

    def claim(self, name: str, namespace: str, count: int = 1) -> Object:
        """Create a claim for units of this kind; that of a pod which was refused is there already and is used."""
        key = (namespace, name, count)
        if key not in self._claims:
            body = claims.claim(self.version, self.sandbox.name(name), self.claim_spec(count))
            version = self.group_version
            self._claims[key] = self.sandbox.create("resourceclaims", body, namespace=namespace, group_version=version)
        return self._claims[key]

    def arguments(self, ask: Ask) -> list[str]:
        """Words for the probe program of a pod that does what is asked and stays."""
        return self._arguments(ask)

    def free(self) -> int | None:
        """Units of the kind that are free on the chosen node at this moment; None where claims or pods must not be listed."""
        node = self.sandbox.api.get(f"/api/v1/nodes/{self.node}")
        return fresh.free_on(self.sandbox.api, self.kind, self.descriptor, self.group_version, node)

    def left_by_others(self) -> int | None:
        """The same, but for what this check itself holds: it changes only where others come or go."""
        node, own = self.sandbox.api.get(f"/api/v1/nodes/{self.node}"), self.sandbox.own
        what = self.kind, self.descriptor, self.group_version
        found = fresh.free_by_node(self.sandbox.api, *what, [node], own=lambda holder: names.is_of(holder, own))
        return None if found is None else found[self.node]

    def _arguments(
        self, ask: Ask = DEVICES, *, numbers: Sequence[str] = (), make: Sequence[str] = (), make_own: bool = False
    ) -> list[str]:
        words = [ask.command, "--hold", str(HOLD_SECONDS), *ask.arguments(), *(["--make-own"] if make_own else [])]
        for option, values in (("--match", self.descriptor.accelerator_nodes), ("--number", numbers), ("--make", make)):
            for value in values:
                words += [option, value]
        return words


def described(kind: Kind, descriptors: Sequence[Descriptor]) -> Descriptor:
    """The descriptor of a kind. Raises ``Unknown`` with what is missing where the kind cannot be probed."""
    if kind.note:
        raise Unknown(f"{kind.title}: {kind.note}", code="no_device_published")
    found = next((d for d in descriptors if d.id == kind.descriptor), None)
    if found is None:
        raise Unknown(f"{kind.title}: no descriptor knows it; add one with --descriptor", code="no_descriptor")
    if kind.way == DRA and kind.device_class is None:
        wanted = found.classes_for(kind.strategy)
        raise Unknown(f"{kind.title}: none of the DeviceClasses {', '.join(wanted)} exists", code="no_class")
    return found


def singly(kind: Kind, descriptors: Sequence[Descriptor]) -> Descriptor:
    """As ``described``, for many pods with one device each: ``Unknown`` where a pod gets all of a node's several or none."""
    found = described(kind, descriptors)
    if found.whole_node and any(node.devices > 1 for node in kind.nodes):
        why = "a pod must ask for every device of its node, so none can hold a single one"
        raise Unknown(f"{kind.title}: {why}", code="whole_node_only")
    return found
