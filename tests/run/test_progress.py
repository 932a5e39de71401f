"""The board says what runs and what it waits for, and nothing that comes to it can break it."""

import io
import socket
from pathlib import Path

from conformance.run.progress import Board, Line, Teller


def test_the_board_says_what_begins_and_ends(tmp_path: Path) -> None:
    stream = io.StringIO()
    board = Board(tmp_path, 2, stream)
    board.started("r/a")
    board.finished("r/a", "passed", "  controlled")
    board.close()

    assert stream.getvalue().startswith("[1/2] passed         r/a (0.0 s)  controlled\n")
    assert not list(tmp_path.iterdir())


def test_a_line_says_what_is_waited_for_how_long_and_until_when() -> None:
    line = Line(began=100.0, what="waiting for pod x to start", since=105.0, limit=60.0)

    assert line.text("r/a", 112.0) == "r/a 12 s: waiting for pod x to start (7 s of 60 s)"


def test_words_of_a_cluster_cannot_reach_the_terminal_raw(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "progress"))
        teller = Teller(tmp_path)
        teller.tell("r/a", "pod \x1b[31m\nred " + "x" * 5000, 1.0)
        message = receiver.recv(65536)
        teller.close()

    assert b"\\x1b" in message
    assert b"\x1b" not in message
    assert len(message) < 1000


def test_telling_nobody_is_no_error(tmp_path: Path) -> None:
    teller = Teller(tmp_path)
    teller.tell("r/a", "anything", None)
    teller.close()


def test_what_is_not_a_message_is_ignored(tmp_path: Path) -> None:
    stream = io.StringIO()
    board = Board(tmp_path, 1, stream)
    board.started("r/a")
    for junk in (b"{", b"[1]", b'"x"', b"[[],1,2]", b'["r/a", "fine", "soon"]'):
        board._note(junk)
    board.finished("r/a", "passed", "")
    board.close()

    assert "r/a" in stream.getvalue()
