"""Ctrl-C and SIGTERM: stop what runs, let it clean up, keep what is known.

The first signal ends the running checks, in every process; clean-up is never interrupted by it. The second one ends the
process as signals do by default.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from conformance.run.judging import Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, FrameType | None], object]


class Interruption:
    """Signal handling of one process."""

    def __init__(self, *, repeat_ends: bool) -> None:
        self.asked = False
        self.breakable = False
        """True while a check may be broken off by raising into it."""
        self.on_ask: list[Callable[[], None]] = []
        """Called once, at the first signal."""
        self.children: set[int] = set()
        """Processes that are told by SIGTERM."""
        self._repeat_ends = repeat_ends
        self._before: dict[signal.Signals, object] = {}

    def install(self) -> None:
        """Take the signals over."""
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._handle)

    def restore(self) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()

    def point(self) -> None:
        """Stop here if a signal has come already."""
        if self.asked:
            raise Stopped("the run was interrupted")

    @contextmanager
    def breaking(self) -> Iterator[None]:
        """Body that a signal may break off; one that has come before breaks it off at once."""
        try:
            self.breakable = True
            self.point()
            yield
        finally:
            self.breakable = False

    def tell(self, pid: int) -> None:
        """Tell a child to stop."""
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            self.children.discard(pid)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            if self._repeat_ends:
                self.restore()
                raise KeyboardInterrupt
            return
        self.asked = True
        for call in self.on_ask:
            call()
        for pid in sorted(self.children):
            self.tell(pid)
        if self.breakable:
            self.breakable = False
            self.point()
