"""What is installed on a cluster for one purpose, such as a gang scheduler: plain data that the plan and the report share."""

from dataclasses import asdict, dataclass
from typing import Any

GANG, METRICS, AUTOSCALER = "gang", "metrics", "autoscaler"
FAMILIES = {GANG: "gang scheduler", METRICS: "metrics adapter", AUTOSCALER: "cluster autoscaler"}


@dataclass(frozen=True, kw_only=True)
class Solution:
    """One solution that was found."""

    family: str
    """``gang``, ``metrics`` or ``autoscaler``."""
    id: str
    """Slug, used in variants: ``native``, ``kueue``, ``karpenter``."""
    title: str
    """Name with the API version that is served: ``Kueue (kueue.x-k8s.io/v1beta2)``."""
    group_version: str = ""
    """API group and version of its own objects; empty where it has none."""
    alive: bool | None
    """Whether its controller was seen available; None where that cannot be seen."""
    seen: str
    """How it was found, one sentence for the report."""
    namespace: str = ""
    """Where its controllers run, if that was seen."""
    scheduler: str = ""
    """Name of its scheduler, where that is set up by whoever installed it."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Solution":
        """Solution from what ``to_json`` gave."""
        return cls(**data)
