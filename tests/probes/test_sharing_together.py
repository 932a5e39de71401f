"""Pods that are tried together: loads that miss each other are tried again, and what cannot be computed on is still judged."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.cluster import Settings
from conformance.evidence import Evidence
from conformance.probes.answers import Burn
from conformance.probes.ask import Ask
from conformance.probes.sharing import together
from conformance.probes.sharing.crew import Crew, Sent
from conformance.probes.sharing.shares import Shares
from conformance.probes.tenants import Tenant
from conformance.verdicts import Grade, Unknown, Unverified
from tests.probes.test_sharing import DESCRIPTOR, burned, device, tenant

COMPUTING = replace(DESCRIPTOR, compute="read")


class FakeCrew:
    """Gathers, at each try, the pods that a test prepared."""

    def __init__(self, *tries: Sequence[Tenant]) -> None:
        self.tries: Iterator[Sequence[Tenant]] = iter(tries)
        self.dismissed: list[str] = []
        self.asked: list[tuple[str, Ask]] = []
        self.as_root = True

    def gather(self, _sent: Sequence[Sent]) -> list[Tenant]:
        return list(next(self.tries))

    def dismiss(self, crew: Sequence[Tenant]) -> None:
        self.dismissed += [one.name for one in crew]

    def still_run(self, _crew: Sequence[Tenant]) -> None:
        """They do."""

    def send(self, ask: Ask, first: str) -> list[Sent]:
        self.asked.append((first, ask))
        return []


def _shares(descriptor: Any = COMPUTING) -> Shares:
    sandbox = SimpleNamespace(settings=Settings(run_id="r"))
    made = SimpleNamespace(
        sandbox=sandbox, evidence=Evidence(), strategy="time-slicing", bench=SimpleNamespace(descriptor=descriptor)
    )
    return cast("Shares", made)


def _pods(*spans: tuple[float, float]) -> list[Tenant]:
    return [
        tenant(f"p{n}", device(0), burn=Burn("read", 5.0, (burned(began=began, ended=ended),), ""))
        for n, (began, ended) in enumerate(spans)
    ]


def _tried(crew: FakeCrew, shares: Shares) -> together.Tried:
    return together.at_once(shares, cast("Crew", crew), crew.send)


def test_loads_at_the_same_time_are_tried_once() -> None:
    crew = FakeCrew(_pods((0.0, 5.0), (1.0, 6.0)))
    shares = _shares()
    tried = _tried(crew, shares)
    assert (len(tried.tenants), tried.cannot, crew.dismissed) == (2, None, [])
    assert together.judged(shares, cast("Crew", crew), tried, "told") is Grade.CONTROLLED


def test_loads_that_missed_each_other_are_tried_once_more_and_longer() -> None:
    crew = FakeCrew(_pods((0.0, 5.0), (5.5, 10.0)), _pods((0.0, 15.0), (5.0, 20.0)))
    assert _tried(crew, _shares()).cannot is None
    (first, short), (second, long) = crew.asked
    assert (first, second, crew.dismissed) == ("share-", "again-", ["p0", "p1"])
    assert long.seconds == 3 * short.seconds


def test_loads_that_miss_each_other_twice_prove_nothing() -> None:
    apart = _pods((0.0, 5.0), (4.5, 9.0))
    with pytest.raises(Unverified) as raised:
        _tried(FakeCrew(apart, apart), _shares())
    assert raised.value.code == "not_at_once"


@pytest.mark.parametrize(
    ("descriptor", "burn"),
    [(DESCRIPTOR, None), (COMPUTING, Burn("cuda", 5.0, (), "no libcuda.so.1"))],
    ids=["no way to compute is known", "the library is missing"],
)
def test_pods_that_cannot_compute_share_a_device_and_nothing_more_is_known(descriptor: Any, burn: Burn | None) -> None:
    crew, shares = FakeCrew([tenant("p", device(0), burn=burn)]), _shares(descriptor)
    tried = _tried(crew, shares)
    with pytest.raises(Unknown, match="p and q share it; whether they compute is not known") as raised:
        together.judged(shares, cast("Crew", crew), tried, "p and q share it")
    assert raised.value.code == "no_compute"
