"""What the suite knows about kinds of accelerators, read from YAML: a new vendor is a file, not code (DESIGN 9)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from conformance import content, documents
from conformance.errors import ConfigurationError
from conformance.inventory import vendor
from conformance.inventory.vendor import Having, Identity, Partition, ShareRule, VersionRule, Virtualization, Workload

FOLDER = content.FIXTURES / "accelerators"
SCHEMA = content.FIXTURES / "schemas" / "accelerator.schema.json"
OTHERS = content.FIXTURES / "other-devices.yaml"
OTHERS_SCHEMA = content.FIXTURES / "schemas" / "other-devices.schema.json"


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """One vendor's accelerators; the fields are those of fixtures/schemas/accelerator.schema.json."""

    id: str
    title: str
    drivers: tuple[str, ...]
    device_classes: tuple[str, ...]
    whole: Having | None
    """What a whole device has, where the driver publishes others too."""
    partition: Partition | None
    model_attribute: str
    device_identity: Identity | None
    resources: tuple[str, ...]
    shares: tuple[ShareRule, ...]
    """Ways in which units of resources are shares of devices; the first that fits a resource and node is meant."""
    unshared: tuple[str, ...]
    """Values of the label of a way of sharing that say that units are whole devices."""
    model_label: str
    plugin_identity: Identity | None
    accelerator_nodes: tuple[str, ...]
    control_nodes: tuple[str, ...]
    beside_nodes: tuple[str, ...]
    """Further nodes of devices (DRM cards): who holds a device has its own beside it, and nobody else any."""
    node_identity: Identity | None
    node_parent: Identity | None
    """Where an opened partition says of which device it is one."""
    node_memory: Identity | None
    """Where an opened device says how much memory it lets be used."""
    visibility: Mapping[str, str]
    """Environment variables that open devices round the allocation, with the value that opens all."""
    supplemental_groups: tuple[int, ...]
    runtime_class: str | None
    can_share: bool | None
    """None: not known."""
    sharing_told: tuple[str, ...] | None
    """Node labels of which one is there wherever it is told whether units are shares; None: shares always show."""
    virtualization: Virtualization | None
    versions: tuple[VersionRule, ...]
    management: str
    """Library by which devices tell about themselves (``nvml``), or empty."""
    compute: str
    """How a load is put on a device: ``cuda``, ``read`` (read through the device and compare), or empty."""
    library_paths: tuple[str, ...]
    workload: Workload | None
    whole_node: bool
    """Whether a pod must ask for every device of its node."""
    metrics: Mapping[str, tuple[str, ...]]
    """Names of the vendor's exporter by canonical name."""

    @property
    def can_identify(self) -> bool:
        """Whether a probe can tell the devices apart by opening them."""
        return bool(self.accelerator_nodes and self.node_identity)

    def classes_for(self, strategy: str) -> tuple[str, ...]:
        """DeviceClasses that give units of a DRA kind, best first."""
        special = self.partition.classes if self.partition and strategy == vendor.PARTITIONS else ()
        return special or self.device_classes

    def patterns(self) -> list[str]:
        """Every pattern that must have a group ``id``."""
        rules = (self.device_identity, self.plugin_identity, self.node_identity, self.node_parent, self.node_memory)
        inside = [rule.where if rule.source == "content" else rule.pattern for rule in self.versions]
        return [rule.pattern for rule in rules if rule is not None] + inside

    def is_accelerator(self, path: str) -> bool:
        """Whether a device node is an accelerator and no control node."""
        globs = self.accelerator_nodes
        return any(fnmatchcase(path, glob) for glob in globs) and not any(
            fnmatchcase(path, g) for g in self.control_nodes
        )


def _identity(data: Mapping[str, Any] | None) -> Identity | None:
    if not data:
        return None
    attribute = str(data.get("attribute", ""))
    if attribute:
        return Identity("attribute", str(data.get("pattern", r"^(?P<id>.+)$")), attribute)
    ((source, pattern),) = data.items()
    return Identity(str(source), str(pattern))


def parse(data: Mapping[str, Any]) -> Descriptor:
    """Descriptor from a document that its schema accepts."""
    dra, plugin, nodes = data.get("dra") or {}, data.get("device_plugin") or {}, data.get("device_nodes") or {}
    sharing = data.get("sharing") or {}
    return Descriptor(
        id=data["id"],
        title=data["title"],
        drivers=tuple(dra.get("drivers", ())),
        device_classes=tuple(dra.get("device_classes", ())),
        whole=vendor.having(dra.get("whole")),
        partition=vendor.partition(dra.get("partition")),
        model_attribute=dra.get("model", ""),
        device_identity=_identity(dra.get("identity")),
        resources=tuple(plugin.get("resources", ())),
        shares=tuple(map(vendor.share, plugin.get("shares", ()))),
        unshared=tuple(plugin.get("unshared", ("none",))),
        model_label=plugin.get("model", ""),
        plugin_identity=_identity(plugin.get("identity")),
        accelerator_nodes=tuple(nodes.get("accelerators", ())),
        control_nodes=(*nodes.get("control", ()), *nodes.get("beside", ())),
        beside_nodes=tuple(nodes.get("beside", ())),
        node_identity=_identity(nodes.get("identity")),
        node_parent=_identity(nodes.get("parent")),
        node_memory=_identity(nodes.get("memory")),
        visibility=dict(data.get("visibility") or {}),
        supplemental_groups=tuple(data.get("supplemental_groups", ())),
        runtime_class=data.get("runtime_class"),
        can_share=sharing.get("can"),
        sharing_told=tuple(sharing["told"]) if "told" in sharing else None,
        virtualization=vendor.virtualization(data.get("virtualization")),
        versions=tuple(map(vendor.version, data.get("versions", ()))),
        management=data.get("management", ""),
        compute=(data.get("compute") or {}).get("by", ""),
        library_paths=tuple(data.get("library_paths", ())),
        workload=vendor.workload(data.get("workload")),
        whole_node=bool((data.get("request_unit") or {}).get("whole_node")),
        metrics={name: tuple(names) for name, names in (data.get("metrics") or {}).items()},
    )


def _validated(path: Path, schema: Path) -> Any:
    document = documents.load(path)
    document.check(schema)
    return document.data


def read(path: Path) -> Descriptor:
    """Read and validate one descriptor. Raises ``ConfigurationError`` with the place in the file."""
    descriptor = parse(_validated(path, SCHEMA))
    for pattern in descriptor.patterns():
        if "id" not in _compiled(path, pattern).groupindex:
            raise ConfigurationError(f"{path}: identity pattern {pattern!r} has no group (?P<id>…)")
    if descriptor.workload:
        _compiled(path, descriptor.workload.output)
    return descriptor


def _compiled(path: Path, pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(f"{path}: pattern {pattern!r}: {error}") from error


def load(extra_files: Iterable[str] = ()) -> tuple[Descriptor, ...]:
    """The built-in descriptors and those of the user, who wins where both have the same id."""
    found = {d.id: d for d in map(read, sorted(FOLDER.glob("*.yaml")))}
    found |= {d.id: d for d in (read(Path(file)) for file in extra_files)}
    return tuple(found.values())


def other_devices() -> tuple[str, ...]:
    """Globs of DRA drivers and extended resources that are known to be no accelerators."""
    return tuple(_validated(OTHERS, OTHERS_SCHEMA)["names"])
