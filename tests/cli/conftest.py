"""The command, in this process where it only speaks and in one of its own where it runs checks."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conformance import cli, simulator


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str

    def error(self) -> str:
        """The one line of its complaint."""
        lines = self.err.strip().splitlines()
        assert lines, "nothing was said"
        assert lines[-1].startswith("ai-conformance: error: ")
        assert "Traceback" not in self.err
        return lines[-1]


Command = Callable[..., Said]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run the command in this process, in an empty folder, without a kubeconfig."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object) -> Said:
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        told = capsys.readouterr()
        return Said(code, told.out, told.err)

    return run


@pytest.fixture(scope="module")
def cluster() -> Iterator[simulator.Running]:
    """A simulated cluster in which all is well."""
    with simulator.start("conformant") as running:
        yield running


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command in a process of its own."""
    children: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "conformance", *map(str, arguments)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "KUBE"))}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        child: subprocess.Popen[str] = subprocess.Popen(words, text=True, env=environment, cwd=tmp_path, **pipes)  # type: ignore[call-overload]
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def finished(started: Callable[..., subprocess.Popen[str]]) -> Command:
    """Run the command in a process of its own to its end."""

    def run(*arguments: object) -> Said:
        child = started(*arguments)
        out, err = child.communicate(timeout=60)
        return Said(child.returncode, out, err)

    return run


def document(out: Path) -> dict[str, Any]:
    """Results file of a folder."""
    found: dict[str, Any] = json.loads((out / "conformance.json").read_text())
    return found


@pytest.fixture
def results() -> Callable[[Path], dict[str, Any]]:
    """Read the results file of a folder."""
    return document
