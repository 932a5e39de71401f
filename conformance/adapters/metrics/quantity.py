"""Quantities of Kubernetes as numbers: ``1500m`` is 1.5 (apimachinery, ``resource.Quantity``)."""

import re

_FORM = re.compile(r"([+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30}))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?\Z")
_SIGNS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {f"{sign}i": 1024.0**power for power, sign in enumerate("KMGTPE", 1)}


def number(text: object) -> float | None:
    """The number, or None for what is no quantity."""
    match = _FORM.match(str(text)) if isinstance(text, str | int | float) and not isinstance(text, bool) else None
    if match is None:
        return None
    factor = {**_SIGNS, **_BINARY}[match[2]] if match[2] else 10.0 ** int(match[3] or 0)
    return float(match[1]) * factor
