"""Running other programs: one way to call them, one error that says which one failed and what it printed."""

import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class TestbedError(Exception):
    """Something the testbed cannot go on without; the message says what was seen, what was wanted and what to do."""

    __test__ = False


def run(
    *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None, text: str | None = None
) -> str:
    """Run a program to its end and return what it printed; `env` is added to the environment, `text` is its input."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, cwd=cwd, env={**os.environ, **(env or {})}, input=text, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise TestbedError(f"{words[0]}: no such program; `python tests/testbed check` says what is missing") from error
    if done.returncode != 0:
        raise TestbedError(
            f"`{' '.join(words)}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-2000:]}"
        )
    return done.stdout


def succeeds(*command: str | Path) -> bool:
    """Whether a program ends well; what it prints is dropped."""
    return subprocess.run([str(word) for word in command], capture_output=True, check=False).returncode == 0


def until(condition: Callable[[], bool], what: str, seconds: float, hint: str = "") -> None:
    """Wait, in small steps and with a bound, for something that offers nothing to wait on."""
    pause = threading.Event()
    for _ in range(int(seconds * 10)):
        if condition():
            return
        pause.wait(0.1)
    raise TestbedError(f"waited {seconds:.0f} s for {what}, in vain{'; ' + hint if hint else ''}")


def lines(options: Sequence[str]) -> str:
    """Several lines of text with one newline at the end of each."""
    return "".join(f"{line}\n" for line in options)
