"""The accelerators: a block of loop devices, which the kernel's device cgroup guards, each backed by a small file whose first line says who it is."""

import contextlib
import fcntl
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

from .shell import TestbedError, until

DEVICES_PER_NODE = 4
MODEL = "T1000"
VERSION = "1.0.0"
MIB = 1 << 20
WHOLE, PART = 2, 1
"""Memory of a whole device and of a partition, in MiB."""
REPLICAS = 2
SHARING = "sharing"
"""What `up --with` calls the devices that are shared."""
LOOP_CONFIGURE = 0x4C0A
LOOP_CTL_ADD = 0x4C80
CONTROL = Path("/dev/loop-control")
LOOP_MAJOR = 7
BLOCK = 24
# First device of each block that a testbed may take: testbeds side by side, or beside other users of loop devices.
BLOCKS = range(0, 8 * BLOCK, BLOCK)
AUTOCLEAR = 4
# struct loop_config: descriptor, block size, struct loop_info64 (232 bytes, flags at its byte 52), 64 reserved bytes.
CONFIG_SIZE, FLAGS_OFFSET = 4 + 4 + 232 + 64, 8 + 52


@dataclass(frozen=True)
class Devices:
    """The loop devices of one node, and what each is used for."""

    dra: tuple[int, ...]
    plugin: tuple[int, ...]
    carved: int | None = None
    """A whole device that DRA publishes beside its partitions."""
    dra_parts: tuple[int, ...] = ()
    multiple: tuple[int, ...] = ()
    """Devices that DRA may allocate to several claims, by their memory."""
    replicated: tuple[int, ...] = ()
    """Devices of which the device plugin hands out replicas."""
    behind: int | None = None
    """A device that nobody is given: the device plugin hands out its partitions."""
    plugin_parts: tuple[int, ...] = ()

    @property
    def all(self) -> list[int]:
        """All of them."""
        single = [index for index in (self.carved, self.behind) if index is not None]
        return sorted(
            (*self.dra, *self.plugin, *single, *self.dra_parts, *self.multiple, *self.replicated, *self.plugin_parts)
        )

    def parent(self, index: int) -> int | None:
        """The device of which this one is a partition."""
        if index in self.dra_parts:
            return self.carved
        return self.behind if index in self.plugin_parts else None

    def words(self, part: str) -> list[str]:
        """What a part of the driver is told to hand out."""
        if part == "dra":
            given = [*self.dra, *([] if self.carved is None else [self.carved])]
            words = [str(index) for index in given] + [f"{index}/{self.carved}" for index in self.dra_parts]
            return ["--devices", ",".join(words + [f"{index}*" for index in self.multiple])]
        parts = ",".join(f"{index}/{self.behind}" for index in self.plugin_parts)
        return ["--devices", listed(self.plugin), "--shared", listed(self.replicated), "--parts", parts]

    def labels(self) -> dict[str, str]:
        """What the node's labels say of them, in the shape that is usual for vendors."""
        labels = {"model": MODEL, "driver-version": VERSION}
        if self.replicated:
            labels |= {"count": str(len(self.replicated)), "replicas": str(REPLICAS)}
        if self.plugin_parts:
            parts = {"count": len(self.plugin_parts), "replicas": 1, "memory": PART}
            labels |= {f"part-1g.{name}": str(value) for name, value in parts.items()}
        return {f"testbed.dev/{name}": value for name, value in labels.items()}


def listed(devices: tuple[int, ...]) -> str:
    """Numbers with commas between them."""
    return ",".join(map(str, devices))


def devices_of(node_number: int, block: int, *, sharing: bool) -> Devices:
    """The loop devices of the node with this number, counted from 1; the last one also has those that are shared, where asked for."""
    first = block + (node_number - 1) * DEVICES_PER_NODE
    dra, plugin = (first, first + 1), (first + 2, first + 3)
    if not sharing:
        return Devices(dra, plugin)
    more = first + DEVICES_PER_NODE
    return Devices(
        dra,
        plugin,
        carved=more,
        dra_parts=(more + 1, more + 2),
        multiple=(more + 3,),
        replicated=(more + 4, more + 5),
        behind=more + 6,
        plugin_parts=(more + 7, more + 8),
    )


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


def write_backing(folder: Path, index: int, parent: int | None) -> Path:
    """The file behind a device: who it is, then zeros to its size."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"accelerator-{index}.image"
    size = WHOLE if parent is None else PART
    first = f"accelerator uuid={identity(index)} model={MODEL} memory={size}Mi driver={VERSION}"
    first += "" if parent is None else f" parent={identity(parent)}"
    path.write_bytes(f"{first}\n".encode().ljust(size * MIB, b"\0"))
    return path


def identity(index: int) -> str:
    """How a device is called."""
    return f"TB-{index:04d}"


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
