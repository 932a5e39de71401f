"""The two queries that the stand-in for Prometheus understands: the sum of a metric, and the sum of its rate."""

import re

from conformance.simulator.metrics.archive import Archive

_LABEL = r'[a-zA-Z_]\w*\s*=\s*"[^"\\]*"'
_SELECTOR = rf"(?P<name>[a-zA-Z_:][\w:]*)\s*(?:\{{\s*(?P<labels>(?:{_LABEL}\s*,?\s*)*)\}})?"
_SUM = re.compile(rf"\s*sum\s*\(\s*{_SELECTOR}\s*\)\s*")
_RATE = re.compile(rf"\s*sum\s*\(\s*rate\s*\(\s*{_SELECTOR}\s*\[(?P<window>\d+)(?P<unit>[smh])\]\s*\)\s*\)\s*")
_PAIR = re.compile(r'([a-zA-Z_]\w*)\s*=\s*"([^"\\]*)"')
_SECONDS = {"s": 1, "m": 60, "h": 3600}


class UnknownQueryError(ValueError):
    """A query that is not one of the two."""


def evaluate(archive: Archive, text: str) -> float | None:
    """The sum, or None where no series is there."""
    found = _RATE.fullmatch(text) or _SUM.fullmatch(text)
    if found is None:
        raise UnknownQueryError(
            f'the simulated Prometheus cannot read {text!r}; it knows sum(NAME{{label="value"}}) and sum(rate(NAME{{…}}[WINDOW]))'
        )
    labels = dict(_PAIR.findall(found["labels"] or ""))
    if "window" in found.groupdict():
        values = archive.rates(found["name"], labels, int(found["window"]) * _SECONDS[found["unit"]])
    else:
        values = archive.last(found["name"], labels)
    return sum(value for _, value in values) if values else None
