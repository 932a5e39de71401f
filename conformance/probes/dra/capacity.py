"""A device that several claims may hold, and how much of it each asks for (DRAConsumableCapacity)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from conformance.cluster.api import Object
from conformance.inventory.amounts import amount
from conformance.inventory.room import allocation_results
from conformance.probes.allocation import Running
from conformance.probes.claims import REQUEST
from conformance.probes.dra import expressions, shapes
from conformance.probes.dra.classes import own_class
from conformance.probes.dra.published import Published
from conformance.probes.dra.trial import Trial
from conformance.verdicts import Failure, NotApplicable, Unknown

MOST_SHARES = 4
"""Claims that are started on one device at most."""


@dataclass(frozen=True)
class Divided:
    """A free device, the spec of a claim for a part of it, and how many such claims it holds."""

    device: Published
    spec: Object
    count: int

    def all_held(self, trial: Trial) -> list[Running]:
        """Start as many pods as the device has parts; ``Failure`` where one is refused that runs when another has gone."""
        running: list[Running] = []

        def alone() -> None:
            while running:
                trial.give_back(running.pop())
            trial.witness("alone", self.spec)

        for n in range(self.count):
            expected = f"{self.device.name}, of which {n} of {self.count} parts are held"
            made = trial.get(
                f"share-{n + 1}",
                self.spec,
                code="device_not_shared",
                expected=expected,
                needs=[self.device],
                twin=alone,
            )
            trial.must_mean(made, self.device)
            running.append(made)
        self._each_its_own(running)
        return running

    def _each_its_own(self, running: Sequence[Running]) -> None:
        """``Failure`` where claims do not say which share they hold and how much it takes, by which everybody counts."""
        results = [result for entry in running for result in allocation_results(entry.claim)]
        shares = {result.get("shareID") for result in results} - {None}
        if len(shares) < len(running) or not all(result.get("consumedCapacity") for result in results):
            seen = "; ".join(map(capacity_consumed, running))
            expected = "each claim has a shareID of its own and says what capacity it consumes"
            raise Failure(
                "device_not_shared",
                observed=f"{len(running)} claims hold {self.device.name}: {seen}",
                expected=expected,
            )


def divided_device(trial: Trial) -> Divided:
    """Choose a device, on whatever node, and ask for as much of each capacity as two claims can have.

    ``NotApplicable`` where no device allows several claims or the server drops what a claim asks for.
    """
    devices = trial.everything()
    several = [device for device in devices if device.device.multiple]
    if not several:
        seen = f"none of {len(devices)} devices of {trial.driver} has allowMultipleAllocations"
        raise NotApplicable(seen, code="no_consumable_capacity")
    plans = [(device, plan) for device in several if (plan := _plan(device.device.capacity))]
    if not plans:
        seen = f"of no capacity of {several[0].name} can two claims have a part, by its requestPolicy"
        raise NotApplicable(seen, code="no_consumable_capacity")
    found = next((entry for entry in plans if entry[0].free), None)
    if found is None:
        raise Unknown("every device that several claims may hold is in use", code="too_few_free")
    device, (asked, count) = found
    if count > MOST_SHARES:
        raise Unknown(f"{device.name} takes {count} claims of the largest part that may be asked for", code="too_many")
    trial.bench.use_node(device.node)
    return Divided(device, _spec(trial, device, asked), count)


def _spec(trial: Trial, device: Published, asked: dict[str, str]) -> Object:
    chosen = expressions.only(device, trial.near(device.node), trial.identity)
    if chosen is None:
        raise Unknown(f"no published attribute tells {device.name} from the others", code="nothing_tells_apart")
    name = own_class(trial)
    plain, more = shapes.form(name, chosen), {"capacity": {"requests": asked}}
    spec = shapes.spec(trial.request(REQUEST, {**plain, **more}))
    trial.must_keep(spec, shapes.spec(trial.request(REQUEST, plain)), "capacity of a request")
    told = ", ".join(f"{size} of {capacity}" for capacity, size in asked.items())
    trial.evidence.step("chose a device that several claims may hold", observed=f"{device.name}: each asks for {told}")
    return spec


def _plan(capacities: Mapping[str, Any]) -> tuple[dict[str, str], int] | None:
    """What a claim asks for of each capacity and how many such claims fit; None where two do not fit."""
    asked, counts = {}, []
    for name, entry in capacities.items():
        value = amount(entry.get("value")) if isinstance(entry, dict) else None
        part = largest_part(value, entry.get("requestPolicy")) if value else None
        if not value or not part:
            return None
        asked[name] = str(part) if part.denominator == 1 else f"{int(part * 1000)}m"
        counts.append(int(value / part))
    return (asked, min(counts)) if counts else None


def largest_part(value: Fraction, policy: Any) -> Fraction | None:
    """Largest valid amount of which a capacity has two; None where there is none (CapacityRequestPolicy)."""
    half, told = value / 2, policy if isinstance(policy, dict) else {}
    if isinstance(told.get("validValues"), list):
        return max((v for text in told["validValues"] if (v := amount(text)) and v <= half), default=None)
    if isinstance(told.get("validRange"), dict):
        return _in_range(half, told["validRange"])
    return Fraction(int(half)) if half >= 1 else Fraction(int(half * 1000), 1000) or None


def _in_range(half: Fraction, told: Mapping[str, Any]) -> Fraction | None:
    least, most, step = (amount(told.get(key)) for key in ("min", "max", "step"))
    least, top = least or Fraction(0), min(half, most) if most else half
    if top < least or top <= 0:
        return None
    return least + int((top - least) / step) * step if step else top


def capacity_consumed(running: Running) -> str:
    """Share and consumed capacity of what a claim holds, in words."""
    results = allocation_results(running.claim)
    return ", ".join(f"share {r.get('shareID')}: {r.get('consumedCapacity')}" for r in results)
