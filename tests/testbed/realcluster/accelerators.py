"""The accelerators: loop devices, which the kernel's device cgroup guards, each backed by a small file whose first line says who it is."""

import fcntl
import os
import struct
from pathlib import Path

from .shell import TestbedError, until

DEVICES_PER_NODE = 4
MODEL = "T1000"
SIZE = 1 << 20
LOOP_CONFIGURE = 0x4C0A
AUTOCLEAR = 4
# struct loop_config: descriptor, block size, struct loop_info64 (232 bytes, flags at its byte 52), 64 reserved bytes.
CONFIG_SIZE, FLAGS_OFFSET = 4 + 4 + 232 + 64, 8 + 52


def devices_of(node_number: int) -> list[int]:
    """The loop devices of the node with this number, counted from 1: the first two for DRA, the others for the device plugin."""
    first = (node_number - 1) * DEVICES_PER_NODE
    return list(range(first, first + DEVICES_PER_NODE))


def write_backing(folder: Path, index: int) -> Path:
    """The file behind a device: its identity, then zeros."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"accelerator-{index}.image"
    path.write_bytes(f"accelerator uuid=TB-{index:04d} model={MODEL}\n".encode().ljust(SIZE, b"\0"))
    return path


def attach(index: int, backing: Path) -> int:
    """Put a file behind a loop device. The descriptor returned holds it there: the kernel detaches it with the last close."""
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
