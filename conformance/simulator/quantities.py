"""Quantities of the Kubernetes API (``100m``, ``64Mi``) as exact numbers."""

import re
from fractions import Fraction

_FORM = re.compile(r"^([+-]?(?:\d+\.?\d*|\.\d+))((?:[KMGTPE]i)|[numkMGTPE]|(?:[eE][+-]?\d+))?$")
_UNITS = {
    **{unit: Fraction(1024) ** n for n, unit in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))},
    **{unit: Fraction(1000) ** n for n, unit in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), start=-3)},
}


def parse(text: object) -> Fraction:
    """The number behind a quantity; ``ValueError`` where it is none."""
    found = _FORM.match(str(text))
    if not found:
        raise ValueError(f"quantity {text!r}: want a number with an optional unit such as 100m or 64Mi")
    number, unit = Fraction(found[1]), found[2] or ""
    if unit in _UNITS:
        return number * _UNITS[unit]
    return number * Fraction(10) ** int(unit[1:])


def show(number: Fraction) -> str:
    """A number as a quantity with the largest decimal unit that leaves it whole; at least thousandths."""
    for unit in ("E", "P", "T", "G", "M", "k", ""):
        if number and (number / _UNITS[unit]).denominator == 1:
            return f"{number / _UNITS[unit]}{unit}"
    return f"{-(-number.numerator * 1000 // number.denominator)}m" if number else "0"


def show_bytes(number: Fraction) -> str:
    """A number of bytes as a quantity, with the largest binary unit that leaves it whole."""
    for unit in ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki"):
        if number and (number / _UNITS[unit]).denominator == 1:
            return f"{number / _UNITS[unit]}{unit}"
    return show(number)


def canonical(text: str) -> str:
    """The form in which the API server keeps a quantity; units stay binary or decimal."""
    number = parse(text)
    if "e" in text or "E" in text.rstrip("i"):
        return text
    return show_bytes(number) if text.endswith("i") else show(number)
