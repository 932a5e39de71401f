"""One run of one container as a local process group of its own."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from conformance.simulator.runtime.logs import Log

_CHUNK = 65536


@dataclass(frozen=True)
class Launch:
    """What is to be started."""

    command: tuple[str, ...]
    environment: dict[str, str]
    folder: Path


class Watchdog:
    """The helper process that outlives the simulator for a moment and kills what it left."""

    def __init__(self, folder: Path) -> None:
        program = [sys.executable, "-I", "-S", str(Path(__file__).with_name("watchdog.py")), str(folder)]
        self._helper = subprocess.Popen(program, stdin=subprocess.PIPE, start_new_session=True)

    def add(self, group: int) -> None:
        """Kill this group when the simulator is gone."""
        self._say(f"+{group}\n")

    def drop(self, group: int) -> None:
        """This group has ended."""
        self._say(f"-{group}\n")

    def _say(self, line: str) -> None:
        if self._helper.stdin and not self._helper.stdin.closed:
            self._helper.stdin.write(line.encode())
            self._helper.stdin.flush()

    def close(self) -> None:
        """Let it clean up and end."""
        if self._helper.stdin:
            self._helper.stdin.close()
        self._helper.wait()


class Process:
    """A running container."""

    def __init__(self, process: asyncio.subprocess.Process, log: Log, watchdog: Watchdog) -> None:
        self._process, self._log, self._watchdog = process, log, watchdog
        self._copying = asyncio.create_task(self._copy())

    @classmethod
    async def start(cls, launch: Launch, log: Log, watchdog: Watchdog) -> "Process":
        """Start it; ``OSError`` where the program cannot be run."""
        process = await asyncio.create_subprocess_exec(
            *launch.command,
            env=launch.environment,
            cwd=launch.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        watchdog.add(process.pid)
        return cls(process, log, watchdog)

    async def _copy(self) -> None:
        stream = self._process.stdout
        while stream and (data := await stream.read(_CHUNK)):
            self._log.write(data)

    @property
    def number(self) -> int:
        """Process id."""
        return self._process.pid

    async def ended(self) -> int:
        """Wait for the process alone."""
        return await self._process.wait()

    async def wait(self) -> int:
        """Exit code as containers have it: 128 + n for a death by signal n."""
        code = await self._process.wait()
        self.signal(signal.SIGKILL)
        await self._copying
        self._log.close()
        self._watchdog.drop(self._process.pid)
        return 128 - code if code < 0 else code

    def signal(self, number: int) -> None:
        """Send a signal to the whole group."""
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return
