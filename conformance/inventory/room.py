"""What claims leave of DRA devices: whole ones, counters that partitions share, capacity of devices that several may hold."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from conformance.cluster.api import Object
from conformance.inventory import odd
from conformance.inventory.amounts import amount
from conformance.inventory.dra import Counters, Device, Key, counter_sets

ANY_NUMBER = 32
"""Stands for the claims that may hold a device without capacities at once: any number, and no check asks for more."""


def held(claims: Iterable[Object]) -> set[Key]:
    """Devices that claims hold; admin access holds nothing."""
    return {key_of(result) for claim in claims for result in allocation_results(claim) if not result.get("adminAccess")}


def key_of(result: Object) -> Key:
    """Device that an allocation result names."""
    return (str(result.get("driver")), str(result.get("pool")), str(result.get("device")))


def allocation_results(claim: Object) -> list[Object]:
    """Results of a claim's allocation, or none."""
    return odd.entries(odd.part(claim, "status", "allocation", "devices"), "results")


class Room:
    """Devices of some slices less what claims hold. The slices must be all of their pools."""

    def __init__(self, slices: Iterable[Object], devices: Iterable[Device], claims: Iterable[Object] = ()) -> None:
        self._limits = counter_sets(slices)
        self._held: set[Key] = set()
        self._consumed: dict[Key, dict[str, Fraction]] = defaultdict(dict)
        for claim in claims:
            for result in allocation_results(claim):
                if not result.get("adminAccess"):
                    self._hold(result)
        self._spent: Counters = {}
        for device in devices:
            if device.consumes and device.key in self._held:
                _add(self._spent, device.consumes)

    def _hold(self, result: Object) -> None:
        key = key_of(result)
        self._held.add(key)
        before = self._consumed[key]
        for told, text in odd.part(result, "consumedCapacity").items():
            name = str(told).removeprefix(f"{key[0]}/")
            before[name] = before.get(name, Fraction(0)) + (amount(text) or 0)

    def by_node(self, devices: Sequence[Device], unit: Mapping[str, str]) -> Counter[str]:
        """How many of these can be allocated at once on each node; ``unit`` is what one claim asks for of a shared device.

        Partitions are taken in the order of their names, as long as their counters suffice. Devices that are tainted or
        that no one node reaches are left out.
        """
        free: Counter[str] = Counter()
        spent = {key: dict(taken) for key, taken in self._spent.items()}
        for device in sorted((d for d in devices if d.node and not d.tainted), key=lambda d: d.key):
            count = self._shares(device, unit) if device.multiple else int(device.key not in self._held)
            if count and not (device.multiple and device.key in self._held):
                if not self._fits(device, spent):
                    continue
                _add(spent, device.consumes)
            free[str(device.node)] += count
        return free

    def takes(self, device: Device) -> bool:
        """Whether nobody holds the device and the counters that it takes are left."""
        return device.key not in self._held and self._fits(device, self._spent)

    def _fits(self, device: Device, spent: Counters) -> bool:
        """Whether the counters that it takes are left; a counter that the pool does not have is never left."""
        return all(
            spent.get(key, {}).get(name, 0) + taken <= self._limits.get(key, {}).get(name, -1)
            for key, wanted in device.consumes.items()
            for name, taken in wanted.items()
        )

    def _shares(self, device: Device, unit: Mapping[str, str]) -> int:
        """Further claims for one unit that a device of which several may hold a part can take."""
        consumed = self._consumed.get(device.key, {})
        left = [_fitting(device.capacity.get(name), consumed.get(name), text) for name, text in unit.items()]
        return min(left, default=ANY_NUMBER)


def _fitting(capacity: Any, consumed: Fraction | None, unit: str) -> int:
    value, one = amount(odd.part(capacity).get("value")), amount(unit)
    return max(0, int((value - (consumed or 0)) / one)) if value and one and one > 0 else 0


def _add(spent: Counters, more: Counters) -> None:
    for key, counters in more.items():
        before = spent.setdefault(key, {})
        for name, taken in counters.items():
            before[name] = before.get(name, Fraction(0)) + taken
