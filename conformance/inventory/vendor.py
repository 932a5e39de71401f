"""The parts of a descriptor that say how a vendor's devices are shared, virtualized and told apart, and where versions stand."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

TIME_SLICING, MPS, PARTITIONS, SLICES = "time-slicing", "mps", "partitions", "slices"
"""Ways of sharing that a device plugin hands out; ``slices`` are parts that a scheduler counts (HAMi)."""
SHARED_CLAIM, CAPACITY = "shared-claim", "consumable-capacity"
"""Ways of sharing that DRA itself has: several pods name one claim; several claims are given one device."""
MEMORY = "memory"
"""Capacity that is a device's memory where a descriptor names no other."""

VIRTUAL = "virtual"
"""No way of sharing: units are virtual devices, which are devices of their own to their holders."""


@dataclass(frozen=True)
class Identity:
    """How a device says which one it is: a pattern with a group ``id`` over one source."""

    source: str
    """DRA: ``attribute`` or ``device``; device plugin: ``plugin_id``; in a container: ``content`` or ``path``."""
    pattern: str
    attribute: str = ""

    def of(self, text: object) -> str | None:
        """Identity in this text, or None."""
        match = re.search(self.pattern, str(text)) if text is not None else None
        return match["id"] if match else None


@dataclass(frozen=True)
class When:
    """A node label and the value that it must have, or a glob that its value must meet."""

    label: str
    equals: str
    like: str = ""

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether a node with these labels is meant."""
        value = labels.get(self.label)
        return value is not None and (fnmatchcase(value, self.like) if self.like else value == self.equals)


@dataclass(frozen=True)
class Having:
    """A device attribute and the value that it must have."""

    attribute: str
    equals: str

    def holds(self, attributes: Mapping[str, Any]) -> bool:
        """Whether a device with these attributes is meant."""
        return str(attributes.get(self.attribute)) == self.equals


@dataclass(frozen=True)
class Partition:
    """How a driver publishes partitions of devices."""

    having: Having
    parent: str
    """Attribute that names the device of which it is a part."""
    memory: str
    """Capacity that is the partition's memory."""
    classes: tuple[str, ...] = ()
    """DeviceClasses that give partitions, best first; none: those that give whole devices."""


@dataclass(frozen=True, kw_only=True)
class ShareRule:
    """One way in which a device plugin hands out shares of devices."""

    strategy: str
    resources: tuple[str, ...]
    """Globs of resources whose units are such shares."""
    when: When | None
    """Node label that makes units of the vendor's own resources such shares."""
    annotation: str
    """Node annotation whose presence makes them such shares; a JSON list in it has an entry for each physical device."""
    devices: str
    """Node label with the number of physical devices, ``*`` for what the glob stands for; empty: nobody tells it."""
    replicas: str
    memory: str

    def means(
        self, resource: str, own: Iterable[str], labels: Mapping[str, str], annotations: Collection[str] = ()
    ) -> bool:
        """Whether units of a resource are such shares on a node with these labels; ``own`` are the vendor's resources."""
        if self.annotation:
            return self.annotation in annotations and (self.names(resource) or resource in own)
        when = self.when_for(resource)
        if when is None:
            return self.names(resource)
        return when.holds(labels) and (self.names(resource) or (resource in own and "*" not in when.label))

    def may_mean(self, resource: str, labels: Mapping[str, str]) -> bool:
        """Whether the resource's name alone says so, on a node without the label."""
        when = self.when_for(resource)
        return self.names(resource) and not self.annotation and (when is None or when.label not in labels)

    def when_for(self, resource: str) -> When | None:
        """The node label that decides for this resource: ``*`` in its name stands for what the glob stands for."""
        return replace(self.when, label=self.label(self.when.label, resource)) if self.when else None

    @property
    def is_special(self) -> bool:
        """Whether a label or annotation of the node must say so, which decides before names that always say so."""
        return self.when is not None or bool(self.annotation)

    def names(self, resource: str) -> bool:
        """Whether one of its globs means the resource."""
        return any(fnmatchcase(resource, glob) for glob in self.resources)

    def label(self, name: str, resource: str) -> str:
        """A label's name for a resource: ``nvidia.com/mig-*.count`` for ``nvidia.com/mig-1g.5gb``."""
        for glob in self.resources:
            before, star, after = glob.partition("*")
            if star and resource.startswith(before) and resource.endswith(after):
                return name.replace("*", resource[len(before) : len(resource) - len(after)])
        return name


