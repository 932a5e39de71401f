"""Claims for two devices of which an attribute must be equal, or must differ (DeviceConstraint)."""

from collections.abc import Sequence
from dataclasses import dataclass

from conformance.cluster.api import Object
from conformance.probes.allocation import Running
from conformance.probes.dra import expressions, shapes
from conformance.probes.dra.published import Published
from conformance.probes.dra.trial import Trial, results
from conformance.verdicts import Failure, NotApplicable, Unknown

TOPOLOGY = ("resource.kubernetes.io/pcieRoot", "resource.kubernetes.io/numaNode")
"""Standard attributes that say where a device sits."""
MATCH, DISTINCT = "matchAttribute", "distinctAttribute"
CODE = "constraint_ignored"
NOBODYS = "conformanceNobodyHasThis"
"""Attribute that no driver publishes."""


@dataclass(frozen=True)
class Pair:
    """A claim for two devices under a constraint that two free devices can meet."""

    rule: str
    attribute: str
    anchor: Published
    """The device that the first of the two requests means."""
    trap: bool
    """Whether a scheduler that takes the next free device for the second request breaks the constraint."""

    @property
    def words(self) -> str:
        """The pair in words."""
        kept = (
            "a scheduler that takes the next free device breaks it" if self.trap else "any two free devices may meet it"
        )
        return f"{self.rule} {self.attribute}, one of the two is {self.anchor.name}; {kept}"


class Constraints:
    """The pairs that the free devices of the node allow, and those that no two of its devices can be."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        trial.need(2, "no node has two devices, so that no claim can ask for a pair")
        trial.bench.choose_node(2)
        self.free = trial.free()
        if len(self.free) < 2:  # noqa: PLR2004 - a pair
            raise Unknown(f"one device is free on {trial.bench.node}, a pair needs two", code="too_few_free")
        self._names = [name for name in _shared(trial.devices()) if name != trial.identity]

    def to_try(self) -> tuple[list[Pair], list[tuple[str, str]]]:
        """Pairs that free devices can be, and constraints that no two can meet, of the rules that the server keeps."""
        rules = [rule for rule in (MATCH, DISTINCT) if self.serves(rule)]
        pairs = [pair for rule in rules if (pair := self.best(rule))]
        for pair in pairs:
            self._trial.evidence.step("chose a constraint that two free devices meet", observed=pair.words)
        return pairs, [(rule, name) for rule, name in self.impossible() if rule in rules]

    def first(self, pairs: Sequence[Pair]) -> Running:
        """Try the first pair and give its devices back; a plain claim where there is none."""
        running = self.take(pairs[0]) if pairs else self._trial.plain("witness")
        self._trial.give_back(running)
        return running

    def rest(self, pairs: Sequence[Pair]) -> None:
        """Try the other pair; a plain claim where there is none, so that a dead scheduler proves nothing."""
        if len(pairs) > 1:
            self.take(pairs[1])
        else:
            self._trial.plain("second-witness")

    def take(self, pair: Pair) -> Running:
        """Start a pod with two devices under a constraint; ``Failure`` where they do not meet it or none are given."""
        spec = self.spec(pair.rule, pair.attribute, pair.anchor)
        expected = f"two devices: the free ones of the node can meet {pair.rule} {pair.attribute}"
        running = self._trial.get(
            pair.rule.lower(), spec, code="fitting_claim_refused", expected=expected, needs=self.free
        )
        self.holds(pair, running)
        return running

    def best(self, rule: str) -> Pair | None:
        """The pair that tells most: with a trap before without one, by topology before by another attribute."""
        found = [p for name in self._names_for(rule) for anchor in self.free if (p := self._pair(rule, name, anchor))]
        return min(found, key=lambda p: (not p.trap, p.attribute not in TOPOLOGY), default=None)

    def _names_for(self, rule: str) -> list[str]:
        own = [self._trial.identity] if rule == DISTINCT and self._trial.identity else []
        return [*self._names, *own]

    def _pair(self, rule: str, name: str, anchor: Published) -> Pair | None:
        others = [device for device in self.free if device.key != anchor.key]
        good = [(device.value(name) == anchor.value(name)) == (rule == MATCH) for device in others]
        return Pair(rule, name, anchor, trap=not good[0]) if any(good) else None

    def impossible(self) -> list[tuple[str, str]]:
        """Constraints that no two devices of the node can meet, each as rule and attribute."""
        devices = self._trial.rivals()
        differs = expressions.telling(devices, self._trial.identity)
        same = next((name for name in _shared(devices) if len({str(d.value(name)) for d in devices}) == 1), None)
        found = [(MATCH, differs), (DISTINCT, same)]
        return [(rule, name) for rule, name in found if name]

    def lacking(self, impossible: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Where equal values can be asked for and be missing, the same for an attribute that no device has: such a pair meets nothing."""
        return [(MATCH, f"{self._trial.driver}/{NOBODYS}")] if any(rule == MATCH for rule, _ in impossible) else []

    def spec(self, rule: str, attribute: str, anchor: Published | None = None) -> Object:
        """Claim for two devices under a constraint, the first of which is the anchor."""
        trial = self._trial
        meant = trial.means(anchor) if anchor else ()
        asked = (trial.request("one", trial.asked(*meant)), trial.request("other", trial.asked()))
        return shapes.spec(*asked, constraints=[{"requests": ["one", "other"], rule: attribute}])

    def serves(self, rule: str) -> bool:
        """Whether the server keeps such a constraint; one that it does not keep is noted."""
        name = self._trial.identity or next(iter(_shared(self._trial.devices())), f"{self._trial.driver}/any")
        try:
            self._trial.must_keep(self.spec(rule, name), self._trial.one(), f"constraints[0].{rule}")
        except NotApplicable as error:
            self._trial.evidence.step(f"looked for {rule}", observed=f"not tried: {error.reason}")
            return False
        return True

    def holds(self, pair: Pair, running: Running) -> None:
        """The two devices that a claim was given meet its constraint; else ``Failure``."""
        by_key = {device.key: device for device in self._trial.rivals()}
        given = [by_key[key] for _, key in results(running.claim) if key in by_key]
        values = [device.value(pair.attribute) for device in given]
        told = " and ".join(f"{d.name} with {v!r}" for d, v in zip(given, values, strict=True)) or "nothing of the kind"
        aligned = pair.rule == MATCH and pair.attribute in TOPOLOGY
        self._trial.evidence.step(
            f"read the two devices that {pair.rule} gave" + (", which must be aligned" if aligned else ""),
            expected=f"two devices, {pair.attribute} {'equal' if pair.rule == MATCH else 'different'}",
            observed=told,
        )
        good = None not in values and (len(set(map(str, values))) == 1) == (pair.rule == MATCH)
        if len({device.key for device in given}) != 2 or not good:  # noqa: PLR2004 - a pair
            wanted = f"two devices whose {pair.attribute} {'are equal' if pair.rule == MATCH else 'differ'}"
            raise Failure(CODE, observed=f"a claim with {pair.rule} was given {told}", expected=wanted)


def _shared(devices: Sequence[Published]) -> list[str]:
    """Attributes with one plain value that every device has, topology first."""
    names = set.intersection(*(set(device.attributes) for device in devices)) if devices else set()
    plain = [name for name in names if all(device.value(name) is not None for device in devices)]
    return sorted(plain, key=lambda name: (TOPOLOGY.index(name) if name in TOPOLOGY else len(TOPOLOGY), name))
