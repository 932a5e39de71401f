"""Simulated accelerators: which devices there are, what they are called everywhere, and what a container gets of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from conformance.simulator import hardware
from conformance.simulator.hardware import PARTITION, VIRTUAL, WHOLE, Form, Make
from conformance.simulator.objects import Obj
from conformance.simulator.quantities import parse

HIDDEN = "/opt/hidden0"
"""Where the fault ``hidden_path`` puts a device."""
CLOSED = "/opt/closed"
"""Folder of a container that only root may enter; the fault ``closed_folder`` puts devices there."""
AGAIN = "-again"
"""End of the second name under which the fault ``device_published_twice`` publishes a device."""
PARTS, VIRTUALS = 1000, 5000
"""First number of partitions and of virtual devices; each device has ten numbers for its own."""
_MIB = 1 << 20
_BLOCK = 4
_RENDER = 128
"""Number of the first render node of the kernel's graphics devices."""


@dataclass(frozen=True, order=True)
class DeviceNode:
    """A device node as the kernel knows it: its usual path, its number, and what reading it gives."""

    path: str
    major: int
    minor: int
    content: str = ""

    @property
    def number(self) -> tuple[int, int]:
        """Major and minor number."""
        return self.major, self.minor


@dataclass(frozen=True, order=True)
class Device:
    """One accelerator, or a part of one; its index is unique in the cluster, and the minor number of its device node."""

    index: int
    model: str
    kind: str = WHOLE
    memory: str = "16Gi"
    profile: str = ""
    nth: int = 0
    parent: "Device | None" = field(default=None, compare=False)
    """The whole device of which it is a part."""
    make: Make = field(default_factory=hardware.make, compare=False, repr=False)

    @property
    def form(self) -> Form:
        """Templates of its names."""
        return self.make.forms[self.kind]

    @property
    def physical(self) -> "Device":
        """The whole device."""
        return self.parent or self

    @property
    def numa(self) -> int:
        """NUMA node: that of its PCIe root."""
        return self._root

    @property
    def root(self) -> str:
        """PCIe root complex.

        Devices are numbered in blocks of four. In every other block, beginning with the first, neighbours lie on two roots in
        turn; in the blocks between, all lie on one. So the pair 0 and 1 shares no root, and the pair 4 and 5 does.
        """
        return f"pci0000:{self._root * 0x80:02x}"

    @property
    def _root(self) -> int:
        index = self.physical.index
        return index % 2 if index // _BLOCK % 2 == 0 else 0

    @property
    def uuid(self) -> str:
        """Identity, and id of the device plugin."""
        return hardware.fill(self.form.uuid, self._plain)

    @property
    def name(self) -> str:
        """Name in a ResourceSlice."""
        return hardware.fill(self.form.name, self._plain)

    @property
    def _plain(self) -> Obj:
        return {
            "index": self.index,
            "render": _RENDER + self.index,
            "model": self.model,
            "label": self.model.replace(" ", "-"),
            "memory": self.memory,
            "memory_mib": int(parse(self.memory) / _MIB),
            "driver": self.make.driver,
            "numa": self.numa,
            "root": self.root,
            "profile": self.profile,
            "flat": self.profile.replace(".", ""),
            "nth": self.nth,
            "parent_index": self.physical.index,
        }

    @property
    def values(self) -> Obj:
        """What a template may name."""
        parent = self.parent.uuid if self.parent else ""
        return {**self._plain, "uuid": self.uuid, "name": self.name, "parent": parent}

    @property
    def nodes(self) -> tuple[DeviceNode, ...]:
        """Its device nodes, the one that computes first."""
        return _nodes(self.form.nodes, self.values)

    @property
    def control(self) -> tuple[DeviceNode, ...]:
        """Device nodes that come with each device of its make."""
        return _nodes(self.make.control, self.values)

    @property
    def resource(self) -> str:
        """Extended resource that gives such a part."""
        return hardware.fill(self.form.resource, self.values) if self.form.resource else self.make.resource

    @property
    def path(self) -> str:
        """Its first device node; empty where it has none."""
        return self.nodes[0].path if self.nodes else ""


def _nodes(forms: Iterable[hardware.NodeForm], values: Obj) -> tuple[DeviceNode, ...]:
    return tuple(
        DeviceNode(
            hardware.fill(form.path, values),
            form.major,
            int(hardware.fill(form.minor, values)),
            f"{text}\n" if (text := hardware.fill(form.content, values)) else "",
        )
        for form in forms
    )


def device(make: Make, index: int, model: str = "") -> Device:
    """A whole device."""
    model = model or next(iter(make.models))
    return Device(index, model, memory=make.models[model], make=make)


def partition(parent: Device, profile: str, nth: int) -> Device:
    """A partition of a device; ``nth`` counts those of the same parent."""
    memory = parent.make.forms[PARTITION].profiles[profile]
    index = PARTS + 10 * parent.index + nth
    return replace(parent, index=index, kind=PARTITION, memory=memory, profile=profile, nth=nth, parent=parent)


def virtual(parent: Device, nth: int) -> Device:
    """A virtual device on a device."""
    memory = parent.make.forms[VIRTUAL].memory
    return replace(
        parent, index=VIRTUALS + 10 * parent.index + nth, kind=VIRTUAL, memory=memory, nth=nth, parent=parent
    )


@dataclass(frozen=True)
class Injection:
    """What a container gets: nodes, what its device cgroup allows, and environment."""

    nodes: tuple[tuple[str, DeviceNode], ...] = ()
    """Path in the container and device node."""
    allowed: tuple[DeviceNode, ...] = ()
    allow_all: bool = False
    environment: tuple[tuple[str, str], ...] = ()
    opens: int = 0
    """How often its devices can be opened before they stop to answer; 0: any number of times."""
    read_only: bool = False
    """Whether its device cgroup refuses to open them for writing."""

    def __add__(self, other: "Injection") -> "Injection":
        return Injection(
            nodes=tuple(dict.fromkeys((*self.nodes, *other.nodes))),
            allowed=tuple(dict.fromkeys((*self.allowed, *other.allowed))),
            allow_all=self.allow_all or other.allow_all,
            environment=tuple({**dict(self.environment), **dict(other.environment)}.items()),
            opens=self.opens or other.opens,
            read_only=self.read_only or other.read_only,
        )


def opened(devices: Iterable[Device]) -> Injection:
    """Devices with their nodes, usable, and not a word about them."""
    nodes = tuple(dict.fromkeys(node for one in devices for node in (*one.nodes, *one.control)))
    return Injection(tuple((node.path, node) for node in nodes), nodes)


def told(devices: Iterable[Device]) -> Injection:
    """What the environment says of devices."""
    words: dict[str, list[str]] = {}
    for one in devices:
        for name, value in one.make.environment.items():
            words.setdefault(hardware.fill(name, one.values), []).append(hardware.fill(value, one.values))
    return Injection(environment=tuple((name, ",".join(values)) for name, values in words.items()))
