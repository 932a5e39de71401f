"""The simulated accelerator: which devices a node has and what they are called everywhere."""

from dataclasses import dataclass

DRIVER = DEVICE_CLASS = "accel.sim.dev"
RESOURCE = "sim.dev/accel"
MODEL_LABEL = "sim.dev/model"
MAJOR = 240
VISIBLE = ("SIM_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")
"""Variables that a careless runtime obeys."""
ENVIRONMENT = "SIM_ACCELERATOR"
HIDDEN = "/opt/hidden0"
"""Where the fault ``hidden_path`` puts a device."""
CLOSED = "/opt/closed"
"""Folder of a container that only root may enter; the fault ``closed_folder`` puts devices there."""


@dataclass(frozen=True, order=True)
class Device:
    """One accelerator; its index is its minor number."""

    index: int
    model: str = "S1"

    @property
    def name(self) -> str:
        """Name in a ResourceSlice."""
        return f"accel-{self.index}"

    @property
    def uuid(self) -> str:
        """Identity, and id of the device plugin."""
        return f"SIM-{self.index:04d}"

    @property
    def path(self) -> str:
        """Device node in a container."""
        return f"/dev/simaccel{self.index}"

    @property
    def content(self) -> str:
        """What reading the device gives."""
        return f"accelerator uuid={self.uuid} model={self.model}\n"


@dataclass(frozen=True)
class Injection:
    """What a container gets: nodes, what its device cgroup allows, and environment."""

    nodes: tuple[tuple[str, Device], ...] = ()
    """Path in the container and device."""
    allowed: tuple[Device, ...] = ()
    allow_all: bool = False
    environment: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: "Injection") -> "Injection":
        return Injection(
            nodes=tuple(dict.fromkeys((*self.nodes, *other.nodes))),
            allowed=tuple(dict.fromkeys((*self.allowed, *other.allowed))),
            allow_all=self.allow_all or other.allow_all,
            environment=tuple({**dict(self.environment), **dict(other.environment)}.items()),
        )


def whole(devices: "tuple[Device, ...] | list[Device]", named: "tuple[Device, ...] | None" = None) -> Injection:
    """Devices with their nodes, usable, and named in the environment (or other ones named)."""
    told = devices if named is None else named
    words = ",".join(device.uuid for device in told)
    environment = ((ENVIRONMENT, words),) if words else ()
    return Injection(tuple((d.path, d) for d in devices), tuple(devices), environment=environment)
