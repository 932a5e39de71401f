"""Pools of devices: the ResourceSlices of one driver that belong together, in the newest generation only.

As in the real allocator, a pool that lacks slices or contradicts itself gives no devices, and slices with ``sharedCounters`` hold
for all devices of the pool.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from conformance.simulator.api.selectors import node_selector
from conformance.simulator.objects import Obj, dig, name_of
from conformance.simulator.quantities import parse
from conformance.simulator.storage import Store

SLICES, RULES = "resourceslices.resource.k8s.io", "devicetaintrules.resource.k8s.io"
Key = tuple[str, str, str]
"""Driver, pool and name of a device."""
Counted = dict[tuple[str, str], Fraction]
"""Amounts by counter set and counter."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """One device of one pool."""

    driver: str
    pool: str
    device: Obj
    spec: Obj
    """The spec of its slice."""
    taints: tuple[Obj, ...] = ()
    """Its own taints and those of DeviceTaintRules."""

    @property
    def key(self) -> Key:
        """What identifies it in the cluster."""
        return self.driver, self.pool, self.device["name"]

    @property
    def label(self) -> str:
        """The same in messages."""
        return "/".join(self.key)

    @property
    def shared(self) -> bool:
        """Whether it may be allocated several times."""
        return bool(self.device.get("allowMultipleAllocations"))

    @property
    def consumes(self) -> Counted:
        """Counters that it uses up while it is allocated."""
        return {
            (part["counterSet"], name): parse(counter["value"])
            for part in self.device.get("consumesCounters") or ()
            for name, counter in part["counters"].items()
        }

    @property
    def place(self) -> Obj:
        """What says on which nodes it can be used: itself or its slice."""
        return self.device if self.spec.get("perDeviceNodeSelection") else self.spec


@dataclass
class Pool:
    """One pool."""

    driver: str
    name: str
    expected: int
    devices: list[Candidate] = field(default_factory=list)
    counters: Counted = field(default_factory=dict)
    slices: int = 0
    twice: str = ""
    """A counter set that is there twice."""

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.driver}/{self.name}"

    @property
    def complete(self) -> bool:
        """Whether all of its slices are there."""
        return self.slices == self.expected

    def valid(self, near: list[Candidate]) -> bool:
        """Whether counters exist that its devices consume, and no two devices of a node have one name."""
        names = [candidate.device["name"] for candidate in near]
        known = all(key in self.counters for candidate in self.devices for key in candidate.consumes)
        return known and not self.twice and len(names) == len(set(names))

    def add(self, obj: Obj, taints: list[Obj]) -> None:
        """Take in a slice."""
        spec = obj["spec"]
        self.slices += 1
        for shared in spec.get("sharedCounters") or ():
            counters = {(shared["name"], name): parse(c["value"]) for name, c in shared["counters"].items()}
            self.twice = self.twice or (shared["name"] if counters.keys() & self.counters.keys() else "")
            self.counters |= counters
        for device in spec.get("devices") or ():
            names = (self.driver, self.name, device["name"])
            own = (*(device.get("taints") or ()), *(rule["taint"] for rule in taints if selects(rule, names)))
            self.devices.append(Candidate(self.driver, self.name, device, spec, own))


def selects(rule: Obj, names: Key) -> bool:
    """Whether a DeviceTaintRule is about a device: an empty selector takes all, none takes nothing."""
    selector = rule.get("deviceSelector")
    if selector is None:
        return False
    return all(selector.get(key) in (None, name) for key, name in zip(("driver", "pool", "device"), names, strict=True))


def taint_rules(store: Store) -> list[Obj]:
    """All DeviceTaintRules that have a taint."""
    taints = ((rule, dig(rule, "spec", "taint", default={})) for rule in store.select(RULES))
    return [rule for rule, taint in taints if taint.get("key") and taint.get("effect")]


def gather(store: Store, rules: list[Obj]) -> list[Pool]:
    """All pools in the order in which devices are tried: by driver and name, slices by name."""
    by_pool: dict[tuple[str, str], list[Obj]] = {}
    for item in sorted(filter(_sound, store.select(SLICES)), key=name_of):
        by_pool.setdefault((item["spec"]["driver"], item["spec"]["pool"]["name"]), []).append(item)
    return [_pool(driver, name, slices, rules) for (driver, name), slices in sorted(by_pool.items())]


def _sound(item: Obj) -> bool:
    """Whether a slice has what every slice has; a server that does not validate takes others too, and nobody uses them."""
    spec = item["spec"]
    devices, shared = spec.get("devices") or (), spec.get("sharedCounters") or ()
    consumed = [part for device in devices for part in device.get("consumesCounters") or ()]
    named = [*((device, "name") for device in devices), *((one, "name") for one in shared)]
    named += [(part, "counterSet") for part in consumed]
    named += [(taint, key) for device in devices for taint in device.get("taints") or () for key in ("key", "effect")]
    counted = all(one.get("counters") for one in (*shared, *consumed))
    pool = spec.get("pool") or {}
    whole = bool(spec.get("driver") and pool.get("name") and pool.get("resourceSliceCount"))
    return whole and counted and all(holder.get(key) for holder, key in named)


def _pool(driver: str, name: str, slices: list[Obj], rules: list[Obj]) -> Pool:
    newest = max(s["spec"]["pool"].get("generation", 0) for s in slices)
    current = [s for s in slices if s["spec"]["pool"].get("generation", 0) == newest]
    pool = Pool(driver, name, current[0]["spec"]["pool"]["resourceSliceCount"])
    for item in current:
        pool.add(item, rules)
    return pool


def reachable(candidate: Candidate, node: Obj) -> bool:
    """Whether a pod on a node could use a device."""
    place = candidate.place
    if place.get("nodeName"):
        return bool(place["nodeName"] == name_of(node))
    if place.get("nodeSelector"):
        return node_selector(place["nodeSelector"], node)
    return bool(place.get("allNodes"))


@dataclass
class Near:
    """What one node can reach."""

    devices: list[Candidate] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    """Pools that are being updated."""
    invalid: list[str] = field(default_factory=list)
    """Pools that contradict themselves."""


def near(pools: list[Pool], node: Obj) -> Near:
    """Devices of usable pools that a pod on a node could use, and the pools that are not usable."""
    found = Near()
    for pool, devices in _reached(pools, node):
        if not pool.complete:
            found.incomplete.append(pool.label)
        elif not pool.valid(devices):
            found.invalid.append(pool.label)
        else:
            found.devices += devices
    return found


def _reached(pools: list[Pool], node: Obj) -> Iterator[tuple[Pool, list[Candidate]]]:
    for pool in pools:
        devices = [candidate for candidate in pool.devices if reachable(candidate, node)]
        if devices:
            yield pool, devices
