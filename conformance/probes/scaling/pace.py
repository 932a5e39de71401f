"""How long things take that nobody tells: monitoring and autoscalers of a live cluster go by the minute, simulated ones by the second."""

from dataclasses import dataclass

from conformance.cluster.settings import Settings

LIVE_WINDOW = 10.0
"""Absence window of a live cluster; only simulated ones have a shorter one."""


@dataclass(frozen=True)
class Pace:
    """Times in seconds."""

    idle: float
    """How long replicas are watched: twice the period of an autoscaler (15 s)."""
    rate: int
    """Over what the growth of a counter is taken: two scrapes of one minute."""
    calm: int
    """Stabilization window that is asked for."""
    served: float
    """Limit for a metric of new pods to be served: a Prometheus was seen to need 2.2 minutes for a new target."""
    up: float
    """Limit from load to the first new pod: a scrape, the growth of a rate, the autoscaler's own pace."""
    down: float
    """Limit for the metric to be low and for replicas to fall: the same, and the stabilization window."""


def of(settings: Settings) -> Pace:
    """The pace of a run's cluster; no window is shorter than that of the run."""
    if settings.window_seconds < LIVE_WINDOW:
        return Pace(idle=settings.window_seconds, rate=5, calm=1, served=60.0, up=60.0, down=80.0)
    return Pace(idle=max(30.0, settings.window_seconds), rate=120, calm=5, served=300.0, up=300.0, down=420.0)
