"""Which device a selector is tried on, and selectors that no device meets."""

from collections.abc import Iterator, Sequence

from conformance.inventory.amounts import amount
from conformance.probes.allocation import IMPOSSIBLE, Running
from conformance.probes.dra import expressions
from conformance.probes.dra.published import Published
from conformance.probes.dra.trial import Trial


def first_and_last(trial: Trial) -> tuple[Published, Published]:
    """The free devices that come first and last: a scheduler that looks at no selector cannot take both for the same claim."""
    free = trial.free()
    seen = ", ".join(device.name for device in free)
    trial.evidence.step("looked for free devices", observed=seen, obj=f"Node {trial.bench.node}")
    return free[0], free[-1]


def take_device(trial: Trial, name: str, device: Published) -> Running:
    """Start a pod whose claim only this device meets; ``Failure`` where it is refused or given another one."""
    expected = f"{device.name}, which is free and meets the selectors"
    running = trial.get(
        name, trial.one(*meaning(trial, device)), code="fitting_claim_refused", expected=expected, needs=[device]
    )
    trial.got(running, device, "wrong_device_chosen", "a claim that only one device meets")
    return running


def meaning(trial: Trial, device: Published) -> list[str]:
    """Selectors for this device only, by attributes and by each capacity that it has."""
    sizes = [expressions.capacity_is(name, value, "== 0") for name, value in _sizes(device)]
    return [*trial.means(device), *sizes][: expressions.MOST]


def met_by_nobody(trial: Trial) -> list[tuple[str, str]]:
    """Selectors that no device on the node meets, each with a name: by an attribute and by a capacity where there are such."""
    devices = trial.rivals()
    found = [("by-attribute", e) for e in _attributes(trial, devices)][:1]
    found += [("by-capacity", e) for e in _capacities(devices)][:1]
    return found or [("by-nothing", IMPOSSIBLE)]


def _attributes(trial: Trial, devices: Sequence[Published]) -> Iterator[str]:
    names = sorted({n for d in devices for n in d.attributes}, key=lambda name: (name != trial.identity, name))
    for name in names:
        values = [value for d in devices if (value := d.value(name)) is not None]
        typed = [d.attributes[name] for d in devices if name in d.attributes]
        if values and not any("version" in t for t in typed) and (e := expressions.nobody_is(name, values)):
            yield e


def _capacities(devices: Sequence[Published]) -> Iterator[str]:
    for name in sorted({n for d in devices for n in d.capacity}):
        sizes = [
            (n, text) for d in devices for own, text in _sizes(d) if own == name and (n := amount(text)) is not None
        ]
        if sizes:
            yield expressions.capacity_is(name, max(sizes)[1], "> 0")


def _sizes(device: Published) -> list[tuple[str, str]]:
    """Capacities with a quantity, by name."""
    values = ((name, str(entry.get("value"))) for name, entry in sorted(device.capacity.items()))
    return [(name, text) for name, text in values if amount(text) is not None]
