"""The machines of a world as its file has them: what each is called, and which accelerators it has in which way."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from conformance.simulator import devices, hardware, shares
from conformance.simulator.devices import Device
from conformance.simulator.hardware import PARTITION, VIRTUAL, Make
from conformance.simulator.objects import Obj
from conformance.simulator.places import Place, meant
from conformance.simulator.shares import Resource, Sliced

_KEYS = (
    "name", "labels", "taints", "cpu", "memory", "pods", "make", "model", "dra", "draPartitioned", "draShared",
    "devicePlugin", "timeSliced", "partitioned", "virtual", "providerID",
)  # fmt: skip
_MOST_PARTS = 10


@dataclass(frozen=True, kw_only=True)
class NodeSpec:
    """One node."""

    name: str
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[Obj, ...] = ()
    cpu: str = "8"
    memory: str = "16Gi"
    pods: int = 110
    make: Make = field(default_factory=hardware.make)
    dra: tuple[Device, ...] = ()
    """Whole devices that the DRA driver publishes."""
    dra_parts: tuple[Device, ...] = ()
    """Partitions that it publishes beside their whole devices, with counters that both consume."""
    dra_multiple: tuple[Device, ...] = ()
    """Those of ``dra`` that several claims may be given, each some of the memory."""
    plugin: tuple[Device, ...] = ()
    """Whole devices that the device plugin registers."""
    sliced: Sliced = field(default_factory=Sliced)
    parts: tuple[Device, ...] = ()
    """Partitions and virtual devices that the device plugin registers; their whole devices are not registered."""
    annotations: dict[str, str] = field(default_factory=dict)
    provider_id: str = ""
    """What its cloud calls the machine."""
    injects: bool = True
    """Whether its runtime gives containers the device nodes of their devices."""

    @property
    def physical(self) -> tuple[Device, ...]:
        """Its whole devices, whoever hands them out."""
        behind = (*self.dra, *self.plugin, *self.sliced.devices, *(part.physical for part in self.parts))
        return tuple(dict.fromkeys(behind))

    @property
    def devices(self) -> tuple[Device, ...]:
        """Everything that has a device node here."""
        return tuple(dict.fromkeys((*self.physical, *self.dra_parts, *self.parts)))

    @property
    def published(self) -> tuple[Device, ...]:
        """What the DRA driver publishes."""
        return (*self.dra, *self.dra_parts)

    @property
    def resources(self) -> tuple[Resource, ...]:
        """What the device plugin registers."""
        return tuple(shares.resources(self.plugin, self.sliced, self.parts))

    @property
    def shared_names(self) -> set[str]:
        """Resources of which several units are, or may be, on one device."""
        parts = {part.resource for part in self.parts}
        return parts | ({self.sliced.resource} if self.sliced.devices else set())

    @property
    def virtual_names(self) -> set[str]:
        """Resources of which the units are virtual devices."""
        return {part.resource for part in self.parts if part.kind == VIRTUAL}

    def discovered(self, version: str = "") -> dict[str, str]:
        """Node labels that tell what the accelerators are like; a version that is not the real one is a fault."""
        return shares.labels(self.physical, self.sliced, self.parts, version)


def parse(place: Place) -> NodeSpec:
    """A node of a world's file."""
    top = place.mapping(*_KEYS)
    if "name" not in top:
        raise place.error("'name' is missing")
    make = hardware.named(top["make"]) if "make" in top else hardware.make()
    model = _model(top["model"], make) if "model" in top else ""
    found = _Reader(make, model, top)
    parted = found.parts("draPartitioned", PARTITION)
    multiple = found.whole("draShared")
    node = NodeSpec(
        name=top["name"].text(),
        labels={key: item.text() for key, item in top["labels"].mapping().items()} if "labels" in top else {},
        taints=top["taints"].objects() if "taints" in top else (),
        cpu=str(top["cpu"].value) if "cpu" in top else "8",
        memory=top["memory"].text() if "memory" in top else "16Gi",
        pods=top["pods"].number() if "pods" in top else 110,
        make=make,
        dra=(*found.whole("dra"), *dict.fromkeys(part.physical for part in parted), *multiple),
        dra_parts=parted,
        dra_multiple=multiple,
        plugin=found.whole("devicePlugin"),
        sliced=found.sliced("timeSliced"),
        parts=(*found.parts("partitioned", PARTITION), *found.parts("virtual", VIRTUAL)),
        provider_id=top["providerID"].text() if "providerID" in top else "",
    )
    _check(place, node)
    return node


