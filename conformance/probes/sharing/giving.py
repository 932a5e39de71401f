"""Devices that are given to several pods at once, by each way of sharing: replicas, one claim, claims for capacity."""

from collections.abc import Callable, Sequence
from itertools import combinations

from conformance.cluster.api import Object
from conformance.inventory import room
from conformance.inventory.vendor import CAPACITY, MPS, SHARED_CLAIM, SLICES, TIME_SLICING
from conformance.probes import claims
from conformance.probes.ask import Ask
from conformance.probes.sharing import together, views
from conformance.probes.sharing.crew import Sent
from conformance.probes.sharing.shares import MOST_UNITS, Shares
from conformance.probes.sharing.views import View
from conformance.probes.tenants import Tenant
from conformance.verdicts import Failure, Grade, Unknown

REPLICAS = (TIME_SLICING, MPS, SLICES)


def by_replicas(shares: Shares) -> Grade:
    """A device of which a device plugin hands out several units is given to two pods that run and compute at the same time.

    One pod more than the node has devices is started, because the usual policy spreads units over devices. Where no label
    tells the number of devices, a pod is started for every unit of the node, as far as one check may.
    """
    node = shares.node_object()
    devices, units = shares.devices(node), shares.units(node)
    wanted = min(units, MOST_UNITS) if devices is None else max(2, devices + 1)
    if units < max(2, wanted):
        raise Failure(
            "no_device_shared",
            observed=f"node {node['metadata']['name']} offers {units} {shares.kind.name}; physical devices: {devices or 'not told'}",
            expected="more units than devices, so that pods can share one",
        )
    crew = shares.crew(wanted)
    tried = together.at_once(shares, crew, lambda ask, first: [crew.send(f"{first}{n}", ask) for n in range(wanted)])
    seen = together.viewed(shares, tried.tenants)
    pair = views.sharing_one(seen)
    if pair is None and devices is None and wanted < units:
        raise Unknown(
            f"{wanted} of {units} units are on a device each, and no label tells how many devices there are",
            code="too_many_units",
        )
    if pair is None:
        raise Failure(
            "no_device_shared",
            observed=f"{len(seen)} pods with one unit each opened {len(seen)} devices: {'; '.join(map(str, seen))}",
            expected="at least two of them have a share of one device",
        )
    together.are_allocated(shares, tried.tenants)
    return together.judged(shares, crew, tried, f"{pair[0].pod} and {pair[1].pod} share {pair[0].node}")


def by_claim(shares: Shares) -> Grade:
    """Two pods that name one claim open one device; a pod with another claim opens another one."""
    crew = shares.crew(1)
    other = (shares.bench.free() or 0) > 1

    def send(ask: Ask, first: str) -> list[Sent]:
        claim = crew.claim(f"{first}shared")
        both = [crew.send(f"{first}{name}", ask, claim) for name in ("one", "two")]
        return both + ([crew.send(f"{first}other", ask)] if other else [])

    tried = together.at_once(shares, crew, send)
    one, two, *rest = together.viewed(shares, tried.tenants)
    if not views.same(one, two):
        raise Failure(
            "shared_claim_is_two_devices",
            observed=f"{one}; {two}",
            expected="two pods that name one claim open the one device that it holds",
        )
    _held_by_both(tried.tenants)
    for third in rest:
        if views.same(one, third):
            raise _one_for_two_claims(one, third)
    together.are_allocated(shares, tried.tenants)
    shares.evidence.step(
        "a pod with a claim of its own ran beside them" if rest else "no second device is free for a second claim",
        expected="another device",
        observed="; ".join(map(str, rest)) or "not tried",
    )
    together.judged(shares, crew, tried, f"{one.pod} and {two.pod} share {one.node} by one claim")
    return Grade.CONTROLLED if rest else Grade.BEHAVIOURAL


def by_capacity(shares: Shares) -> Grade:
    """Claims for parts of a device's capacity are given one device, each under an id of its own, and their pods use it."""
    wanted = len(shares.published()[1]) + 1
    crew = shares.crew(wanted, meant=lambda device: device.multiple)
    tried = together.at_once(shares, crew, lambda ask, first: [crew.send(f"{first}{n}", ask) for n in range(wanted)])
    seen = together.viewed(shares, tried.tenants)
    results = [_result(tenant) for tenant in tried.tenants]
    shared = ""
    for (a, left), (b, right) in combinations(zip(seen, results, strict=True), 2):
        if room.key_of(left) != room.key_of(right):
            if views.same(a, b):
                raise _one_for_two_claims(a, b)
            continue
        shared = f"{a.pod} and {b.pod} share {a.node} by claims for {left.get('consumedCapacity')}"
        _is_one_device(a, b, left, right)
    if not shared:
        raise Failure(
            "no_device_shared",
            observed=f"{len(seen)} claims were given {len(seen)} devices: {'; '.join(map(str, seen))}",
            expected="two claims that fit into one device are given one",
        )
    together.are_allocated(shares, tried.tenants)
    return together.judged(shares, crew, tried, shared)


GIVEN: dict[str, Callable[[Shares], Grade]] = {
    **dict.fromkeys(REPLICAS, by_replicas),
    SHARED_CLAIM: by_claim,
    CAPACITY: by_capacity,
}
"""How a device is shared, by way of sharing; partitions are in ``partitions``."""


def _held_by_both(tenants: Sequence[Tenant]) -> None:
    """The claim that two pods name holds one device and is reserved for both."""
    one, two = tenants[:2]
    claim: Object = two.claim or {}
    users = {str(tenant.pod["metadata"]["uid"]) for tenant in (one, two)}
    if len(claims.allocated(claim)) != 1 or not users <= set(claims.reserved_for(claim)):
        raise Failure(
            "claim_not_held",
            observed=f"while two pods run with one claim: {claims.describe(claim)}",
            expected="it holds one device and is reserved for both",
        )


def _result(tenant: Tenant) -> Object:
    """The one device that a pod's claim was given."""
    found = room.allocation_results(tenant.claim or {})
    if len(found) != 1:
        raise Unknown(f"the claim of pod {tenant.name} holds {len(found)} devices and not one", code="claim_changed")
    return found[0]


def _is_one_device(a: View, b: View, left: Object, right: Object) -> None:
    """Two claims on one device: its pods opened it, and each claim has an id of its own for its share."""
    if not views.same(a, b):
        raise Failure(
            "shared_device_is_two",
            observed=f"both claims were given {'/'.join(room.key_of(left))}; {a}; {b}",
            expected="the pods open the one device that both claims were given",
        )
    ids = (left.get("shareID"), right.get("shareID"))
    if None in ids or ids[0] == ids[1]:
        raise Failure(
            "shares_not_told_apart",
            observed=f"both claims were given {'/'.join(room.key_of(left))} with shareID {ids[0]} and {ids[1]}",
            expected="each share of a device has an id of its own",
        )


def _one_for_two_claims(a: View, b: View) -> Failure:
    return Failure(
        "device_shared", observed=f"{a}; {b}", expected="two claims that were given two devices open two devices"
    )
