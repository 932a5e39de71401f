"""What a world says about the way of metrics from pods to an autoscaler."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MetricsSpec:
    """What carries metrics of pods to an autoscaler; a Prometheus comes with either adapter."""

    custom: bool = False
    """Whether an adapter serves ``custom.metrics.k8s.io``."""
    external: str = ""
    """Who serves ``external.metrics.k8s.io``: ``keda``, or nobody."""

    @property
    def any(self) -> bool:
        """Whether there is anything at all."""
        return self.custom or bool(self.external)
