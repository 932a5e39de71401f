"""One check at a time holds the accelerators of a kind, across worker processes.

Controls ask for one accelerator more than is free, so a second check that takes one meanwhile would make a verdict false.
A lock of the kernel on a file is enough: it waits without polling and is released when a worker dies, however it dies.
"""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path


class Broker:
    """Locks of one process on the accelerator kinds of a run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[int] = []

    def acquire(self, kinds: Sequence[str]) -> None:
        """Wait until this process alone holds the kinds; always in the same order, so that two processes cannot block each other."""
        for kind in sorted(set(kinds)):
            name = "".join(c if c.isalnum() or c in "._-" else "_" for c in kind)
            handle = os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._held.append(handle)
            fcntl.flock(handle, fcntl.LOCK_EX)

    def release(self) -> None:
        """Give everything back; closing the file releases its lock."""
        while self._held:
            os.close(self._held.pop())
