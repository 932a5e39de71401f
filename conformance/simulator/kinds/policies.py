"""Rules of ``requestPolicy``: which amounts of a capacity may be asked for."""

from collections.abc import Iterator
from fractions import Fraction

from conformance.simulator.api.errors import Cause, duplicate, forbidden_field, invalid, required, too_many
from conformance.simulator.objects import Obj
from conformance.simulator.quantities import parse, show, show_bytes

_MOST_VALUES = 10


def policy_causes(capacity: str, policy: Obj, path: str) -> Iterator[Cause]:
    """What is wrong with the policy of a capacity."""
    values, spread, default = policy.get("validValues") or [], policy.get("validRange"), policy.get("default")
    if values and spread is not None:
        words = 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time'
        yield forbidden_field(path, words)
    elif values:
        if default is None:
            yield required(f"{path}.default", "required when validValues is defined")
        else:
            yield from _values(capacity, default, values, f"{path}.validValues")
    elif spread is not None:
        if default is None:
            yield required(f"{path}.default", "required when validRange is defined")
        else:
            yield from _range(capacity, default, spread, f"{path}.validRange")


def _values(capacity: str, default: str, values: list[str], path: str) -> Iterator[Cause]:
    for n in range(1, len(values)):
        if parse(values[n - 1]) > parse(values[n]):
            yield invalid(f"{path}[{n}]", values[n], "values must be sorted in ascending order")
    seen: set[Fraction] = set()
    if len(values) > _MOST_VALUES:
        yield too_many(path, len(values), _MOST_VALUES)
    for n, value in enumerate(values if len(values) <= _MOST_VALUES else ()):
        if parse(value) > parse(capacity):
            yield invalid(f"{path}[{n}]", value, f"option is larger than capacity value: {capacity}")
        if parse(value) in seen:
            yield duplicate(f"{path}[{n}]", show(parse(value)) if parse(value) % 1 else str(int(parse(value))))
        seen.add(parse(value))
    if parse(default) not in seen:
        yield invalid(path, default, "default value is not valid according to the requestPolicy")


def _range(capacity: str, default: str, spread: Obj, path: str) -> Iterator[Cause]:
    least, most, step = spread.get("min"), spread.get("max"), spread.get("step")
    if least is None:
        yield required(f"{path}.min", "required when validRange is defined")
        return
    if parse(least) > parse(capacity):
        yield invalid(f"{path}.min", least, f"min is larger than capacity value: {capacity}")
    if parse(default) < parse(least):
        yield invalid(f"{path}.default", default, f"default is less than min: {least}")
    if most is not None:
        if parse(least) > parse(most):
            yield invalid(f"{path}.max", least, f"min is larger than max: {most}")
        if parse(most) > parse(capacity):
            yield invalid(f"{path}.max", most, f"max is larger than capacity value: {capacity}")
        if parse(default) > parse(most):
            yield invalid(f"{path}.default", default, f"default is more than max: {most}")
    if step is not None:
        yield from _step(capacity, default, spread, f"{path}.step")


def _step(capacity: str, default: str, spread: Obj, path: str) -> Iterator[Cause]:
    least, most, step = spread["min"], spread.get("max"), spread["step"]
    if parse(step) <= 0:
        yield invalid(path, step, "must be greater than zero")
        return
    if parse(least) + parse(step) > parse(capacity):
        total = parse(least) + parse(step)
        shown = show_bytes(total) if least.endswith("i") else show(total)
        words = f"one step {shown} is larger than capacity value: {capacity}"
        yield invalid(path, step, words)
    for value in (default, most):
        if value is not None and (parse(value) - parse(least)) % parse(step):
            yield invalid(path, value, f"value is not a multiple of a given step ({step}) from ({least})")
