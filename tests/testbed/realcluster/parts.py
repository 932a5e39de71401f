"""The processes of a testbed: each is started once, writes a log of its own, and must not end by itself."""

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .paths import State
from .shell import TestbedError


@dataclass(frozen=True)
class Part:
    """One running process."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise if the process has ended."""
        code = self.process.poll()
        if code is not None:
            tail = self.log.read_text(errors="replace")[-1500:]
            raise TestbedError(f"{self.name} ended with {code}; the end of {self.log}:\n{tail}")

    def pause(self, paused: bool) -> None:
        """Stop the process where it stands, or let it go on."""
        os.kill(self.process.pid, signal.SIGSTOP if paused else signal.SIGCONT)


class Parts:
    """All processes of a testbed."""

    def __init__(self, state: State, search_path: str) -> None:
        self.state = state
        self.environment = {
            **os.environ,
            "PATH": f"{search_path}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        }
        self.all: dict[str, Part] = {}

    def start(self, name: str, command: Sequence[str | Path], pass_fds: tuple[int, ...] = ()) -> None:
        """Start a process that is to live as long as the testbed."""
        log = self.state.log(name)
        with log.open("ab") as output:
            words = [str(word) for word in command]
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                pass_fds=pass_fds,
            )
        self.all[name] = Part(name, process, log)

    def restart(self, name: str, command: Sequence[str | Path]) -> None:
        """End a part and start it anew with another command; its log goes on."""
        process = self.all[name].process
        process.terminate()
        process.wait()
        self.start(name, command)

    def check(self) -> None:
        """Raise if any process has ended."""
        for part in self.all.values():
            part.check()
