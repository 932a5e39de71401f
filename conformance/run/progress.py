"""What runs now, what it waits for, for how long and until when, for the person who looks on.

Workers send datagrams to a socket in the run's private folder; losing one costs a line, never a verdict.
"""

import json
import os
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from conformance.evidence import bounded

SOCKET = "progress"
REFRESH_SECONDS = 10.0
"""How often plain lines repeat what is still running; a terminal is refreshed every second."""
_LARGEST = 2_000


class Teller:
    """The sending end, in a worker."""

    def __init__(self, folder: Path) -> None:
        self._address = str(folder / SOCKET)
        self._socket: socket.socket | None = None

    def tell(self, check: str, what: str, limit: float | None) -> None:
        """Say what a check does now and for how long at most; nobody listening is no error."""
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
        message = json.dumps([check, " ".join(bounded(what, 120).split()), limit]).encode()
        try:
            self._socket.sendto(message, self._address)
        except OSError:
            return

    def close(self) -> None:
        """Give the socket back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass
class Line:
    """One check that runs."""

    began: float = field(default_factory=time.monotonic)
    what: str = ""
    since: float = 0.0
    limit: float | None = None

    def text(self, check: str, at: float) -> str:
        """``check 12 s: waiting for pod x (3 s of 60 s)``."""
        waited = f" ({at - self.since:.0f} s of {self.limit:.0f} s)" if self.limit else ""
        return f"{check} {at - self.began:.0f} s" + (f": {self.what}{waited}" if self.what else "")


class Board:
    """The receiving end, in the controller: prints what begins, what ends, and at intervals what still runs."""

    def __init__(self, folder: Path, total: int, stream: TextIO | None = None) -> None:
        self.total, self.done = total, 0
        self._own = stream is None
        self._stream = stream or os.fdopen(os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2), "w")
        self._tty = self._stream.isatty()
        self._running: dict[str, Line] = {}
        self._lock = threading.Lock()
        self._drawn = False
        self._shown = time.monotonic()
        self._address = folder / SOCKET
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._address))
        self._socket.settimeout(1.0)
        self._end = False
        self._thread = threading.Thread(target=self._listen, name="progress", daemon=True)
        self._thread.start()

    def started(self, check: str) -> None:
        """A worker has taken the check."""
        with self._lock:
            self._running[check] = Line()
            self._refresh()

    def finished(self, check: str, verdict: str, detail: str) -> None:
        """The check has its record."""
        with self._lock:
            line = self._running.pop(check, Line())
            self.done += 1
            seconds = f"{time.monotonic() - line.began:.1f} s"
            self._print(f"[{self.done}/{self.total}] {verdict:<14} {check} ({seconds}){detail}")

    def say(self, text: str) -> None:
        """A line of its own."""
        with self._lock:
            self._print(text)

    def close(self) -> None:
        """Stop listening and leave the terminal clean."""
        self._end = True
        teller = Teller(self._address.parent)
        teller.tell("", "", None)
        teller.close()
        self._thread.join(timeout=5)
        with self._lock:
            self._wipe()
        self._socket.close()
        self._address.unlink(missing_ok=True)
        if self._own:
            self._stream.close()

    def _listen(self) -> None:
        while not self._end:
            try:
                message = self._socket.recv(2 * _LARGEST)
            except TimeoutError:
                message = b""
            with self._lock:
                self._note(message)
                self._refresh()

    def _note(self, message: bytes) -> None:
        try:
            check, what, limit = json.loads(message or b"null") or ("", "", None)
            line = self._running.get(str(check))
            limit = None if limit is None else float(limit)
        except (ValueError, TypeError):
            return
        if line:
            line.what, line.since, line.limit = str(what), time.monotonic(), limit

    def _refresh(self) -> None:
        at = time.monotonic()
        pause = 1.0 if self._tty else REFRESH_SECONDS
        if not self._running or (at - self._shown < pause):
            return
        self._shown = at
        texts = [line.text(check, at) for check, line in self._running.items()]
        if not self._tty:
            self._write("".join(f"        running: {text}\n" for text in texts))
            return
        self._wipe()
        columns = os.get_terminal_size(self._stream.fileno()).columns
        self._write(f"{len(texts)} running: {' | '.join(texts)}"[: max(20, columns - 1)])
        self._drawn = True

    def _print(self, text: str) -> None:
        self._wipe()
        self._write(f"{text}\n")

    def _wipe(self) -> None:
        if self._drawn:
            self._write("\r\x1b[K")
            self._drawn = False

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            return
