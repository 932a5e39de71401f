"""What the suite knows about kinds of accelerators, read from YAML: a new vendor is a file, not code (DESIGN 9)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from conformance import content, documents
from conformance.errors import ConfigurationError

FOLDER = content.FIXTURES / "accelerators"
SCHEMA = content.FIXTURES / "schemas" / "accelerator.schema.json"
OTHERS = content.FIXTURES / "other-devices.yaml"
OTHERS_SCHEMA = content.FIXTURES / "schemas" / "other-devices.schema.json"


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


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """One vendor's accelerators; the fields are those of fixtures/schemas/accelerator.schema.json."""

    id: str
    title: str
    drivers: tuple[str, ...]
    device_classes: tuple[str, ...]
    whole: tuple[str, str] | None
    """Attribute and value that a whole device has, where the driver publishes others too."""
    model_attribute: str
    device_identity: Identity | None
    resources: tuple[str, ...]
    shared_resources: tuple[str, ...]
    shared_label: tuple[str, str] | None
    """Node label and the value that says 'not shared'."""
    model_label: str
    plugin_identity: Identity | None
    accelerator_nodes: tuple[str, ...]
    control_nodes: tuple[str, ...]
    node_identity: Identity | None
    visibility: Mapping[str, str]
    """Environment variables that open devices round the allocation, with the value that opens all."""
    supplemental_groups: tuple[int, ...]
    runtime_class: str | None

    @property
    def can_identify(self) -> bool:
        """Whether a probe can tell the devices apart by opening them."""
        return bool(self.accelerator_nodes and self.node_identity)

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


def _pair(data: Mapping[str, Any] | None, first: str, second: str) -> tuple[str, str] | None:
    return (str(data[first]), str(data[second])) if data else None


def parse(data: Mapping[str, Any]) -> Descriptor:
    """Descriptor from a document that its schema accepts."""
    dra, plugin, nodes = data.get("dra") or {}, data.get("device_plugin") or {}, data.get("device_nodes") or {}
    return Descriptor(
        id=data["id"],
        title=data["title"],
        drivers=tuple(dra.get("drivers", ())),
        device_classes=tuple(dra.get("device_classes", ())),
        whole=_pair(dra.get("whole"), "attribute", "equals"),
        model_attribute=dra.get("model", ""),
        device_identity=_identity(dra.get("identity")),
        resources=tuple(plugin.get("resources", ())),
        shared_resources=tuple(plugin.get("shared", ())),
        shared_label=_pair(plugin.get("shared_when"), "label", "is_not"),
        model_label=plugin.get("model", ""),
        plugin_identity=_identity(plugin.get("identity")),
        accelerator_nodes=tuple(nodes.get("accelerators", ())),
        control_nodes=tuple(nodes.get("control", ())),
        node_identity=_identity(nodes.get("identity")),
        visibility=dict(data.get("visibility") or {}),
        supplemental_groups=tuple(data.get("supplemental_groups", ())),
        runtime_class=data.get("runtime_class"),
    )


def _validated(path: Path, schema: Path) -> Any:
    document = documents.load(path)
    document.check(schema)
    return document.data


def read(path: Path) -> Descriptor:
    """Read and validate one descriptor. Raises ``ConfigurationError`` with the place in the file."""
    descriptor = parse(_validated(path, SCHEMA))
    for identity in (descriptor.device_identity, descriptor.plugin_identity, descriptor.node_identity):
        if identity is None:
            continue
        try:
            groups = re.compile(identity.pattern).groupindex
        except re.error as error:
            raise ConfigurationError(f"{path}: identity pattern {identity.pattern!r}: {error}") from error
        if "id" not in groups:
            raise ConfigurationError(f"{path}: identity pattern {identity.pattern!r} has no group (?P<id>…)")
    return descriptor


def load(extra_files: Iterable[str] = ()) -> tuple[Descriptor, ...]:
    """The built-in descriptors and those of the user, who wins where both have the same id."""
    found = {d.id: d for d in map(read, sorted(FOLDER.glob("*.yaml")))}
    found |= {d.id: d for d in (read(Path(file)) for file in extra_files)}
    return tuple(found.values())


def other_devices() -> tuple[str, ...]:
    """Globs of DRA drivers and extended resources that are known to be no accelerators."""
    return tuple(_validated(OTHERS, OTHERS_SCHEMA)["names"])
