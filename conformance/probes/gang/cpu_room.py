"""A gang without accelerators, for clusters that have none: members ask for so much CPU that only a few of them fit on a node."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.inventory import fresh, odd
from conformance.inventory import nodes as node_facts
from conformance.probes import pods
from conformance.probes.gang.free_room import CANDIDATES, is_own
from conformance.probes.tenants import MAIN
from conformance.verdicts import Unknown

MEMBERS = 3
"""Members that are to fit on the node."""
ENOUGH = 300
"""Free CPU of a node in thousandths below which it is not used."""
_SUFFIXES = {"": Decimal(1000), "m": Decimal(1), "u": Decimal("0.001"), "n": Decimal("0.000001"), "k": Decimal(10**6)}


@dataclass(frozen=True)
class CpuUnit:
    """An amount of CPU in thousandths of a processor."""

    amount: int
    runtime_class: str | None = None
    groups: tuple[int, ...] = ()

    @property
    def title(self) -> str:
        """In words."""
        return f"{self.amount}m of CPU, because the cluster has no accelerator"

    def count(self, api: Api, nodes: Sequence[Object], own: str) -> dict[str, int] | None:
        """How many members fit by node."""
        free = free_cpu(api, nodes, own)
        return None if free is None else {name: max(0, left // self.amount) for name, left in free.items()}

    def container(self, arguments: Sequence[str]) -> pods.Container:
        """A container without a device."""
        return pods.Container(name=MAIN, arguments=arguments)

    def shape(self, pod: Object) -> Object:
        """The pod with its CPU asked for."""
        containers = [_asking(container, f"{self.amount}m") for container in pod["spec"]["containers"]]
        return {**pod, "spec": {**pod["spec"], "containers": containers}}


def _asking(container: Object, cpu: str) -> Object:
    asked = container["resources"]
    resources = {**asked, **{key: {**asked[key], "cpu": cpu} for key in ("requests", "limits")}}
    return {**container, "resources": resources}


def millis(quantity: Any) -> int:
    """Thousandths of a processor of a quantity of CPU; what is no quantity is none."""
    text = str(quantity).strip()
    digits = text.rstrip("munk")
    try:
        return int(Decimal(digits) * _SUFFIXES.get(text[len(digits) :], Decimal(0)))
    except (InvalidOperation, ValueError, OverflowError):
        return 0


def free_cpu(api: Api, nodes: Sequence[Object], own: str) -> dict[str, int] | None:
    """CPU that nobody asked for by node; None where pods must not be listed."""
    good = {odd.name(node): node for node in nodes if node_facts.usable(node)}
    free = {name: millis(odd.part(node, "status", "allocatable").get("cpu")) for name, node in good.items()}
    try:
        for pod in fresh.pods_on(api, list(good)):
            where = odd.part(pod, "spec").get("nodeName")
            if (
                where in free
                and odd.part(pod, "status").get("phase") not in ("Succeeded", "Failed")
                and not is_own(pod, own)
            ):
                free[where] -= asked(pod)
    except errors.Forbidden:
        return None
    return free


def asked(pod: Object) -> int:
    """CPU that a pod asks for: containers side by side, init containers one after the other."""

    def one(container: Mapping[str, Any]) -> int:
        return millis(odd.part(container, "resources", "requests").get("cpu", 0))

    spec = odd.part(pod, "spec")
    beside = sum(map(one, odd.entries(spec, "containers")))
    before = odd.entries(spec, "initContainers")
    beside += sum(one(c) for c in before if c.get("restartPolicy") == "Always")
    return max([beside, *(one(c) for c in before)])


def unit_for(api: Api, nodes: Sequence[Object], own: str) -> tuple[CpuUnit, str]:
    """The amount of which exactly ``MEMBERS`` fit on the node with least free CPU, and that node."""
    free = free_cpu(api, nodes[:CANDIDATES], own)
    if free is None:
        raise Unknown("free CPU cannot be counted: pods must not be listed", code="forbidden")
    some = sorted((left, name) for name, left in free.items() if left >= ENOUGH)
    if not some:
        raise Unknown(f"no node has {ENOUGH}m of CPU free for a small gang", code="too_few_free")
    left, name = some[0]
    return CpuUnit(left * 2 // (2 * MEMBERS + 1)), name
