"""What a check declares about itself, so that a run can be planned before anything is touched (DESIGN 5).

The decorator only attaches the declaration; requirement, name and section come from the module, the function and the folder,
and the text comes from the docstring. Nothing is said twice.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from conformance.verdicts import Decides, Impact

F = TypeVar("F", bound=Callable[..., None])
WITH = "+"
"""Joins accelerator kind and solution, or kind and way of sharing, in a variant: ``dra-t1000+kueue``."""
QUEUES = "+queues"
"""Ends the name of what a solution needs besides, where checks may make queues of their own: ``kueue+queues``."""
Variants = Literal[
    "kinds", "shares", "virtual", "dra_kinds", "dra_pools", "dra_types", "gang", "metrics", "adapters", "autoscalers"
]


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
    way_needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Further permissions by allocation way of the kind (``dra``, ``device-plugin``), by DRA type or by solution (``kueue``)."""
    accelerators: int = 0
    """Accelerators that must be free, and that it holds at the same time unless ``holds`` says more."""
    holds: str = ""
    """What it holds at most, in words, where that depends on the cluster: ``all free ones of the node pool``."""
    variants: Variants | None = None
    """What the check runs once for each of.

    ``kinds``: accelerator kinds, node by node; ``shares``: ways of sharing, node by node; ``virtual``: virtual devices,
    node by node, and kinds of which there is none; ``dra_kinds``: kinds that DRA hands out;
    ``dra_pools``: the same over all nodes, for what the one scheduler does; ``dra_types``: types of resource.k8s.io;
    ``gang`` and ``metrics``: accelerator kinds over all nodes, with each solution of the family; ``adapters`` and ``autoscalers``: solutions alone.
    """
    impact: Impact = Impact.PROBE
    """What the check does to a cluster."""
    provisional: bool = False
    """A provisional check is shown and decides nothing."""

    def needs_for(self, ways: Iterable[str] | None) -> tuple[str, ...]:
        """Permissions for a variant of these ways (allocation way, DRA type, solution); None means every one."""
        chosen = self.way_needs if ways is None else {way: self.way_needs.get(way, ()) for way in ways}
        return tuple(dict.fromkeys((*self.needs, *(need for needs in chosen.values() for need in needs))))


def check(
    *,
    decides: Decides,
    needs: tuple[str, ...],
    longest: float,
    why_longest: str,
    way_needs: Mapping[str, tuple[str, ...]] | None = None,
    accelerators: int = 0,
    holds: str = "",
    variants: Variants | None = None,
    impact: Impact = Impact.PROBE,
    provisional: bool = False,
) -> Callable[[F], F]:
    """Declare a check. The parameters are the fields of ``CheckSpec``."""
    spec = CheckSpec(
        decides=decides,
        needs=needs,
        way_needs=way_needs or {},
        longest=longest,
        why_longest=why_longest,
        accelerators=accelerators,
        holds=holds,
        variants=variants,
        impact=impact,
        provisional=provisional,
    )

    def attach(function: F) -> F:
        function.conformance_check = spec  # type: ignore[attr-defined]
        return function

    return attach


def solution_of(spec: CheckSpec | None, variant: str | None) -> str:
    """Id of the solution that a variant of a check is about; empty where it is about none.

    A way of sharing is no solution that another one could stand in for: each that a cluster offers must work.
    """
    if spec and spec.variants in ("shares", "virtual"):
        return ""
    if variant and spec and spec.variants in ("adapters", "autoscalers"):
        return variant
    return (variant or "").partition(WITH)[2]


def spec_of(function: Callable[..., object]) -> CheckSpec:
    """Declaration of a check function. Raises ``TypeError`` for a function that declares nothing."""
    spec = getattr(function, "conformance_check", None)
    if not isinstance(spec, CheckSpec):
        raise TypeError(f"{function.__name__} is no declared check; decorate it with conformance.check")
    return spec
