"""The accelerators: a block of loop devices, which the kernel's device cgroup guards, each backed by a small file whose first line says who it is."""

import contextlib
import fcntl
import os
import stat
import struct
from pathlib import Path

from .shell import TestbedError, until

DEVICES_PER_NODE = 4
MODEL = "T1000"
SIZE = 1 << 20
LOOP_CONFIGURE = 0x4C0A
LOOP_CTL_ADD = 0x4C80
CONTROL = Path("/dev/loop-control")
LOOP_MAJOR = 7
BLOCK = 8
# First device of each block that a testbed may take: testbeds side by side, or beside other users of loop devices.
BLOCKS = range(0, 8 * BLOCK, BLOCK)
AUTOCLEAR = 4
# struct loop_config: descriptor, block size, struct loop_info64 (232 bytes, flags at its byte 52), 64 reserved bytes.
CONFIG_SIZE, FLAGS_OFFSET = 4 + 4 + 232 + 64, 8 + 52


def devices_of(node_number: int, block: int) -> list[int]:
    """The loop devices of the node with this number, counted from 1: the first two for DRA, the others for the device plugin."""
    first = block + (node_number - 1) * DEVICES_PER_NODE
    return list(range(first, first + DEVICES_PER_NODE))


def in_use(block: int) -> bool:
    """Whether a file lies behind one of the devices of a block."""
    return any(Path(f"/sys/block/loop{index}/loop").exists() for index in range(block, block + BLOCK))


def make(index: int) -> None:
    """Let the kernel have a loop device of this number, and /dev a node of it."""
    path = Path(f"/dev/loop{index}")
    if path.exists():
        return
    with CONTROL.open("rb") as control, contextlib.suppress(FileExistsError):
        fcntl.ioctl(control, LOOP_CTL_ADD, index)
    if not path.exists():  # no devtmpfs here
        os.mknod(path, 0o600 | stat.S_IFBLK, os.makedev(LOOP_MAJOR, index))


def write_backing(folder: Path, index: int) -> Path:
    """The file behind a device: its identity, then zeros."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"accelerator-{index}.image"
    path.write_bytes(f"accelerator uuid=TB-{index:04d} model={MODEL}\n".encode().ljust(SIZE, b"\0"))
    return path


def attach(index: int, backing: Path) -> int:
    """Put a file behind a loop device. The descriptor returned holds it there: the kernel detaches it with the last close."""
    make(index)
    device = os.open(f"/dev/loop{index}", os.O_RDWR | os.O_CLOEXEC)
    content = os.open(backing, os.O_RDWR | os.O_CLOEXEC)
    configuration = bytearray(CONFIG_SIZE)
    struct.pack_into("=I", configuration, 0, content)
    struct.pack_into("=I", configuration, FLAGS_OFFSET, AUTOCLEAR)

    def configured() -> bool:
        try:
            fcntl.ioctl(device, LOOP_CONFIGURE, bytes(configuration))
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != 16:  # EBUSY: an earlier testbed is still letting go of it
                raise TestbedError(f"/dev/loop{index} cannot be attached to {backing}: {error}") from error
            return False
        return True

    until(configured, f"/dev/loop{index} to be free", 10, "`losetup -l` shows what holds it")
    os.close(content)
    return device
