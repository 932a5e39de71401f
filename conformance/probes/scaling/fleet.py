"""The nodes of a pool that have accelerators free at this moment, and pods that each hold one of them wherever they land."""

from collections.abc import Sequence

from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.inventory import fresh
from conformance.inventory import nodes as node_facts
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import DRA, Kind
from conformance.probes import claims, pods, tenants
from conformance.probes.sandbox import Sandbox
from conformance.probes.stage import CLAIM, singly
from conformance.probes.tenants import MAIN
from conformance.verdicts import Unknown

CANDIDATES = 10
"""Nodes that are used, those that had most free when the run began."""


class Fleet:
    """The pool of one check. Raises ``Unknown`` when made for a kind that no probe can judge."""

    def __init__(self, sandbox: Sandbox, kind: Kind, descriptors: Sequence[Descriptor], version: str | None) -> None:
        self.sandbox, self.kind, self.version = sandbox, kind, version or "v1"
        self.descriptor = singly(kind, descriptors)
        self.nodes: dict[str, Object] = {}
        self.free = 0

    @property
    def group_version(self) -> str:
        """``resource.k8s.io/v1`` or what else is served."""
        return f"{claims.GROUP}/{self.version}"

    def choose(self, least: int) -> None:
        """Count again what is free on the nodes of the pool; ``Unknown`` where there are fewer than ``least``."""
        seen: dict[str, int] = {}
        for share in sorted(self.kind.nodes, key=lambda n: (n.free or 0, n.name), reverse=True)[:CANDIDATES]:
            try:
                node = self.sandbox.api.get(f"/api/v1/nodes/{share.name}")
            except errors.NotFound:
                continue
            free = fresh.free_on(self.sandbox.api, self.kind, self.descriptor, self.group_version, node)
            seen[share.name] = share.devices if free is None else free
            if seen[share.name]:
                self.nodes[share.name] = node
        self.free = sum(seen.values())
        told = ", ".join(f"{name}: {free}" for name, free in seen.items()) or "no node has any"
        if self.free < least:
            raise Unknown(f"{self.kind.title}: needs {least} free; free are {told}", code="too_few_free")
        self.sandbox.evidence.step("counted free accelerators", expected=f"at least {least}", observed=told)

    def holder(self, name: str, arguments: Sequence[str]) -> Object:
        """A pod that holds one accelerator of the pool, on one of its nodes, as the template of a workload."""
        words = [word for glob in self.descriptor.accelerator_nodes for word in ("--match", glob)]
        dra = self.kind.way == DRA
        main = pods.Container(
            name=MAIN,
            arguments=[*arguments, *words],
            claims=[CLAIM] if dra else [],
            resources={} if dra else {self.kind.name: 1},
        )
        plan = pods.PodPlan(
            name=name,
            containers=[main],
            node=None,
            tolerations=self._tolerations(),
            claims=[{"name": CLAIM, "resourceClaimTemplateName": self._template(name)}] if dra else [],
            runtime_class=self.sandbox.settings.runtime_class or self.descriptor.runtime_class,
            groups=self.descriptor.supplemental_groups,
        )
        made = tenants.manifest_of(self.sandbox, plan)
        made["spec"]["affinity"] = among(list(self.nodes))
        return made

    def _template(self, name: str) -> str:
        """Name of a new claim template for one device of the kind."""
        chosen = claims.selectors(self.kind, self.descriptor)
        spec = claims.spec(self.version, str(self.kind.device_class), selectors=chosen)
        body = claims.template(self.version, self.sandbox.name(name), spec)
        body["spec"]["metadata"] = {"labels": self.sandbox.labels}
        made = self.sandbox.create("resourceclaimtemplates", body, group_version=self.group_version)
        return str(made["metadata"]["name"])

    def _tolerations(self) -> list[Object]:
        found: list[Object] = []
        for node in self.nodes.values():
            found += [t for t in node_facts.tolerations(node) if t not in found]
        return found


def among(names: Sequence[str]) -> Object:
    """Affinity to nodes by their names; a term holds one name, any term will do."""
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]} for name in names]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
