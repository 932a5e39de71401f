"""The choices that come with a write."""

from dataclasses import dataclass, field

SYSTEM = "system:simulator"
"""The user that controllers are."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a write is to be done."""

    user: str = SYSTEM
    dry_run: bool = False
    field_validation: str = "Warn"
    grace: int | None = None
    propagation: str = "Background"
    uid: str | None = None
    resource_version: str | None = None
    warnings: list[str] = field(default_factory=list)


DEFAULT = Options()
"""As a controller writes."""