def _model(place: Place, make: Make) -> str:
    name = place.text()
    if name not in make.models:
        # The simulated make is as big as its first model under any name, so that worlds may have several kinds.
        if make.id == hardware.SIMULATED:
            return name
        raise place.error(f"{name!r} is no model of {make.id}{meant(name, tuple(make.models))}")
    return name


@dataclass(frozen=True)
class _Reader:
    """Reads the devices that a node's entries name."""

    make: Make
    model: str
    top: dict[str, Place]

    def whole(self, key: str) -> tuple[Device, ...]:
        """A list of numbers."""
        return self._listed(self.top[key]) if key in self.top else ()

    def _listed(self, place: Place) -> tuple[Device, ...]:
        return tuple(devices.device(self.make, item.number(), self.model) for item in place.items())

    def sliced(self, key: str) -> Sliced:
        """Devices that are advertised several times."""
        if key not in self.top:
            return Sliced()
        place = self.top[key]
        top = _complete(place, ("devices", "replicas"), ("renamed",))
        renamed = bool(top["renamed"].plain(bool)) if "renamed" in top else True
        if renamed and not self.make.shared:
            raise place.error(f"{self.make.id} has no name for shared devices; want 'renamed: false'")
        return Sliced(self._listed(top["devices"]), _positive(top["replicas"]), renamed)

    def parts(self, key: str, kind: str) -> tuple[Device, ...]:
        """Partitions of a profile, or virtual devices: some of each device."""
        if key not in self.top:
            return ()
        place = self.top[key]
        wanted = ("devices", "each", *(("profile",) if kind == PARTITION else ()))
        top = _complete(place, wanted)
        if kind not in self.make.forms:
            raise place.error(f"{self.make.id} has no {kind} devices")
        each = _positive(top["each"])
        if each > _MOST_PARTS:
            raise top["each"].error(f"found {each}, want at most {_MOST_PARTS}")
        profile = self._profile(top["profile"]) if kind == PARTITION else ""
        return tuple(
            devices.partition(one, profile, n) if kind == PARTITION else devices.virtual(one, n)
            for one in self._listed(top["devices"])
            for n in range(each)
        )

    def _profile(self, place: Place) -> str:
        known = tuple(self.make.forms[PARTITION].profiles)
        if place.text() not in known:
            raise place.error(f"{place.value!r} is no profile of {self.make.id}{meant(place.text(), known)}")
        return place.text()


def _complete(place: Place, needed: Iterable[str], others: Iterable[str] = ()) -> dict[str, Place]:
    top = place.mapping(*needed, *others)
    for key in needed:
        if key not in top:
            raise place.error(f"{key!r} is missing")
    return top


def _positive(place: Place) -> int:
    if place.number() < 1:
        raise place.error(f"found {place.value}, want at least 1")
    return place.number()


def _check(place: Place, node: NodeSpec) -> None:
    """No device is handed out in two ways."""
    behind = dict.fromkeys(part.physical for part in node.parts)
    used = [one.index for one in (*node.dra, *node.plugin, *node.sliced.devices, *behind)]
    twice = sorted({index for index in used if used.count(index) > 1})
    if twice:
        raise place.error(f"device {twice[0]} is handed out in two ways; want each in one")
    if node.plugin and node.sliced.devices and not node.sliced.renamed:
        raise place.error("'devicePlugin' and 'timeSliced' have one resource; want 'renamed: true' or one of them")
