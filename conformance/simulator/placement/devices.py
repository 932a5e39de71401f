"""The devices of a cluster at one moment: which there are, where they can be used, who holds them."""

from conformance.simulator.api.gates import DraSwitches
from conformance.simulator.cel import CelError, device_view, selects
from conformance.simulator.objects import Obj, dig, name_of
from conformance.simulator.placement import pools
from conformance.simulator.placement.pools import Candidate, Key, Near, Pool
from conformance.simulator.placement.use import Use
from conformance.simulator.storage import Store
from conformance.simulator.switches import AllocatorSwitches

CLASSES, CLAIMS = "deviceclasses.resource.k8s.io", "resourceclaims.resource.k8s.io"
SLICES, RULES = pools.SLICES, pools.RULES


PREFIX = "deviceclass.resource.kubernetes.io/"


def extended_resources(store: Store) -> dict[str, str]:
    """DeviceClass by extended resource; of two with one name the newer counts, then the one that comes first."""
    found = {f"{PREFIX}{name_of(item)}": name_of(item) for item in store.select(CLASSES)}
    for item in sorted(store.select(CLASSES), key=name_of, reverse=True):
        name = dig(item, "spec", "extendedResourceName")
        other = store.get(CLASSES, "", found.get(name, "")) if name else None
        if name and (other is None or item["metadata"]["creationTimestamp"] >= other["metadata"]["creationTimestamp"]):
            found[name] = name_of(item)
    return found


class Devices:
    """The devices of a cluster at one moment: where they are, who holds them, which selectors take them."""

    def __init__(
        self, store: Store, switches: AllocatorSwitches | None = None, gates: DraSwitches | None = None
    ) -> None:
        self.switches, gates = switches or AllocatorSwitches(), gates or DraSwitches()
        rules, extended = gates.device_taint_rules, gates.extended_resource and self.switches.serves_extended_resources
        self.classes = extended_resources(store) if extended else {}
        """DeviceClass by extended resource."""
        taints = [rule["spec"] for rule in pools.taint_rules(store)] if rules else []
        gathered = pools.gather(store, taints)
        self._pools = {(pool.driver, pool.name): pool for pool in gathered}
        self._known = {candidate.key: candidate for pool in gathered for candidate in pool.devices}
        self.use = Use()
        for claim in store.select(CLAIMS):
            self.take(dig(claim, "status", "allocation", default={}))
        self._near: dict[str, Near] = {}
        self._selected: dict[tuple[Key, str], bool] = {}

    def near(self, node: Obj) -> Near:
        """Devices that a pod on a node could use."""
        if name_of(node) not in self._near:
            self._near[name_of(node)] = pools.near(list(self._pools.values()), node)
        return self._near[name_of(node)]

    def pool(self, candidate: Candidate) -> Pool:
        """The pool of a device."""
        return self._pools[candidate.driver, candidate.pool]

    def take(self, allocation: Obj) -> None:
        """What an allocation names is taken from now on."""
        self.use.take(dig(allocation, "devices", "results", default=[]), self._known)

    def selected(self, candidate: Candidate, expression: str) -> bool:
        """Whether a selector takes a device; ``CelError`` names device and mistake."""
        key = candidate.key, expression
        if key not in self._selected:
            try:
                self._selected[key] = selects(expression, device_view(candidate.driver, candidate.device))
            except CelError as wrong:
                raise CelError(f"on device {candidate.label}: CEL runtime error: {wrong}") from wrong
        return self._selected[key]
