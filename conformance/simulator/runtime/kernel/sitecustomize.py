"""The simulated kernel of one container, loaded by Python in the pod's process before anything else.

It maps the container's own paths into the container's folder, shows device nodes with their numbers, and lets its device cgroup
decide who may open them. What it does not know it leaves to the real kernel. ``kernel.json`` beside it says how the container is.
It uses ``os`` alone, because it replaces what everything else stands on.
"""

# ruff: noqa: PTH100, PTH109, PTH118, PTH120, PTH123

import builtins
import errno
import io
import json
import os
import stat
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

Path = Any
"""A path as the functions of ``os`` take it: text, bytes, path object or file descriptor."""
Node = tuple[int, int, int, int]
"""File type, permissions, major and minor number."""

_HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(_HERE, "kernel.json")) as _loaded:
    _TABLE: dict[str, Any] = json.load(_loaded)

_ROOT: str = _TABLE["root"]
_BASE: str = _TABLE["base"]
_PREFIXES = tuple(_TABLE["prefixes"])
_ALLOWED = {tuple(numbers) for numbers in _TABLE["allowed"]}
_IDENTITY = _TABLE["identity"]
_FILES: dict[str, str] = _TABLE["files"]
"""Files of the kernel that say which driver runs, and where they are here."""
_CHAR, _BLOCK = stat.S_IFCHR, stat.S_IFBLK
_NAMES = (
    "open", "stat", "lstat", "fstat", "close", "listdir", "scandir", "mknod", "access", "unlink", "mkdir", "rmdir", "chmod",
    "readlink", "rename", "makedev",
)  # fmt: skip
_REAL: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in _NAMES}
_REAL_OPEN: Callable[..., Any] = builtins.open
_nodes: dict[str, Node] = {path: (_CHAR, 0o666, numbers[0], numbers[1]) for path, numbers in _TABLE["nodes"].items()}
_handles: dict[int, Node] = {}
_opens: dict[Path, int] = {}


def _inner(path: Path) -> str | None:
    """The path as the container sees it, or None where it is not one of the container's own.

    What lies directly below the root always is: links stand there for the folders of the host that Python itself needs, and a
    walk through the container does not follow them.
    """
    if isinstance(path, int):
        return None
    text = os.fsdecode(path)
    if not text.startswith("/"):
        text = os.path.join(os.getcwd(), text)
    if text == _ROOT or text.startswith(_ROOT + "/"):
        text = text[len(_ROOT) :] or "/"
    elif text.startswith(_BASE):
        return None
    text = os.path.normpath(text)
    first, _, rest = text.strip("/").partition("/")
    return text if not rest or first in _PREFIXES else None


def _local(path: Path) -> Path:
    given = os.fsdecode(path) if not isinstance(path, int) and _FILES else ""
    if given.startswith("/"):
        text = os.path.normpath(given[len(_ROOT) :] if given.startswith(_ROOT + "/") else given)
        if text in _FILES:
            return _FILES[text]
    inner = _inner(path)
    return path if inner is None else os.path.join(_ROOT, inner.lstrip("/"))


def _enter(path: Path) -> None:
    """What the mode 0700 of a folder of root says to anybody else."""
    inner = _inner(path)
    closed = _TABLE["closed"]
    if inner is not None and f"{inner}/".startswith(f"{closed}/") and _IDENTITY["user"] != 0:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)


def _node(path: Path) -> Node | None:
    inner = _inner(path)
    return None if inner is None else _nodes.get(inner)


def _shown(real: os.stat_result, node: Node) -> os.stat_result:
    kind, mode, major, minor = node
    numbers = [kind | mode, *real[1:10]]
    names = ("st_atime", "st_mtime", "st_ctime", "st_atime_ns", "st_mtime_ns", "st_ctime_ns", "st_blksize", "st_blocks")
    extra = {name: getattr(real, name) for name in names if hasattr(real, name)}
    return os.stat_result(tuple(numbers), {**extra, "st_rdev": _REAL["makedev"](major, minor)})


def _guard(path: Path, node: Node, flags: int) -> None:
    """What the device cgroup, and the driver behind the node, say to an open."""
    kind, _, major, minor = node
    if not _TABLE["allow_all"] and (kind != _CHAR or (major, minor) not in _ALLOWED):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)
    if _TABLE["read_only"] and flags & (os.O_WRONLY | os.O_RDWR):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)
    if kind != _CHAR or f"{major}:{minor}" not in _TABLE["contents"]:
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), path)
    _opens[path] = _opens.get(path, 0) + 1
    if _TABLE["opens"] and _opens[path] > _TABLE["opens"]:
        raise OSError(errno.EIO, os.strerror(errno.EIO), path)