@dataclass(frozen=True, kw_only=True)
class Virtualization:
    """Whether an accelerator can be virtualized, and how a virtual device shows."""

    can: bool
    resources: tuple[str, ...]
    """Globs of resources that give virtual devices."""
    when: When | None
    device: Having | None

    def names(self, resource: str) -> bool:
        """Whether a resource gives virtual devices by its name alone."""
        return any(fnmatchcase(resource, glob) for glob in self.resources)

    def marks(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether units of this resource or driver are virtual devices on a node with these labels."""
        return self.can and (self.names(name) or (self.when is not None and self.when.holds(labels)))

    def is_one(self, attributes: Mapping[str, Any]) -> bool:
        """Whether a published device with these attributes is virtual."""
        return self.can and self.device is not None and self.device.holds(attributes)

    def __str__(self) -> str:
        """Where virtual devices would show."""
        places = [f"resources {', '.join(self.resources)}"] if self.resources else []
        places += [f"node label {self.when.label}={self.when.equals}"] if self.when else []
        places += [f"devices with {self.device.attribute}={self.device.equals}"] if self.device else []
        return "; ".join(places) or "the descriptor names no place"


@dataclass(frozen=True, kw_only=True)
class VersionRule:
    """A version that is read inside a container, and where the platform advertises it."""

    name: str
    source: str
    """``nvml``, ``file`` or ``content``."""
    where: str
    """Field of the nvml answer, path of the file, or pattern over what the device gives."""
    pattern: str
    """Pattern with a group ``id`` over the file."""
    labels: tuple[tuple[str, ...], ...]
    """Advertisements by node label; several labels of one are joined by a dot."""
    attributes: tuple[str, ...]


@dataclass(frozen=True)
class Workload:
    """Image with the vendor's libraries, what it runs and the pattern that its log must meet."""

    image: str
    command: tuple[str, ...]
    output: str


def when(data: Mapping[str, Any] | None) -> When | None:
    """Condition on a node label."""
    return When(str(data["label"]), str(data.get("equals", "")), str(data.get("like", ""))) if data else None


def having(data: Mapping[str, Any] | None) -> Having | None:
    """Condition on a device attribute."""
    return Having(str(data["attribute"]), str(data["equals"])) if data else None


def partition(data: Mapping[str, Any] | None) -> Partition | None:
    """How partitions are published."""
    if not data:
        return None
    return Partition(
        Having(data["attribute"], data["equals"]),
        data["parent"],
        data.get("memory", MEMORY),
        tuple(data.get("device_classes", ())),
    )


def share(data: Mapping[str, Any]) -> ShareRule:
    """One way of sharing."""
    return ShareRule(
        strategy=data["strategy"],
        resources=tuple(data.get("resources", ())),
        when=when(data.get("when")),
        annotation=data.get("annotation", ""),
        devices=data.get("devices", ""),
        replicas=data.get("replicas", ""),
        memory=data.get("memory", ""),
    )


def virtualization(data: Mapping[str, Any] | None) -> Virtualization | None:
    """What is known of virtual devices."""
    if data is None:
        return None
    return Virtualization(
        can=data["can"],
        resources=tuple(data.get("resources", ())),
        when=when(data.get("when")),
        device=having(data.get("device")),
    )


def version(data: Mapping[str, Any]) -> VersionRule:
    """One version."""
    inside = data["inside"]
    source = next(key for key in ("nvml", "file", "content") if key in inside)
    return VersionRule(
        name=data["name"],
        source=source,
        where=inside[source],
        pattern=inside.get("pattern", r"^(?P<id>\S+)"),
        labels=tuple((entry,) if isinstance(entry, str) else tuple(entry) for entry in data.get("labels", ())),
        attributes=tuple(data.get("attributes", ())),
    )


def workload(data: Mapping[str, Any] | None) -> Workload | None:
    """Image with the vendor's libraries."""
    return Workload(data["image"], tuple(data["command"]), data["output"]) if data else None
