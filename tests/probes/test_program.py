"""The probe program in a file system that a test wrote down: what it finds, opens, makes, and how it ends."""

import argparse
import errno
import importlib.util
import json
import os
import signal
import stat
import subprocess
import sys
from types import ModuleType
from typing import Any

import pytest

from conformance import content

PROGRAM = content.FIXTURES / "probe" / "probe.py"
Json = dict[str, Any]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("probe_program", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


probe = _load()


class Container:
    """Folders and device nodes by path."""

    def __init__(self) -> None:
        self.nodes: dict[str, tuple[str, int, int]] = {}
        self.folders: set[str] = {"/"}
        self.closed: set[str] = set()
        self.allowed: dict[str, int] = {}
        """Widest access mode that opens, by path; everything else is refused."""
        self.refusal: dict[str, int] = {}
        self.content: bytes | int = b""
        self.mknod: int = 0
        self.opened: list[str] = []
        self.handles: dict[int, str] = {}
        self.removed: list[str] = []

    def put(self, path: str, kind: str, major: int, minor: int) -> None:
        self.nodes[path] = (kind, major, minor)
        while path != "/":
            path = os.path.dirname(path)  # noqa: PTH120 - text, not a file
            self.folders.add(path)

    def listdir(self, folder: str) -> list[str]:
        if folder in self.closed:
            raise OSError(errno.EACCES, "closed")
        below = [*self.nodes, *self.folders - {"/"}]
        return [path.rpartition("/")[2] for path in below if (path.rpartition("/")[0] or "/") == folder]

    def lstat(self, path: str) -> os.stat_result:
        kind, major, minor = self.nodes.get(path, ("d", 0, 0))
        mode = {"c": stat.S_IFCHR, "b": stat.S_IFBLK, "f": stat.S_IFREG, "d": stat.S_IFDIR, "l": stat.S_IFLNK}[kind]
        if major < 0:
            raise OSError(errno.ENOENT, "gone")
        fields: list[Any] = [mode | 0o666, *[0] * 9]
        return os.stat_result(fields, {"st_rdev": os.makedev(major, minor)})

    def open(self, path: str, flags: int) -> int:
        mode = flags & os.O_ACCMODE
        assert flags & os.O_NONBLOCK, "a device that waits must not hold the probe"
        self.opened.append(path)
        if path not in self.allowed or (mode in (os.O_RDWR, os.O_WRONLY) and self.allowed[path] == os.O_RDONLY):
            raise OSError(self.refusal.get(path, errno.EPERM), "refused")
        handle = 1000 + len(self.handles)
        self.handles[handle] = path
        return handle

    def read(self, _handle: int, size: int) -> bytes:
        if isinstance(self.content, int):
            raise OSError(self.content, "unreadable")
        return self.content[:size]

    def close(self, handle: int) -> None:
        del self.handles[handle]

    def make(self, path: str, mode: int, device: int) -> None:
        if self.mknod:
            raise OSError(self.mknod, "refused")
        kind = "b" if stat.S_ISBLK(mode) else "c"
        self.nodes[path] = (kind, os.major(device), os.minor(device))

    def unlink(self, path: str) -> None:
        del self.nodes[path]
        self.removed.append(path)


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> Container:
    made = Container()

    class System:
        """The calls of ``os`` that reach files; all others are the real ones."""

        listdir, lstat, open, read = made.listdir, made.lstat, made.open, made.read
        close, mknod, unlink = made.close, made.make, made.unlink

        def __getattr__(self, name: str) -> Any:
            return getattr(os, name)

    monkeypatch.setattr(probe, "os", System())
    return made


def _arguments(*words: str) -> argparse.Namespace:
    parsed: argparse.Namespace = probe.parser().parse_args(["devices", *words])
    return parsed


def _found(*words: str) -> Json:
    answer: Json = probe.found(_arguments(*words))
    return answer


def _paths(entries: list[Json]) -> list[str]:
    return [entry["path"] for entry in entries]


ACCEL = "/dev/simaccel0"
MATCH = ("--match", "/dev/simaccel[0-9]*")


def test_nodes_are_found_by_their_type_in_nested_folders(container: Container) -> None:
    container.put("/opt/a/b/c/x", "c", 240, 0)
    container.put("/dev/disk", "b", 8, 1)
    container.put("/dev/file", "f", 240, 1)
    container.put("/dev/link", "l", 240, 2)
    assert [(n["path"], n["kind"]) for n in _found()["others"]] == [("/dev/disk", "b"), ("/opt/a/b/c/x", "c")]


@pytest.mark.parametrize("name", ["proc", "sys"])
def test_views_of_the_kernel_are_passed_over_only_at_the_top(container: Container, name: str) -> None:
    container.put(f"/{name}/x", "c", 240, 0)
    container.put(f"/opt/{name}/x", "c", 240, 1)
    assert _paths(_found()["others"]) == [f"/opt/{name}/x"]


@pytest.mark.parametrize(("major", "minor"), [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2), (136, 7)])
def test_a_node_that_every_container_has_is_neither_opened_nor_listed(
    container: Container, major: int, minor: int
) -> None:
    container.put("/dev/simaccel9", "c", major, minor)
    found = _found(*MATCH)
    assert (found["nodes"], found["others"], container.opened) == ([], [], [])


