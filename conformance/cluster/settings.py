"""The choices of one run that reach below the command: plain data, so that workers get the same ones."""

from dataclasses import asdict, dataclass, fields
from typing import Any

DEFAULT_IMAGE = "docker.io/library/python:3.13-slim"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Choices of a run; every field has the default that a user gets."""

    run_id: str
    """Short lower-case id; part of namespace names and the run label of every object."""
    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None
    """Existing namespace to work in where creating namespaces is forbidden; None: one namespace per check."""
    keep: bool = False
    """Leave the objects of checks in place for looking at them."""
    timeout_scale: float = 1.0
    """Factor on every limit (never on the absence window)."""
    probe_image: str = DEFAULT_IMAGE
    registry: str | None = None
    """Prefix that replaces the registry of every image."""
    runtime_class: str | None = None
    impact: str = "probe"
    window_seconds: float = 10.0
    """Shortest time in seconds that an absence is watched; shorter only on the simulated cluster."""
    scale_up_seconds: float = 1200.0
    """Longest time in seconds that an autoscaler may need for a node; shorter only on the simulated cluster."""
    scale_down_seconds: float = 1800.0
    """Longest time in seconds after which a node that nobody needs is gone; shorter only on the simulated cluster."""
    descriptor_files: tuple[str, ...] = ()
    probe_command: tuple[str, ...] = ("python3",)
    local_queue: str | None = None
    """``NAMESPACE/NAME`` of a Kueue LocalQueue to use."""
    create_queues: bool = False
    """Whether queues with a quota of their own may be made; they oversell accelerators that others' queues cover."""
    gang_nodes: str = "few"
    """Nodes on which gangs are tried: ``few`` keeps the ask small, ``all`` takes every free accelerator of a kind."""
    node_pool: str | None = None
    """``LABEL=VALUE`` of the node pool that is to grow."""
    allow_scale_up: bool = False
    """Whether a check may make the cluster buy nodes."""
    prometheus: str | None = None
    """URL of a Prometheus as pods of the cluster reach it."""
    queue_metric: str | None = None
    """Name under which an adapter serves the queue depth of the probe servers."""
    token_metric: str | None = None
    """Name under which an adapter serves their tokens per second."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Settings":
        """Settings from what ``to_json`` gave."""
        values = {field.name: data[field.name] for field in fields(cls) if field.name in data}
        for name in ("descriptor_files", "probe_command"):
            if name in values:
                values[name] = tuple(values[name])
        return cls(**values)

    def limit(self, seconds: float) -> float:
        """A limit in seconds after ``--timeout-scale``."""
        return seconds * self.timeout_scale

    def image(self, reference: str | None = None) -> str:
        """Image reference after ``--probe-image`` and ``--registry``."""
        image = reference or self.probe_image
        if not self.registry:
            return image
        first, _, rest = image.partition("/")
        path = rest if rest and ("." in first or ":" in first or first == "localhost") else image
        return f"{self.registry.rstrip('/')}/{path}"
