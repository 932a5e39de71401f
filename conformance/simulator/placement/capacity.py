"""Consumable capacity: what an allocation takes of a device that serves several claims, and whether that is left.

The rules are those of the real allocator: no request means the policy's default or else all; a request is rounded up to what the
policy allows; amounts are compared exactly. Names of capacities are compared as they are written in slice and claim.
"""

from fractions import Fraction
from typing import Any

from conformance.simulator.objects import Obj, dig
from conformance.simulator.quantities import parse, show, show_bytes

Amounts = dict[str, Fraction]


def consumed(device: Obj, form: Obj) -> Obj:
    """Quantities by capacity that a request takes of a device."""
    wanted = dig(form, "capacity", "requests", default={})
    return {name: _amount(capacity, wanted.get(name)) for name, capacity in (device.get("capacity") or {}).items()}


def amounts(quantities: Obj) -> Amounts:
    """Quantities as numbers."""
    return {name: parse(value) for name, value in quantities.items()}


def fits(device: Obj, form: Obj, used: Amounts) -> bool:
    """Whether a device has every capacity that is asked for, allows the amounts, and has them left."""
    have = device.get("capacity") or {}
    if any(name not in have for name in dig(form, "capacity", "requests", default={})):
        return False
    for name, quantity in consumed(device, form).items():
        amount, policy = parse(quantity), have[name].get("requestPolicy")
        if policy and not _allowed(amount, policy):
            return False
        if used.get(name, Fraction()) + amount > parse(have[name]["value"]):
            return False
    return True


def has_names(device: Obj, form: Obj) -> bool:
    """Whether a device has every capacity that is asked for, in whatever amount."""
    have = device.get("capacity") or {}
    return all(name in have for name in dig(form, "capacity", "requests", default={}))


def _amount(capacity: Obj, wanted: Any) -> str:
    policy = capacity.get("requestPolicy") or {}
    if wanted is None:
        return str(policy.get("default", capacity["value"]))
    spread, values = policy.get("validRange") or {}, policy.get("validValues")
    if spread.get("min") is not None:
        return _rounded(str(wanted), spread)
    if values:
        return str(next((value for value in values if parse(wanted) <= parse(value)), wanted))
    return str(wanted)


def _rounded(wanted: str, spread: Obj) -> str:
    least, asked = parse(spread["min"]), parse(wanted)
    if asked < least:
        return str(spread["min"])
    if spread.get("step") is None:
        return wanted
    step = parse(spread["step"])
    number = least + step * -((least - asked) // step)
    return show_bytes(number) if str(spread["step"]).endswith("i") else show(number)


def _allowed(amount: Fraction, policy: Obj) -> bool:
    if policy.get("default") is not None and amount == parse(policy["default"]):
        return True
    spread, values = policy.get("validRange"), policy.get("validValues")
    if spread:
        if spread.get("max") is not None and amount > parse(spread["max"]):
            return False
        return spread.get("step") is None or (amount - parse(spread["min"])) % parse(spread["step"]) == 0
    return not values or amount in [parse(value) for value in values]
