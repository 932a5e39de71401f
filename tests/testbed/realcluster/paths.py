"""Where things lie: what is built goes to a cache that outlives every cluster, what one cluster writes goes to its state folder."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
MANIFESTS = HERE / "manifests"
SOURCES = HERE / "go"
LOCKS = Path("/run/lock")


def cache_root() -> Path:
    """The cache folder of all testbeds of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "kube-ai-conformance" / "testbed"


def default_state() -> Path:
    """The state folder where the caller names none."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "kube-ai-conformance" / "testbed"


@dataclass(frozen=True)
class State:
    """The folder of one running testbed."""

    folder: Path

    @property
    def lock(self) -> Path:
        """Locked while the testbed lives; holds the process id of its top process."""
        return self.folder / "lock"

    @property
    def switches(self) -> Path:
        """`on/NAME` exists while a fault is on; `applied/NAME.WHO` once a part that needs time has obeyed."""
        return self.folder / "switches"

    def is_on(self, fault: str) -> bool:
        """Whether a fault is switched on."""
        return (self.switches / "on" / fault).exists()

    @property
    def certificates(self) -> Path:
        """Keys, certificates and kubeconfigs of the parts."""
        return self.folder / "certificates"

    @property
    def logs(self) -> Path:
        """One log file for each part."""
        return self.folder / "logs"

    @property
    def add_ons(self) -> tuple[str, ...]:
        """The add-ons of this testbed, as `up` was told."""
        file = self.folder / "add-ons"
        return tuple(file.read_text().split()) if file.exists() else ()

    def write_add_ons(self, names: tuple[str, ...]) -> None:
        """Remember which add-ons this testbed has."""
        (self.folder / "add-ons").write_text(" ".join(names))

    def kubeconfig(self, who: str) -> Path:
        """How one part reaches the API server."""
        return self.certificates / f"{who}.kubeconfig"

    def log(self, part: str) -> Path:
        """What a part printed."""
        return self.logs / f"{part}.log"

    @property
    def cgroup(self) -> str:
        """A cgroup of its own for each state folder, so that testbeds side by side do not kill each other's pods."""
        return "/testbed-" + hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]
