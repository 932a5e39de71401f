"""Whether a driver publishes one accelerator twice: the scheduler would give it away twice, and every count would be right."""

from conformance.inventory import dra, fresh
from conformance.inventory.kinds import DRA
from conformance.probes.bench import Bench
from conformance.verdicts import Failure

UUID = "uuid"
"""Attribute by which drivers name hardware, whatever they call the device."""


def must_be_published_once(bench: Bench) -> None:
    """``Failure`` where two devices of the node have one identity and no counters that keep them from being given away both."""
    if bench.kind.way != DRA:
        return
    api, driver = bench.sandbox.api, bench.kind.name
    found = api.list(f"/apis/{bench.group_version}/resourceslices", field_selector=f"spec.driver={driver}")
    slices, _ = dra.current_slices(found)
    here = dra.devices(slices, [api.get(f"/api/v1/nodes/{bench.node}")])
    names: dict[str, list[str]] = {}
    for device in (d for d in here if d.node == bench.node and _alone(bench, d)):
        for name in _attributes(bench):
            if isinstance(value := device.attributes.get(name), str) and value:
                names.setdefault(f"{name} {value}", []).append(device.name)
    twice = {identity: told for identity, told in names.items() if len(told) > 1}
    seen = "; ".join(f"{' and '.join(told)} have {identity}" for identity, told in sorted(twice.items()))
    bench.sandbox.evidence.step(
        "compared the identities of published devices",
        expected="each once",
        observed=seen or f"{len(names)}, each once",
    )
    if twice:
        raise Failure(
            "device_published_twice",
            observed=f"{driver} publishes on {bench.node}: {seen}",
            expected="each device once, or with shared counters, so that two claims are not given one device",
            hint="look for a driver that publishes a device under a second name beside the first",
        )


def _alone(bench: Bench, device: dra.Device) -> bool:
    """Whether a claim that is given this device believes to have it alone."""
    given = not device.tainted and not device.multiple and not device.consumes
    return given and fresh.is_of(bench.kind, device, bench.descriptor)


def _attributes(bench: Bench) -> set[str]:
    rule = bench.descriptor.device_identity
    return {UUID, *([rule.attribute] if rule is not None and rule.source == "attribute" else [])}
