"""The output of containers: kept in memory up to a limit, read back by line, followed while it comes."""

import asyncio
from collections.abc import AsyncIterator

from conformance.simulator.objects import micro_stamp

LIMIT = 10 * 1024 * 1024
"""Bytes kept of one container; the real kubelet rotates at the same size."""


class Log:
    """Output of one run of a container."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, bytes]] = []
        self._size = 0
        self._grew = asyncio.Event()
        self.closed = False

    def write(self, data: bytes) -> None:
        """Take in output."""
        for line in data.splitlines(keepends=True):
            if self._lines and not self._lines[-1][1].endswith(b"\n"):
                self._lines[-1] = (self._lines[-1][0], self._lines[-1][1] + line)
            else:
                self._lines.append((micro_stamp(), line))
            self._size += len(line)
        while self._size > LIMIT:
            self._size -= len(self._lines.pop(0)[1])
        self._wake()

    def close(self) -> None:
        """No more will come."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self._grew.set()
        self._grew = asyncio.Event()

    async def read(self, *, follow: bool, timestamps: bool, tail: int | None) -> AsyncIterator[bytes]:
        """Lines from the start or from the last ``tail`` on."""
        place = max(len(self._lines) - tail, 0) if tail is not None else 0
        sent = 0
        while True:
            grew, closed = self._grew, self.closed
            while place < len(self._lines):
                moment, line = self._lines[place]
                prefix = f"{moment} ".encode() if timestamps and not sent else b""
                yield prefix + line[sent:]
                if not line.endswith(b"\n") and place == len(self._lines) - 1:
                    sent = len(line)
                    break
                place, sent = place + 1, 0
            if closed or not follow:
                return
            await grew.wait()


class LogStore:
    """Logs by pod uid and container; each container keeps its current and its previous run."""

    def __init__(self) -> None:
        self._logs: dict[tuple[str, str], list[Log]] = {}

    def open(self, uid: str, container: str) -> Log:
        """A log for a new run of a container."""
        runs = self._logs.setdefault((uid, container), [])
        runs.append(Log())
        del runs[:-2]
        return runs[-1]

    def forget(self, uid: str) -> None:
        """Drop the logs of a pod that is gone."""
        for key in [key for key in self._logs if key[0] == uid]:
            del self._logs[key]

    async def stream(
        self, uid: str, container: str, *, previous: bool, follow: bool, timestamps: bool, tail: int | None
    ) -> AsyncIterator[bytes]:
        """The output of a container, line by line."""
        runs = self._logs.get((uid, container), [])
        if not runs or (previous and len(runs) == 1):
            return
        log = runs[0] if previous and len(runs) > 1 else runs[-1]
        async for chunk in log.read(follow=follow, timestamps=timestamps, tail=tail):
            yield chunk
