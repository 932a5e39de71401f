"""The simulated cluster: a Kubernetes API that can be made wrong on purpose.

It is the ground of the demo and of the self-test. ``start`` is all that the rest of the suite needs.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster
    from conformance.simulator.places import WorldError as WorldError

__all__ = ["Running", "WorldError", "faults", "start", "worlds"]


class Running:
    """A simulated cluster that runs until it is stopped."""

    def __init__(self, cluster: "Cluster", kubeconfig: Path, *, temporary: bool) -> None:
        self._cluster, self.kubeconfig, self._temporary = cluster, kubeconfig, temporary

    @property
    def url(self) -> str:
        """Where its API server listens."""
        return self._cluster.url

    @property
    def crashes(self) -> list[BaseException]:
        """Mistakes of the simulator itself; empty unless something is very wrong."""
        return self._cluster.crashes

    def stop(self) -> None:
        """Stop it; nothing is left."""
        from conformance.simulator import kubeconfig  # noqa: PLC0415 - loaded when it is needed

        self._cluster.stop()
        if self._temporary and self.kubeconfig.exists():
            kubeconfig.check(self.kubeconfig)
            self.kubeconfig.unlink()
            self.kubeconfig.parent.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(world: str | Path, faults: Sequence[str] = (), *, kubeconfig: Path | None = None) -> Running:
    """Start a world with faults in it; the kubeconfig goes to the given file or to a temporary one."""
    from conformance.simulator import kubeconfig as files  # noqa: PLC0415 - loaded when it is needed
    from conformance.simulator import world as loading  # noqa: PLC0415 - loaded when it is needed

    loaded = loading.world(world, faults)
    if kubeconfig is not None:
        files.check(kubeconfig)
    from conformance.simulator.cluster import Cluster  # noqa: PLC0415 - loaded when it is needed

    path = kubeconfig or Path(tempfile.mkdtemp(prefix="ai-conformance-kubeconfig-")) / "kubeconfig"
    cluster = Cluster(loaded)
    cluster.start()
    files.write(path, cluster.url, cluster.certificate.certificate, list(loaded.users))
    return Running(cluster, path, temporary=kubeconfig is None)


def worlds() -> dict[str, str]:
    """Names of the worlds, with what they are."""
    from conformance.simulator import world as loading  # noqa: PLC0415 - loaded when it is needed

    return {name: loading.world(name).title for name in loading.names(loading.WORLDS)}


def faults() -> dict[str, str]:
    """Names of the faults, with what they are."""
    from conformance.simulator import world as loading  # noqa: PLC0415 - loaded when it is needed

    return {name: loading.fault(name).title for name in loading.names(loading.FAULTS)}


def __getattr__(name: str) -> type[ValueError]:
    """``WorldError`` without loading YAML for those who do not need it."""
    if name == "WorldError":
        from conformance.simulator.places import WorldError  # noqa: PLC0415 - loaded when it is needed

        return WorldError
    raise AttributeError(name)
