"""What the machine itself must offer: the right kind of Linux, and some Debian packages, which are installed where they are missing."""

import os
import shutil
import sys
from pathlib import Path

from .accelerators import CONTROL
from .cgroups import MOUNTS
from .shell import TestbedError, run, succeeds

# What each package is needed for: a program, or a file.
PACKAGES = {
    "containernetworking-plugins": "/usr/lib/cni/ptp",
    "conntrack": "conntrack",
    "debootstrap": "debootstrap",
    "iproute2": "ip",
    "nftables": "nft",
    "openssl": "openssl",
    "runc": "/usr/sbin/runc",
    "util-linux": "setpriv",
}
QUIET = {"DEBIAN_FRONTEND": "noninteractive"}


def missing() -> list[str]:
    """The packages that are not there."""
    return [
        package
        for package, wanted in PACKAGES.items()
        if not (Path(wanted).exists() if wanted.startswith("/") else shutil.which(wanted))
    ]


def install() -> None:
    """Install what is missing."""
    packages = missing()
    if packages:
        print(f"installing {', '.join(packages)} …", flush=True)
        run("apt-get", "update", "--quiet", env=QUIET)
        run("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *packages, env=QUIET)


def obstacle() -> str:
    """Why this machine cannot run a testbed; empty if it can."""
    packages = missing()
    checks = (
        (sys.platform == "linux", f"the system is {sys.platform}; a testbed needs Linux"),
        (os.geteuid() == 0, "not root; a testbed makes namespaces, mounts and device rules"),
        (shutil.which("go") is not None, "no Go; install the version that go/kubernetes/go.mod asks for"),
        (
            succeeds("unshare", "--mount", "--net", "--pid", "--fork", "true"),
            "namespaces are not allowed here; a testbed needs `unshare --mount --net --pid`",
        ),
        (
            (MOUNTS / "devices" / "cgroup.procs").exists(),
            f"no {MOUNTS}/devices; a testbed needs cgroup v1 or hybrid cgroups",
        ),
        (CONTROL.exists(), f"no {CONTROL}; a testbed needs loop devices (modprobe loop)"),
        (
            not packages or succeeds("apt-get", "install", "--simulate", *packages),
            f"packages cannot be installed: {', '.join(packages)}; `apt-get update` may help",
        ),
    )
    return next((reason for fine, reason in checks if not fine), "")


def require() -> None:
    """Raise if this machine cannot run a testbed, and install what is missing if it can."""
    reason = obstacle()
    if reason:
        raise TestbedError(f"this machine cannot run a testbed: {reason}")
    install()