def _open(path: Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    node = _node(path) if dir_fd is None else None
    if node:
        _enter(path)
        _guard(path, node, flags)
        flags &= ~(os.O_CREAT | os.O_EXCL | os.O_TRUNC)
    handle: int = _REAL["open"](_local(path), flags, mode, dir_fd=dir_fd)
    if node:
        _handles[handle] = node
    return handle


def _close(handle: int) -> None:
    _handles.pop(handle, None)
    _REAL["close"](handle)


def _stat(path: Path, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
    if isinstance(path, int):
        return _fstat(path)
    real: os.stat_result = _REAL["stat"](_local(path), dir_fd=dir_fd, follow_symlinks=follow_symlinks)
    node = _node(path) if dir_fd is None else None
    return _shown(real, node) if node else real


def _lstat(path: Path, *, dir_fd: int | None = None) -> os.stat_result:
    return _stat(path, dir_fd=dir_fd, follow_symlinks=False)


def _fstat(handle: int) -> os.stat_result:
    real: os.stat_result = _REAL["fstat"](handle)
    return _shown(real, _handles[handle]) if handle in _handles else real


def _listdir(path: Path = ".") -> Any:
    _enter(path)
    return _REAL["listdir"](_local(path))


class _Entry:
    """A directory entry whose device nodes look like device nodes."""

    def __init__(self, entry: "os.DirEntry[str]", folder: str) -> None:
        self._entry, self.name = entry, entry.name
        self.path = os.path.join(folder, entry.name)
        self._node = _node(self.path)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        real = self._entry.stat(follow_symlinks=follow_symlinks)
        return _shown(real, self._node) if self._node else real

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return not self._node and self._entry.is_file(follow_symlinks=follow_symlinks)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self._entry.is_dir(follow_symlinks=follow_symlinks)

    def is_symlink(self) -> bool:
        return self._entry.is_symlink()

    def inode(self) -> int:
        return self._entry.inode()

    def __fspath__(self) -> str:
        return self.path


class _Scan:
    """What ``os.scandir`` gives: an iterator that is also a context."""

    def __init__(self, folder: str) -> None:
        _enter(folder)
        self._entries, self._folder = _REAL["scandir"](_local(folder)), folder

    def __iter__(self) -> "_Scan":
        return self

    def __next__(self) -> _Entry:
        return _Entry(next(self._entries), self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._entries.close()


def _scandir(path: Path = ".") -> Any:
    return _Scan(os.fspath(path)) if isinstance(path, str | os.PathLike) else _REAL["scandir"](path)


def _mknod(path: Path, mode: int = 0o600, device: int = 0, *, dir_fd: int | None = None) -> None:
    kind = stat.S_IFMT(mode)
    if kind not in (_CHAR, _BLOCK):
        _REAL["mknod"](_local(path), mode, device, dir_fd=dir_fd)
        return
    if not _TABLE["mknod"]:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)
    major, minor = os.major(device), os.minor(device)
    with _REAL_OPEN(_local(path), "x") as file:
        file.write(_TABLE["contents"].get(f"{major}:{minor}", ""))
    _nodes[_inner(path) or ""] = (kind, stat.S_IMODE(mode), major, minor)


def _unlink(path: Path, *, dir_fd: int | None = None) -> None:
    _REAL["unlink"](_local(path), dir_fd=dir_fd)
    _nodes.pop(_inner(path) or "", None)


def _file(path: Path, mode: str = "r", buffering: int = -1, *rest: Any, opener: Any = None, **named: Any) -> Any:
    if not isinstance(path, int) and opener is None:
        if _node(path):
            buffering, opener = 0 if "b" in mode else buffering, _open
        else:
            path = _local(path)
    return _REAL_OPEN(path, mode, buffering, *rest, opener=opener, **named)


def _moved(name: str, paths: int = 1) -> Callable[..., Any]:
    """A call whose only change is where its first paths lie."""
    real = _REAL[name]
    return lambda *given, **named: real(*map(_local, given[:paths]), *given[paths:], **named)


def _install() -> None:
    changed: dict[str, Any] = {
        "open": _open,
        "close": _close,
        "stat": _stat,
        "lstat": _lstat,
        "fstat": _fstat,
        "listdir": _listdir,
        "scandir": _scandir,
        "mknod": _mknod,
        "unlink": _unlink,
        "remove": _unlink,
        "rename": _moved("rename", 2),
        "getgroups": lambda: list(_IDENTITY["groups"]),
        **{name: _moved(name) for name in ("access", "mkdir", "rmdir", "chmod", "readlink")},
        **dict.fromkeys(("getuid", "geteuid"), lambda: _IDENTITY["user"]),
        **dict.fromkeys(("getgid", "getegid"), lambda: _IDENTITY["group"]),
    }
    for name, function in changed.items():
        setattr(os, name, function)
    vars(builtins)["open"] = vars(io)["open"] = _file


_install()