def test_a_block_device_with_a_standard_number_is_listed(container: Container) -> None:
    container.put("/dev/ram", "b", 1, 3)
    assert _paths(_found()["others"]) == ["/dev/ram"]


def test_a_node_under_another_name_is_opened_by_kind_and_major_of_one_by_name(container: Container) -> None:
    container.put(ACCEL, "c", 240, 0)
    container.put("/opt/hidden", "c", 240, 7)
    container.put("/opt/block", "b", 240, 7)
    found = _found(*MATCH)
    assert _paths(found["nodes"]) == [ACCEL, "/opt/hidden"]
    assert _paths(found["others"]) == ["/opt/block"]


@pytest.mark.parametrize(
    ("number", "opened"), [("c:240", ["/opt/x", "/opt/y"]), ("c:240:1", ["/opt/y"]), ("b:240", [])]
)
def test_a_number_opens_nodes_under_any_name_and_no_others(
    container: Container, number: str, opened: list[str]
) -> None:
    container.put("/opt/x", "c", 240, 0)
    container.put("/opt/y", "c", 240, 1)
    found = _found("--number", number)
    assert _paths(found["nodes"]) == opened
    assert set(container.opened) == set(opened)


def test_a_closed_folder_is_passed_over(container: Container) -> None:
    container.put("/closed/x", "c", 240, 0)
    container.put("/open/x", "c", 240, 1)
    container.closed = {"/closed"}
    assert _paths(_found()["others"]) == ["/open/x"]


def test_what_went_away_during_the_walk_is_passed_over(container: Container) -> None:
    container.put("/dev/gone", "c", -1, 0)
    container.put("/dev/there", "c", 240, 0)
    assert _paths(_found()["others"]) == ["/dev/there"]


