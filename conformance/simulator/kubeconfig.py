"""The kubeconfig of a simulated cluster. One that somebody else wrote is never overwritten."""

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from conformance.simulator.api.access import ADMIN, User

if TYPE_CHECKING:
    from conformance.simulator.objects import Obj

MARK = "# written by the simulated cluster of Kube AI Conformance\n"
NAME = "simulated"


class NotOursError(FileExistsError):
    """The file is there and was not written by a simulated cluster."""


def check(path: Path) -> None:
    """Refuse a file that is not ours."""
    if path.exists() and not path.read_bytes().startswith(MARK.encode()):
        raise NotOursError(
            f"{path} exists and was not written by a simulated cluster; choose another file or move it away"
        )


def render(url: str, authority: str, users: list[User]) -> str:
    """One context for each user; the administrator's is the current one."""

    def context(user: User) -> str:
        return NAME if user.name == ADMIN else f"{NAME}-{user.name}"

    ca = base64.b64encode(authority.encode()).decode()
    config: Obj = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": {"server": url, "certificate-authority-data": ca}}],
        "users": [{"name": user.name, "user": {"token": user.token}} for user in users],
        "contexts": [{"name": context(user), "context": {"cluster": NAME, "user": user.name}} for user in users],
        "current-context": NAME,
    }
    return MARK + yaml.safe_dump(config, sort_keys=False)


def write(path: Path, url: str, authority: str, users: list[User]) -> None:
    """Write it, readable by its owner alone."""
    check(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(render(url, authority, users))
    fresh.replace(path)
