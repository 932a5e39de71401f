"""The process tree of a testbed: one process outside that holds the locks, and below it namespaces whose end is the end of everything in them."""

import contextlib
import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import IO

from . import accelerators, cgroups, cluster
from .paths import HERE, LOCKS, State
from .shell import TestbedError

INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
INSTANCES = 1024
# --pdeathsig ends unshare with this process, however it dies; --kill-child then ends the first process of the new pid namespace.
SHIELD = ("setpriv", "--pdeathsig", "KILL")
ISOLATED = (*SHIELD, "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")


def lock(path: Path, taken: str) -> IO[str]:
    """Lock a file for as long as it stays open."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        raise TestbedError(
            f"{taken} (process {file.read().strip() or 'unknown'}); take it down first: python tests/testbed down"
        ) from error
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def lock_devices() -> tuple[IO[str], int]:
    """Take the first block of loop devices that nobody uses; the lock holds it, the number is its first device."""
    for block in accelerators.BLOCKS:
        if accelerators.in_use(block):
            continue
        with contextlib.suppress(TestbedError):
            return lock(LOCKS / f"kube-ai-conformance-testbed-{block}", "taken"), block
    raise TestbedError("all loop devices are in use; `losetup -l` shows by what")


def raise_watches() -> None:
    """Let the kernel have enough inotify instances: a testbed takes thirty, and one more for each log that is followed."""
    if int(INOTIFY.read_text()) < INSTANCES:
        INOTIFY.write_text(str(INSTANCES))
        print(f"raised {INOTIFY} to {INSTANCES}; it stays so until the machine starts anew", flush=True)


def up(state: State, kubeconfig: Path, add_ons: tuple[str, ...]) -> None:
    """Bring a testbed up and serve until a signal or its own end."""
    state.folder.mkdir(parents=True, exist_ok=True)
    with lock(state.lock, f"a testbed is running in {state.folder}"), contextlib.ExitStack() as held:
        clean(state)
        state.write_add_ons(add_ons)
        raise_watches()
        devices, block = lock_devices()
        held.enter_context(devices)
        kubeconfig.unlink(missing_ok=True)
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
            descriptor, port = listener.fileno(), listener.getsockname()[1]
            words = ["inside", str(state.folder), str(descriptor), str(port), str(kubeconfig), str(block)]
            tree = subprocess.Popen(
                [*ISOLATED, sys.executable, str(HERE), *words],
                pass_fds=(descriptor,),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        asked = serve_until_signal(tree)
        kubeconfig.unlink(missing_ok=True)
        clean(state)
    if not asked:
        raise TestbedError(f"the testbed ended by itself; logs are in {state.logs}")


def serve_until_signal(tree: subprocess.Popen[bytes]) -> bool:
    """Wait for a signal, then end the tree; or for its own end. Says which it was."""
    asked = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal asked
        asked = True
        end([tree.pid, *children(tree.pid)])

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    tree.wait()
    return asked


def children(process: int) -> list[int]:
    """The child processes of a process."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def clean(state: State) -> None:
    """Remove what a dead testbed leaves: empty control groups and its files."""
    cgroups.remove(state.cgroup)
    cluster.clean(state)


def inside(state: State, listener: int, port: int, kubeconfig: Path, block: int) -> int:
    """The first process of the namespaces: lets a child do the work, reaps the orphans, and ends with the child."""
    worker = os.fork()
    if worker == 0:
        cluster.serve(state, listener, port, kubeconfig, block)
        return 0
    os.close(listener)
    while True:
        ended, status = os.wait()
        if ended == worker:
            return os.waitstatus_to_exitcode(status)


def down(state: State) -> None:
    """Kill the testbed of a state folder and wait until it is gone."""
    if state.lock.exists():
        with state.lock.open() as file:
            if not is_free(file):
                top = int(file.read())
                below = children(top)
                end([top, *below, *(first for child in below for first in children(child))])
    clean(state)


def is_free(file: IO[str]) -> bool:
    """Whether nobody holds the lock of a file."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def end(processes: list[int]) -> None:
    """Kill the first of these processes and wait for all: the first of a pid namespace ends when no other is left there."""
    descriptors = [os.pidfd_open(process) for process in processes]
    signal.pidfd_send_signal(descriptors[0], signal.SIGKILL)
    for descriptor in descriptors:
        select.select([descriptor], [], [], 10)
        os.close(descriptor)
