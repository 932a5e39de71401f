"""What a check declares about itself, so that a run can be planned before anything is touched (DESIGN 5).

The decorator only attaches the declaration; requirement, name and section come from the module, the function and the folder,
and the text comes from the docstring. Nothing is said twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from conformance.verdicts import Decides, Impact

F = TypeVar("F", bound=Callable[..., None])
Variants = Literal["kinds", "dra_types"]


@dataclass(frozen=True, kw_only=True)
class CheckSpec:
    """Declaration of one check."""

    decides: Decides
    """What a verdict of this check decides."""
    needs: tuple[str, ...]
    """Permissions, ``verb resource[.group][/subresource]``: ``create pods``, ``list resourceslices.resource.k8s.io``."""
    longest: float
    """Longest time in seconds that the check may take on a conformant cluster."""
    why_longest: str
    """Reason for that time."""
    accelerators: int = 0
    """Accelerators held at the same time."""
    variants: Variants | None = None
    """``kinds``: once per accelerator kind of the inventory; ``dra_types``: once per served type of resource.k8s.io."""
    impact: Impact = Impact.PROBE
    """What the check does to a cluster."""
    provisional: bool = False
    """A provisional check is shown and decides nothing."""


def check(
    *,
    decides: Decides,
    needs: tuple[str, ...],
    longest: float,
    why_longest: str,
    accelerators: int = 0,
    variants: Variants | None = None,
    impact: Impact = Impact.PROBE,
    provisional: bool = False,
) -> Callable[[F], F]:
    """Declare a check. The parameters are the fields of ``CheckSpec``."""
    spec = CheckSpec(
        decides=decides,
        needs=needs,
        longest=longest,
        why_longest=why_longest,
        accelerators=accelerators,
        variants=variants,
        impact=impact,
        provisional=provisional,
    )

    def attach(function: F) -> F:
        function.conformance_check = spec  # type: ignore[attr-defined]
        return function

    return attach
