"""CEL selectors that mean one device and no other, guarded because a missing attribute is an error (device.attributes)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.probes.dra.published import Published

NOBODY = "nobody has this value"
"""Value of a text attribute that no device has."""
FAR = 2**40
"""Number that is added to a number so that no device has it."""
LARGEST = 2**63 - 1
"""Largest number that an attribute or a CEL expression can hold."""


def attribute_is(name: str, typed: Mapping[str, Any]) -> str | None:
    """Selector for devices with this value of an attribute (full name, typed value); None for lists and what is unknown."""
    held = _held("attributes", name)
    kind, value = next(iter(typed.items()), ("", None))
    if kind == "version" and isinstance(value, str):
        return f"{held.has} && {held.value}.compareTo(semver({_text(value)})) == 0"
    literal = _literal(value)
    return f"{held.has} && {held.value} == {literal}" if literal and kind in ("string", "int", "bool") else None


def nobody_is(name: str, values: Sequence[object]) -> str | None:
    """Selector on the same attribute that is met by none of the devices with these values; None where none can be made."""
    held = _held("attributes", name)
    if all(isinstance(value, str) for value in values):
        return f"{held.has} && {held.value} == {_text(NOBODY)}"
    numbers = [value for value in values if isinstance(value, int) and not isinstance(value, bool)]
    if len(numbers) != len(values):
        return None
    beyond = max(numbers) + FAR
    return f"{held.has} && {held.value} == {beyond if beyond <= LARGEST else min(numbers) - FAR}"


def capacity_is(name: str, value: str, relation: str) -> str:
    """Selector for devices whose capacity compares so with a quantity: ``== 0``, ``> 0``."""
    held = _held("capacity", name)
    return f"{held.has} && {held.value}.compareTo(quantity({_text(value)})) {relation}"


def telling(devices: Sequence[Published], preferred: str = "") -> str | None:
    """Attribute that has another value on each of the devices, the preferred one first; None where there is none."""
    names = sorted(
        {name for device in devices for name in device.attributes}, key=lambda name: (name != preferred, name)
    )
    for name in names:
        values = [device.value(name) for device in devices]
        usable = all(attribute_is(name, device.attributes.get(name, {})) for device in devices)
        if usable and len(set(map(str, values))) == len(devices):
            return name
    return None


def only(target: Published, others: Sequence[Published], preferred: str = "") -> tuple[str, ...] | None:
    """Selectors that the target meets and none of the others does: one attribute, or several together; None: no way."""
    rest = [device for device in others if device.key != target.key]
    names = sorted(target.attributes, key=lambda name: (name != preferred, name))
    usable = {n: e for n in names if (e := attribute_is(n, target.attributes[n]))}
    for name, expression in usable.items():
        if all(device.value(name) != target.value(name) for device in rest):
            return (expression,)
    chosen: list[str] = []
    for name, expression in usable.items():
        alike = [device for device in rest if device.value(name) == target.value(name)]
        if len(alike) < len(rest):
            chosen.append(expression)
            rest = alike
    return tuple(chosen) if chosen and not rest and len(chosen) <= MOST else None


MOST = 16
"""Selectors that one request is given here; the API takes 32, with those of the kind."""


class _Held:
    def __init__(self, side: str, name: str) -> None:
        domain, _, short = name.rpartition("/")
        place = f"device.{side}[{_text(domain)}]"
        self.has = f"{_text(short)} in {place}"
        self.value = f"{place}[{_text(short)}]"


def _held(side: str, name: str) -> _Held:
    return _Held(side, name)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _literal(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return _text(value) if isinstance(value, str) else None
