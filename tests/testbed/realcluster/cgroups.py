"""The control groups of a testbed's pods: one root for each node, made before the kubelet wants it, removed when nothing runs there."""

from pathlib import Path

from .shell import TestbedError, until

MOUNTS = Path("/sys/fs/cgroup")


def hierarchies() -> list[Path]:
    """The mounted hierarchies: one for each controller, and in hybrid mode the unified one, which has none here."""
    found = [path for path in MOUNTS.iterdir() if (path / "cgroup.procs").exists() and not path.is_symlink()]
    if MOUNTS / "devices" not in found:
        raise TestbedError(f"no cgroup controller {MOUNTS}/devices: a testbed needs cgroup v1 or hybrid cgroups")
    return found


def create(name: str) -> None:
    """Make a control group and its parents in every controller; a new cpuset is empty and must be filled before use."""
    for hierarchy in hierarchies():
        folder = hierarchy
        for part in Path(name.lstrip("/")).parts:
            parent, folder = folder, folder / part
            folder.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):
                if (folder / setting).exists():
                    (folder / setting).write_text((parent / setting).read_text())


def remove(name: str) -> None:
    """Remove a control group and all below it, the deepest first, once the processes there are gone."""
    for hierarchy in hierarchies():
        top = hierarchy / name.lstrip("/")
        if top.exists():
            until(lambda: not busy(top), f"the processes in {top} to end", 10)  # noqa: B023
            for folder in [*sorted(top.rglob("*/"), key=lambda path: len(path.parts), reverse=True), top]:
                folder.rmdir()


def busy(top: Path) -> bool:
    """Whether processes run in a control group or below it."""
    return any(file.read_text() for file in top.rglob("cgroup.procs"))
