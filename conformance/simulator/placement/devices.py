"""The devices of a cluster at one moment: which there are, where they can be used, who holds them."""

from collections.abc import Iterator
from dataclasses import dataclass

from conformance.simulator.api.selectors import node_selector
from conformance.simulator.cel import device_view, selects
from conformance.simulator.objects import Obj, dig, name_of
from conformance.simulator.storage import Store
from conformance.simulator.switches import AllocatorSwitches

SLICES, CLASSES, CLAIMS = (f"{n}.resource.k8s.io" for n in ("resourceslices", "deviceclasses", "resourceclaims"))


@dataclass(frozen=True)
class Candidate:
    """One device of one pool."""

    driver: str
    pool: str
    device: Obj

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies it in the cluster."""
        return self.driver, self.pool, self.device["name"]


def pools(store: Store) -> Iterator[Obj]:
    """Slices of complete pools, of their newest generation only."""
    by_pool: dict[tuple[str, str], list[Obj]] = {}
    for item in store.select(SLICES):
        by_pool.setdefault((item["spec"]["driver"], item["spec"]["pool"]["name"]), []).append(item)
    for slices in by_pool.values():
        newest = max(s["spec"]["pool"].get("generation", 0) for s in slices)
        current = [s for s in slices if s["spec"]["pool"].get("generation", 0) == newest]
        if len(current) == current[0]["spec"]["pool"]["resourceSliceCount"]:
            yield from current


def _reachable(spec: Obj, node: Obj) -> bool:
    if spec.get("nodeName"):
        return bool(spec["nodeName"] == name_of(node))
    if spec.get("nodeSelector"):
        return node_selector(spec["nodeSelector"], node)
    return bool(spec.get("allNodes"))


def candidates(store: Store, node: Obj) -> list[Candidate]:
    """Devices that a pod on this node could use."""
    return [
        Candidate(spec["driver"], spec["pool"]["name"], device)
        for spec in (item["spec"] for item in pools(store))
        for device in spec.get("devices") or ()
        if _reachable(device if spec.get("perDeviceNodeSelection") else spec, node)
    ]


def taken(store: Store) -> set[tuple[str, str, str]]:
    """Devices that claims hold."""
    return {
        (result["driver"], result["pool"], result["device"])
        for claim in store.select(CLAIMS)
        for result in dig(claim, "status", "allocation", "devices", "results", default=[])
        if not result.get("adminAccess")
    }


class Devices:
    """The devices of a cluster at one moment: where they are, who holds them, which selectors take them."""

    def __init__(self, store: Store, switches: AllocatorSwitches | None = None, *, rules: bool = True) -> None:
        self.switches = switches or AllocatorSwitches()
        self.taken = taken(store)
        self.rules = [rule["spec"] for rule in store.select("devicetaintrules.resource.k8s.io")] if rules else []
        self._store = store
        self._near: dict[str, list[Candidate]] = {}
        self._selected: dict[tuple[tuple[str, str, str], str], bool] = {}

    def near(self, node: Obj) -> list[Candidate]:
        """Devices that a pod on a node could use."""
        if name_of(node) not in self._near:
            self._near[name_of(node)] = candidates(self._store, node)
        return self._near[name_of(node)]

    def take(self, allocation: Obj) -> None:
        """What an allocation names is taken from now on."""
        self.taken |= {
            (r["driver"], r["pool"], r["device"]) for r in allocation["devices"]["results"] if not r.get("adminAccess")
        }

    def selected(self, candidate: Candidate, expressions: tuple[str, ...]) -> bool:
        """Whether all selectors take a device."""
        for expression in expressions:
            key = candidate.key, expression
            if key not in self._selected:
                view = device_view(candidate.driver, candidate.device)
                self._selected[key] = selects(expression, view)
            if not self._selected[key]:
                return False
        return True
