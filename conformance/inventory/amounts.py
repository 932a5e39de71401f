"""Quantities of Kubernetes as exact numbers, and what one share of a capacity is (resource.k8s.io, CapacityRequestPolicy)."""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

_FORM = re.compile(
    r"([+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30}))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?\Z", re.ASCII
)
_SIGNS = {sign: Fraction(10) ** (3 * power) for power, sign in enumerate("num kMGTPE", -3)}
_BINARY = {f"{sign}i": Fraction(1024**power) for power, sign in enumerate("KMGTPE", 1)}
_FACTORS = {**_SIGNS, **_BINARY}
SHARES = 4
"""Shares of a capacity of which any amount may be asked for."""
_LONGEST = 64


def amount(text: object) -> Fraction | None:
    """The number (``1500m`` is 3/2), or None for what is no quantity."""
    return _number(str(text)) if isinstance(text, str | int) and not isinstance(text, bool) else None


@lru_cache(maxsize=4096)
def _number(text: str) -> Fraction | None:
    match = _FORM.match(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    factor = _FACTORS[match[2]] if match[2] else Fraction(10) ** int(match[3] or 0)
    return Fraction(match[1]) * factor


def share(capacity: Any) -> str | None:
    """What one claim asks for of a DeviceCapacity so that several fit; None where it is no capacity.

    The default of the policy where two of it fit, else the smallest valid amount. Without a policy any amount may be asked
    for and a claim that asks for none takes all: a fourth.
    """
    if not isinstance(capacity, dict):
        return None
    value = amount(capacity.get("value"))
    if value is None or value <= 0:
        return None
    policy = capacity.get("requestPolicy")
    if not isinstance(policy, dict) or not policy:
        return str(int(value) // SHARES) if value >= SHARES else str(capacity["value"])
    told = [policy.get("default"), _smallest(policy)]
    fitting = [text for text in told if 0 < (amount(text) or 0) <= value / 2]
    return str(next(iter(fitting or [text for text in told if (amount(text) or 0) > 0]), capacity["value"]))


def _smallest(policy: dict[str, Any]) -> Any:
    values, within = policy.get("validValues"), policy.get("validRange")
    if isinstance(values, list):
        good = [value for value in values if (amount(value) or 0) > 0]
        return min(good, key=lambda value: amount(value) or 0, default=None)
    return within.get("min") if isinstance(within, dict) else None
