"""Pods in partitions of one device: two devices of their own, parts of one, each with its own memory."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from conformance.cluster.api import Object
from conformance.inventory import nodes as node_facts
from conformance.inventory import sharing
from conformance.inventory.amounts import amount
from conformance.inventory.dra import Device, counter_sets
from conformance.inventory.kinds import DRA
from conformance.probes import claims
from conformance.probes.ask import DEVICES, Ask, burning
from conformance.probes.sharing import configured, loads, together, views
from conformance.probes.sharing.crew import Crew
from conformance.probes.sharing.shares import MOST_UNITS, Shares
from conformance.probes.sharing.views import View
from conformance.probes.tenants import Tenant
from conformance.verdicts import Failure, Grade, Unknown

MEBI = 1024 * 1024
NEARLY = Fraction(1, 10)
"""Part of a partition's memory that a library may count for itself."""
CUDA = "cuda"


def are_parts_of_one(shares: Shares) -> Grade:
    """Two pods run and compute in two partitions of one device at the same time."""
    crew, wanted = _crew(shares)
    tried = together.at_once(shares, crew, lambda ask, first: [crew.send(f"{first}{n}", ask) for n in range(wanted)])
    if tried.cannot is not None and shares.bench.descriptor.compute == CUDA:
        raise tried.cannot  # the device node of a partition may be that of the whole device, and only the library tells them apart
    pair = _pair(_parts(shares, tried.tenants))
    together.are_allocated(shares, tried.tenants)
    return together.judged(shares, crew, tried, f"{pair[0]}; {pair[1]}")


def are_apart(shares: Shares) -> None:
    """Each of two pods sees the memory of its own partition, as it is advertised, and none opens the other's device."""
    crew, wanted = _crew(shares)
    by_library = shares.bench.descriptor.compute == CUDA
    ask: Ask = burning(shares.bench.descriptor) if by_library else DEVICES
    tenants = crew.gather([crew.send(f"part-{n}", ask) for n in range(wanted)])
    if by_library:
        # The device node of a partition may be that of the whole device, so that without the library two look like one.
        loads.worked(tenants)
    pair = _pair(_parts(shares, tenants))
    crew.still_run(tenants)
    by_name = {tenant.name: tenant for tenant in tenants}
    for own, other in (pair, pair[::-1]):
        _reaches_none(by_name[own.pod], own, other)
        _sees(shares, own, by_name[own.pod])


def _crew(shares: Shares) -> tuple[Crew, int]:
    """Pods of which two must be in one device: one more than the node has divided devices, or one for every partition."""
    wanted = _wanted(shares)
    return shares.crew(wanted), wanted


def _wanted(shares: Shares) -> int:
    if shares.kind.way == DRA:
        parents = {sharing.parent(device, shares.bench.descriptor) for device in shares.published()[1]}
        return len(parents) + 1
    units = shares.units(shares.node_object())
    return max(2, min(units, MOST_UNITS))


def _parts(shares: Shares, tenants: Sequence[Tenant]) -> list[View]:
    """What pods opened, each with the device of which it is a part: as it says itself, else as its driver publishes it.

    Raises ``Unknown`` where neither the descriptor nor the driver can tell it.
    """
    seen = together.viewed(shares, tenants)
    if shares.kind.way == DRA:
        return [
            own if own.parent else replace(own, parent=sharing.parent(_device(shares, tenant), shares.bench.descriptor))
            for own, tenant in zip(seen, tenants, strict=True)
        ]
    if shares.bench.descriptor.node_parent is None and any(own.parent is None for own in seen):
        raise Unknown(
            f"{shares.kind.title}: its descriptor knows no way to tell of which device a partition is one "
            "(device_nodes.parent)",
            code="no_parent",
        )
    return seen


def _pair(seen: Sequence[View]) -> tuple[View, View]:
    """Two partitions of one device. Raises ``Failure`` where two pods have one partition, ``Unknown`` where no device has two."""
    views.all_different(seen)
    pair = views.of_one_parent(seen)
    if pair is None:
        raise Unknown(
            f"no two of {len(seen)} partitions are parts of one device: {'; '.join(map(str, seen))}",
            code="one_partition_each",
        )
    return pair


def _reaches_none(tenant: Tenant, own: View, other: View) -> None:
    reached = [n for n in tenant.report.nodes if n.opened and n.number == other.node.number]
    if reached and not own.by_library:
        raise Failure(
            "foreign_partition_opened",
            observed=f"pod {own.pod}, which has {own.identity}, opened {', '.join(map(str, reached))} of {other.identity}",
            expected="a pod in a partition opens no other one",
        )


def _sees(shares: Shares, own: View, tenant: Tenant) -> None:
    """The memory that a pod sees is that of its partition."""
    memory = amount(own.memory)
    if memory is None:
        raise Unknown(
            f"{own} does not say how much memory it has; its descriptor may say how (device_nodes.memory)",
            code="memory_not_told",
        )
    advertised, told = _advertised(shares, tenant)
    near = advertised * NEARLY if own.by_library else Fraction(0)
    whole = _whole(shares, tenant)
    seen = f"pod {own.pod} sees {own.memory} of memory in {own.identity}"
    shares.evidence.step("compared the memory of a partition", expected=told, observed=seen, obj=f"Pod {own.pod}")
    if abs(memory - advertised) > near:
        raise Failure("partition_memory_differs", observed=seen, expected=f"{told}, as is advertised for it")
    if whole is not None and memory >= whole:
        raise Failure(
            "partition_memory_differs", observed=seen, expected=f"less than the whole device has: {int(whole)}"
        )


def _advertised(shares: Shares, tenant: Tenant) -> tuple[Fraction, str]:
    """Memory that is advertised for the partition of a pod: by its DRA device, or by a label of the node in MiB."""
    if shares.kind.way == DRA:
        told = next(iter(sharing.memory(_device(shares, tenant), shares.bench.descriptor).values()), None)
        value, where = amount(told), f"{told} by its ResourceSlice"
    else:
        value, where = _by_label(shares, shares.node_object())
    if value is None:
        raise Unknown(f"{shares.kind.title}: the memory of a partition is not advertised", code="memory_not_told")
    return value, where


def _by_label(shares: Shares, node: Object) -> tuple[Fraction | None, str]:
    rule = configured.rule_of(shares.kind, node, shares.descriptors)
    label = rule.label(rule.memory, shares.kind.name)
    text = node_facts.labels(node).get(label, "") if label else ""
    value = amount(text)
    return (None if value is None else value * MEBI), f"{text} MiB by label {label}"


def _device(shares: Shares, tenant: Tenant) -> Device:
    held = claims.allocated(tenant.claim or {})
    found = next((device for device in shares.published()[1] if device.key in held), None)
    if found is None:
        raise Unknown(f"the device of pod {tenant.name} is not published any more", code="no_device_published")
    return found


def _whole(shares: Shares, tenant: Tenant) -> Fraction | None:
    """Memory of the divided device by its counters; None where it is not told."""
    if shares.kind.way != DRA:
        return None
    limits = counter_sets(shares.published()[0])
    name = next(iter(sharing.memory(_device(shares, tenant), shares.bench.descriptor)), "")
    counters = [limits.get(key, {}).get(name) for key in _device(shares, tenant).consumes]
    return next((value for value in counters if value is not None), None)
