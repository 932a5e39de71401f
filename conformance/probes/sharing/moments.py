"""Whether loads were on devices at the same time: pods of one node have one clock, and each says when it began and ended."""

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_SECONDS = 1.0
"""Time that all loads have in common at least."""


@dataclass(frozen=True)
class Span:
    """When a load was on a device, in seconds of the node's clock."""

    began: float
    ended: float


def together(spans: Sequence[Span]) -> float:
    """Seconds that all have in common; negative where the last began after the first had ended."""
    return min(span.ended for span in spans) - max(span.began for span in spans)


def spread(spans: Sequence[Span]) -> float:
    """Seconds between the first and the last beginning."""
    begun = [span.began for span in spans]
    return max(begun) - min(begun)
