"""What a pod that holds an accelerator is asked to do, and how it holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from conformance.inventory.descriptors import Descriptor
from conformance.verdicts import Unknown

READING_SECONDS, COMPUTING_SECONDS = 0.5, 2.0
"""Length of a load that reads through a device, and of one that computes on it."""
LIBRARY_MEMORY = "1Gi"
"""Memory limit of a container that loads a vendor's library; a CUDA context takes some hundred MiB of the host's."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Sub-command of the probe program and its options; every sub-command answers what ``devices`` answers, too."""

    command: Literal["devices", "burn", "nvml"] = "devices"
    by: str = "read"
    """How the load of ``burn`` is put on a device: ``read`` or ``cuda``."""
    seconds: float = READING_SECONDS
    """Length of the load of ``burn``, at most 30."""
    files: tuple[str, ...] = ()
    """Files whose first 4 KiB are reported."""
    environment: tuple[str, ...] = ()
    """Environment variables that are reported."""
    libraries: tuple[str, ...] = ()
    """Folders with the vendor's libraries."""

    def arguments(self) -> list[str]:
        """Words after the sub-command."""
        words = [word for path in self.files for word in ("--file", path)]
        words += [word for name in self.environment for word in ("--env", name)]
        if self.command != "devices":
            words += [word for folder in self.libraries for word in ("--library-path", folder)]
        if self.command == "burn":
            words += ["--by", self.by, "--seconds", str(self.seconds)]
        return words

    @property
    def memory(self) -> str | None:
        """Memory limit of the container, where it is more than usual."""
        loads = self.command == "nvml" or (self.command == "burn" and self.by != "read")
        return LIBRARY_MEMORY if loads else None

    @property
    def busy_seconds(self) -> float:
        """Seconds that the probe works before it says anything."""
        return self.seconds if self.command == "burn" else 0.0


@dataclass(frozen=True, kw_only=True)
class Holding:
    """How a pod holds its accelerator."""

    sibling: bool = False
    """Whether another container of the pod asks for none; it opens ``numbers`` under any name."""
    numbers: Sequence[str] = ()
    make: Sequence[str] = ()
    """Numbers of which the pod makes nodes by hand, as ``root``."""
    environment: Mapping[str, str] = field(default_factory=dict)
    root: bool = False
    """Run as root with CAP_MKNOD."""
    ordinary: bool = False
    """Run as root where that is admitted, as most containers do."""


DEVICES, PLAINLY = Ask(), Holding()


def burning(descriptor: Descriptor, seconds: float | None = None) -> Ask:
    """A load on the device in the descriptor's way. Raises ``Unknown`` where none can be put on it by the probe."""
    if not descriptor.compute:
        raise Unknown(
            f"{descriptor.title}: the probe cannot put a load on it; its user libraries are in images of workloads only. "
            "Add 'compute' to the descriptor where the host has them",
            code="no_compute",
        )
    usual = COMPUTING_SECONDS if descriptor.compute == "cuda" else READING_SECONDS
    return Ask(command="burn", by=descriptor.compute, seconds=seconds or usual, libraries=descriptor.library_paths)
