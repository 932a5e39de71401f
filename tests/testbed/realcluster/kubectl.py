"""The cluster's own kubectl, as administrator."""

from pathlib import Path

from .build import Cache
from .paths import State
from .shell import run, succeeds


class Kubectl:
    """Calls kubectl and returns what it printed."""

    def __init__(self, cache: Cache, state: State) -> None:
        self.words = (str(cache.file("kubectl")), "--kubeconfig", str(state.kubeconfig("admin")))

    def __call__(self, *arguments: str | Path, text: str | None = None) -> str:
        return run(*self.words, *arguments, text=text)

    def succeeds(self, *arguments: str) -> bool:
        return succeeds(*self.words, *arguments)

    def apply(self, text: str) -> None:
        """Make or change the objects of a YAML text; by the server, because some definitions are too large for an annotation."""
        self("apply", "--server-side", "--force-conflicts", "--filename=-", text=text)

    def wait(self, what: str, condition: str, namespace: str = "default", seconds: int = 60) -> None:
        self("wait", "--namespace", namespace, "--for=create", what, f"--timeout={seconds}s")
        if condition:
            self("wait", "--namespace", namespace, f"--for={condition}", what, f"--timeout={seconds}s")
