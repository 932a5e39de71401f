"""What of the devices is in use: whole devices, shares of them, and the counters behind both."""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

from conformance.simulator.objects import Obj
from conformance.simulator.placement.capacity import Amounts, amounts
from conformance.simulator.placement.pools import Candidate, Counted, Key, Pool

PoolKey = tuple[str, str]


class Use:
    """Changes in place; ``copy`` gives one to try things in."""

    def __init__(self) -> None:
        self._whole: Counter[Key] = Counter()
        self._shares: Counter[Key] = Counter()
        self._capacity: dict[Key, Amounts] = {}
        self._counted: dict[PoolKey, Counted] = {}

    def copy(self) -> "Use":
        """The same, independent of this one."""
        other = Use()
        other._whole, other._shares = self._whole.copy(), self._shares.copy()
        other._capacity = {key: dict(value) for key, value in self._capacity.items()}
        other._counted = {key: dict(value) for key, value in self._counted.items()}
        return other

    def whole(self, key: Key) -> bool:
        """Whether a device is held as a whole."""
        return self._whole[key] > 0

    def shared(self, key: Key) -> bool:
        """Whether somebody has a share of a device."""
        return self._shares[key] > 0

    def capacity(self, key: Key) -> Amounts:
        """What the shares of a device have taken."""
        return self._capacity.get(key, {})

    def enough(self, pool: Pool, candidate: Candidate) -> bool:
        """Whether the counters of a pool suffice for one device more."""
        used, wanted = self._counted.get((pool.driver, pool.name), {}), candidate.consumes
        return all(
            used.get(key, Fraction()) + wanted.get(key, Fraction()) <= total for key, total in pool.counters.items()
        )

    def hold(self, candidate: Candidate, share: Obj | None = None) -> None:
        """A device, or with quantities a share of it, is in use."""
        if share is None or not self._shares[candidate.key]:
            self._count(candidate, 1)
        self._note(candidate.key, share, 1)

    def release(self, candidate: Candidate, share: Obj | None = None) -> None:
        """The opposite of ``hold``."""
        self._note(candidate.key, share, -1)
        if share is None or not self._shares[candidate.key]:
            self._count(candidate, -1)

    def take(self, results: Iterable[Obj], known: dict[Key, Candidate]) -> None:
        """What the results of an allocation hold; admin access holds nothing."""
        for result in results:
            key = (result["driver"], result["pool"], result["device"])
            share = (result.get("consumedCapacity") or {}) if result.get("shareID") else None
            if result.get("adminAccess"):
                continue
            if key in known:
                self.hold(known[key], share)
            else:  # its slice is gone
                self._note(key, share, 1)

    def _note(self, key: Key, share: Obj | None, sign: int) -> None:
        if share is None:
            self._whole[key] += sign
            return
        self._shares[key] += sign
        taken = self._capacity.setdefault(key, {})
        for name, amount in amounts(share).items():
            taken[name] = taken.get(name, Fraction()) + sign * amount

    def _count(self, candidate: Candidate, sign: int) -> None:
        counted = self._counted.setdefault((candidate.driver, candidate.pool), {})
        for key, amount in candidate.consumes.items():
            counted[key] = counted.get(key, Fraction()) + sign * amount