def test_a_walk_that_reaches_its_limit_says_that_it_is_not_complete(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    for minor in range(4):
        container.put(f"/a/n{minor}", "c", 240, minor)
    assert _found()["complete"] is True
    monkeypatch.setattr(probe, "WALK_LIMIT", 3)
    assert _found()["complete"] is False


def test_other_nodes_beyond_the_limit_are_cut_and_said(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "OTHERS_LIMIT", 1)
    container.put("/dev/a", "c", 240, 0)
    container.put("/dev/b", "c", 240, 1)
    found = _found()
    assert (_paths(found["others"]), found["complete"]) == (["/dev/a"], False)


@pytest.mark.parametrize("refusal", [errno.EPERM, errno.EACCES, errno.ENXIO])
def test_a_refused_open_gives_the_word_of_its_errno(container: Container, refusal: int) -> None:
    container.refusal[ACCEL] = refusal
    assert probe.try_open(ACCEL) == {"open": errno.errorcode[refusal], "mode": ""}
    assert container.opened == [ACCEL] * 3


def test_a_node_that_only_reads_is_opened_to_read(container: Container) -> None:
    container.allowed[ACCEL] = os.O_RDONLY
    container.content = b"accelerator uuid=SIM-0001\n"
    result = probe.try_open(ACCEL)
    content = "accelerator uuid=SIM-0001"
    assert result == {"open": "ok", "mode": "r", "write": "EPERM", "read": "ok", "content": content}
    assert container.handles == {}


def test_a_device_that_opens_and_cannot_be_read_says_why(container: Container) -> None:
    container.allowed[ACCEL] = os.O_RDWR
    container.content = errno.EINVAL
    assert probe.try_open(ACCEL) == {"open": "ok", "mode": "rw", "read": "EINVAL"}
    assert container.handles == {}


@pytest.mark.parametrize(
    ("data", "text"), [(b"a\0b", "a"), (b"\0", ""), (b"x" * 9000, "x" * 512), (b"\xff", "\N{REPLACEMENT CHARACTER}")]
)
def test_content_ends_at_nul_and_is_bounded(container: Container, data: bytes, text: str) -> None:
    container.allowed[ACCEL] = os.O_RDWR
    container.content = data
    assert probe.try_open(ACCEL)["content"] == text


MADE = "/tmp/made-c-240-3"


def test_a_refused_mknod_opens_nothing(container: Container) -> None:
    container.mknod = errno.EPERM
    assert probe.make("c:240:3") == {"kind": "c", "major": 240, "minor": 3, "mknod": "EPERM", "open": ""}
    assert container.opened == []


def test_a_node_made_by_hand_that_is_refused_says_so_and_is_removed(container: Container) -> None:
    result = probe.make("c:240:3")
    assert (result["mknod"], result["open"]) == ("ok", "EPERM")
    assert container.removed == [MADE]


@pytest.mark.parametrize("kind", ["b", "c"])
def test_a_node_made_by_hand_that_opens_says_so_and_is_removed(container: Container, kind: str) -> None:
    path = f"/tmp/made-{kind}-240-3"
    container.allowed[path] = os.O_RDWR
    result = probe.make(f"{kind}:240:3")
    assert (result["kind"], result["mknod"], result["open"]) == (kind, "ok", "ok")
    assert container.removed == [path]


@pytest.mark.parametrize(("words", "made"), [((), []), (("--make-own",), [3])])
def test_only_what_was_opened_is_made_by_hand_too_and_only_when_asked(
    container: Container, words: tuple[str, ...], made: list[int]
) -> None:
    container.put(ACCEL, "c", 240, 3)
    container.put("/dev/simaccel1", "c", 240, 4)
    container.allowed[ACCEL] = os.O_RDWR
    answer = probe.devices(_arguments(*MATCH, *words))
    assert [entry["minor"] for entry in answer["made"]] == made


def test_only_variables_that_were_asked_for_are_told(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    assert container.nodes == {}
    monkeypatch.setenv("ASKED", "yes")
    monkeypatch.setenv("SECRET", "no")
    assert probe.devices(_arguments("--env", "ASKED", "--env", "MISSING"))["environment"] == {"ASKED": "yes"}


def test_the_program_says_one_line_and_ends_with_0_on_sigterm_while_it_holds() -> None:
    words = [sys.executable, "-I", str(PROGRAM), "devices", "--hold", "60"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=30)
    assert line.startswith('{"probe"')
    assert json.loads(line)["version"] == 1
    assert (child.returncode, out, err) == (0, "", "")


def test_a_file_is_told_by_its_first_4_kib_or_by_the_word_of_its_errno(container: Container) -> None:
    container.allowed["/sys/version"] = os.O_RDONLY
    container.content = b"1.2.3\n" + b"x" * 9000
    there, gone = probe.devices(_arguments("--file", "/sys/version", "--file", "/gone"))["files"]
    assert (there["read"], len(there["content"])) == ("ok", 4096)
    assert gone == {"path": "/gone", "read": "EPERM"}
    assert container.handles == {}


@pytest.mark.parametrize(
    ("words", "part", "problem"),
    [
        (["burn", "--by", "cuda", "--library-path", "/none"], "burn", "/none: no libcuda.so.1"),
        (["nvml", "--library-path", "/none"], "nvml", "nvmlInit: NVML_ERROR_LIBRARY_NOT_FOUND"),
    ],
)
def test_where_there_is_no_device_and_no_library_the_program_says_which(
    words: list[str], part: str, problem: str
) -> None:
    command = [sys.executable, "-I", str(PROGRAM), *words, "--file", "/none/version"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = json.loads(ended.stdout)
    assert problem in answer[part]["problem"]
    assert answer[part]["devices"] == []
    assert answer["files"] == [{"path": "/none/version", "read": "ENOENT"}]
