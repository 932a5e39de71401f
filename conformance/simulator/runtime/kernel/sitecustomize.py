"""The simulated kernel of one container, loaded by Python in the pod's process before anything else.

It maps the container's own paths into the container's folder, shows device nodes with their numbers, and lets its device cgroup
decide who may open them. What it does not know it leaves to the real kernel. ``kernel.json`` beside it says how the container is.
"""

import builtins
import errno
import io
import json
import os
import stat

_HERE = os.path.dirname(os.path.abspath(__file__))
with io.open(os.path.join(_HERE, "kernel.json")) as _file:
    _TABLE = json.load(_file)

_ROOT, _BASE = _TABLE["root"], _TABLE["base"]
_PREFIXES = tuple(_TABLE["prefixes"])
_ALLOWED = {tuple(numbers) for numbers in _TABLE["allowed"]}
_IDENTITY = _TABLE["identity"]
_CHAR, _BLOCK = stat.S_IFCHR, stat.S_IFBLK
_REAL = {name: getattr(os, name) for name in (
    "open", "stat", "lstat", "fstat", "close", "listdir", "scandir", "mknod", "access", "unlink", "mkdir", "rmdir", "chmod",
    "readlink", "rename", "symlink", "makedev",
)}  # fmt: skip
_REAL_OPEN = builtins.open
_nodes = {path: (_CHAR, 0o666, *numbers) for path, numbers in _TABLE["nodes"].items()}
_handles = {}


def _inner(path):
    """The path as the container sees it, or None where it is not one of the container's own."""
    if isinstance(path, int):
        return None
    text = os.fsdecode(path)
    if text.startswith(_ROOT):
        text = text[len(_ROOT) :] or "/"
    elif text.startswith(_BASE):
        return None
    elif not text.startswith("/"):
        text = os.path.join(os.getcwd(), text)
        text = text[len(_ROOT) :] or "/" if text.startswith(_ROOT) else text
    text = os.path.normpath(text)
    first = text.strip("/").partition("/")[0]
    return text if not first or first in _PREFIXES else None


def _local(path):
    inner = _inner(path)
    return path if inner is None else os.path.join(_ROOT, inner.lstrip("/"))


def _node(path):
    inner = _inner(path)
    return None if inner is None else _nodes.get(inner)


def _shown(real, node):
    kind, mode, major, minor = node
    numbers = list(real[:10])
    numbers[0] = kind | mode
    names = ("st_atime", "st_mtime", "st_ctime", "st_atime_ns", "st_mtime_ns", "st_ctime_ns", "st_blksize", "st_blocks")
    extra = {name: getattr(real, name) for name in names if hasattr(real, name)}
    return os.stat_result(tuple(numbers), {**extra, "st_rdev": _REAL["makedev"](major, minor)})


def _open(path, flags, mode=0o777, *, dir_fd=None):
    node = _node(path) if dir_fd is None else None
    if node:
        if not _TABLE["allow_all"] and (node[0] != _CHAR or node[2:] not in _ALLOWED):
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)
        if node[0] != _CHAR or f"{node[2]}:{node[3]}" not in _TABLE["contents"]:
            raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), path)
        flags &= ~(os.O_CREAT | os.O_EXCL | os.O_TRUNC)
    handle = _REAL["open"](_local(path), flags, mode, dir_fd=dir_fd)
    if node:
        _handles[handle] = node
    return handle


def _close(handle):
    _handles.pop(handle, None)
    _REAL["close"](handle)


def _stat(path, *, dir_fd=None, follow_symlinks=True):
    if isinstance(path, int):
        return _fstat(path)
    real = _REAL["stat"](_local(path), dir_fd=dir_fd, follow_symlinks=follow_symlinks)
    node = _node(path) if dir_fd is None else None
    return _shown(real, node) if node else real


def _lstat(path, *, dir_fd=None):
    return _stat(path, dir_fd=dir_fd, follow_symlinks=False)


def _fstat(handle):
    real = _REAL["fstat"](handle)
    return _shown(real, _handles[handle]) if handle in _handles else real


def _listdir(path="."):
    return _REAL["listdir"](_local(path))


class _Entry:
    """A directory entry whose device nodes look like device nodes."""

    def __init__(self, entry, folder):
        self._entry, self.name = entry, entry.name
        self.path = os.path.join(folder, entry.name)
        self._node = _node(self.path)

    def stat(self, *, follow_symlinks=True):
        real = self._entry.stat(follow_symlinks=follow_symlinks)
        return _shown(real, self._node) if self._node else real

    def is_file(self, *, follow_symlinks=True):
        return not self._node and self._entry.is_file(follow_symlinks=follow_symlinks)

    def is_dir(self, *, follow_symlinks=True):
        return self._entry.is_dir(follow_symlinks=follow_symlinks)

    def is_symlink(self):
        return self._entry.is_symlink()

    def inode(self):
        return self._entry.inode()

    def __fspath__(self):
        return self.path


class _Scan:
    """What ``os.scandir`` gives: an iterator that is also a context."""

    def __init__(self, folder):
        self._entries, self._folder = _REAL["scandir"](_local(folder)), folder

    def __iter__(self):
        return self

    def __next__(self):
        return _Entry(next(self._entries), self._folder)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._entries.close()


def _scandir(path="."):
    return _Scan(path) if isinstance(path, str) else _REAL["scandir"](path)


def _mknod(path, mode=0o600, device=0, *, dir_fd=None):
    if stat.S_IFMT(mode) not in (_CHAR, _BLOCK):
        return _REAL["mknod"](_local(path), mode, device, dir_fd=dir_fd)
    if not _TABLE["mknod"]:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)
    numbers = os.major(device), os.minor(device)
    with _REAL_OPEN(_local(path), "x") as file:
        file.write(_TABLE["contents"].get(f"{numbers[0]}:{numbers[1]}", ""))
    _nodes[_inner(path)] = (stat.S_IFMT(mode), stat.S_IMODE(mode), *numbers)
    return None


def _unlink(path, *, dir_fd=None):
    _REAL["unlink"](_local(path), dir_fd=dir_fd)
    _nodes.pop(_inner(path), None)


def _file(path, mode="r", buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None):
    if isinstance(path, int) or opener is not None:
        return _REAL_OPEN(path, mode, buffering, encoding, errors, newline, closefd, opener)
    if _node(path):
        buffering = 0 if "b" in mode else buffering
        return _REAL_OPEN(
            path, mode, buffering, encoding, errors, newline, closefd, lambda name, flags: _open(name, flags)
        )
    return _REAL_OPEN(_local(path), mode, buffering, encoding, errors, newline, closefd)


def _plain(name):
    """A call whose only change is where its path lies."""
    real = _REAL[name]
    return lambda path, *rest, **named: real(_local(path), *rest, **named)


def _two(name):
    real = _REAL[name]
    return lambda one, two, **named: real(_local(one), _local(two), **named)


def _install():
    os.open, os.close, os.stat, os.lstat, os.fstat = _open, _close, _stat, _lstat, _fstat
    os.listdir, os.scandir, os.mknod, os.unlink, os.remove = _listdir, _scandir, _mknod, _unlink, _unlink
    builtins.open = io.open = _file
    for name in ("access", "mkdir", "rmdir", "chmod", "readlink"):
        setattr(os, name, _plain(name))
    os.rename = _two("rename")
    os.getuid = os.geteuid = lambda: _IDENTITY["user"]
    os.getgid = os.getegid = lambda: _IDENTITY["group"]
    os.getgroups = lambda: list(_IDENTITY["groups"])


_install()
