"""Pods whose loads are on devices at the same time, and what that is worth: all of them still run when it is judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from conformance.inventory.vendor import MPS
from conformance.probes import reading
from conformance.probes.ask import DEVICES, Ask, burning
from conformance.probes.sharing import loads, moments, views
from conformance.probes.sharing.crew import Crew, Sent
from conformance.probes.sharing.shares import Shares
from conformance.probes.sharing.views import View
from conformance.probes.tenants import Tenant
from conformance.verdicts import Failure, Grade, Unknown, Unverified

LONGER = 3
"""Length of the loads of a second try in lengths of the first ones, which were not on the devices at the same time."""
Send = Callable[[Ask, str], list[Sent]]
"""Submits pods that do what is asked; the text begins their names."""


@dataclass(frozen=True)
class Tried:
    """Pods that run at the same time."""

    tenants: list[Tenant]
    cannot: Unknown | None = None
    """Why no load could be put on their devices; which devices they are is judged all the same."""


def at_once(shares: Shares, crew: Crew, send: Send) -> Tried:
    """Start pods whose loads are on the devices at the same time; those of a first try that were not are started again.

    Raises ``Failure`` where a pod did not get one device or could not compute on it while others could, and ``Unverified``
    where the loads were not at the same time twice.
    """
    usual = max(2.0, shares.sandbox.settings.window_seconds / 2)
    for seconds, first in ((usual, "share-"), (LONGER * usual, "again-")):
        try:
            ask = burning(shares.bench.descriptor, seconds)
        except Unknown as cannot:
            return Tried(crew.gather(send(DEVICES, first)), cannot)
        tenants = crew.gather(send(ask, first))
        viewed(shares, tenants)
        try:
            spans = loads.worked(tenants, may_serve_root_only=shares.strategy == MPS and not crew.as_root)
        except Unknown as cannot:
            return Tried(tenants, cannot)
        common = moments.together(spans)
        shares.evidence.step(
            "compared when the loads were on the devices",
            expected=f"at least {moments.LEAST_SECONDS:.0f} s in common",
            observed=f"{common:.1f} s in common of {len(spans)} loads that began within {moments.spread(spans):.1f} s",
        )
        if common >= moments.LEAST_SECONDS:
            return Tried(tenants)
        crew.dismiss(tenants)
    raise Unverified("the loads of the pods were not on the devices at the same time, twice", code="not_at_once")


def viewed(shares: Shares, tenants: Sequence[Tenant]) -> list[View]:
    """The one device that each pod opened."""
    return [views.view(tenant, shares.bench.descriptor) for tenant in tenants]


def are_allocated(shares: Shares, tenants: Sequence[Tenant]) -> None:
    """Raise ``Failure`` where a pod opened another device than was allocated to it; where nobody tells which, it is left alone."""
    descriptor = shares.bench.descriptor
    for tenant in tenants:
        node, told = views.view(tenant, descriptor).node, shares.bench.identified(tenant)
        opened = reading.identity(node, descriptor)
        if told is not None and told != [opened]:
            raise Failure(
                "wrong_device",
                observed=f"pod {tenant.name} opened {opened} ({node})",
                expected=f"it opens the device that was allocated to it: {', '.join(told)}",
            )


def judged(shares: Shares, crew: Crew, tried: Tried, told: str) -> Grade:
    """The pods still run, so that all was at the same time; what was seen is recorded.

    Raises ``Unknown`` where they share a device and nothing is known of computing on it.
    """
    crew.still_run(tried.tenants)
    shares.evidence.step(f"shared a device: {shares.strategy}", expected="two pods on one device", observed=told)
    if tried.cannot is not None:
        raise Unknown(f"{told}; whether they compute is not known: {tried.cannot.reason}", code=tried.cannot.code)
    return Grade.CONTROLLED
