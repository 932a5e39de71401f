"""Kills the processes of pods when the simulator is gone, however it went. Runs as a program of its own.

It reads ``+PGID`` and ``-PGID`` lines from its standard input, which only the simulator holds open. When that ends, every process
group still listed is killed and the simulator's folder (first argument) is removed.
"""

import os
import shutil
import signal
import sys


def main() -> None:
    """Listen until the simulator is gone, then clean up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    groups = set()
    for line in sys.stdin:
        number = int(line[1:])
        if line[0] == "+":
            groups.add(number)
        else:
            groups.discard(number)
    for number in groups:
        try:
            os.killpg(number, signal.SIGKILL)
        except ProcessLookupError:
            continue
    shutil.rmtree(sys.argv[1], ignore_errors=True)


if __name__ == "__main__":
    main()
