"""One process at a time holds the accelerators of a kind, and a dead one holds nothing."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.run.broker import Broker

HOLDER = """
import sys
from pathlib import Path
from conformance.run.broker import Broker
Broker(Path(sys.argv[1])).acquire(sys.argv[2:])
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def _holder(folder: Path, *kinds: str) -> Iterator[subprocess.Popen[str]]:
    """Another process; the kinds are its own once it has said so."""
    command = [sys.executable, "-c", HOLDER, str(folder), *kinds]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def _said(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def test_a_second_process_gets_the_kind_only_after_the_first_gave_it_back(tmp_path: Path) -> None:
    mine = Broker(tmp_path)
    mine.acquire(["dra-s1"])
    with _holder(tmp_path, "dra-s1") as child, _holder(tmp_path, "other") as free:
        assert _said(free) == "held"
        assert child.poll() is None
        mine.release()
        assert _said(child) == "held"


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    mine = Broker(tmp_path)
    with _holder(tmp_path, "dra-s1") as child:
        assert _said(child) == "held"
        child.kill()
        mine.acquire(["dra-s1"])
    mine.release()


def test_kinds_with_odd_names_are_locked_inside_the_folder(tmp_path: Path) -> None:
    mine = Broker(tmp_path)
    mine.acquire(["../../x", "b"])
    mine.release()

    assert sorted(path.name for path in tmp_path.iterdir()) == [".._.._x.lock", "b.lock"]
