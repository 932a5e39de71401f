"""What a probe said, read from its log as untrusted data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from conformance.inventory.descriptors import Descriptor
from conformance.probes import answers
from conformance.probes.answers import Burn, File, Nvml
from conformance.verdicts import Unverified

LOG_LIMIT = 1_000_000
"""Bytes of log that are read."""
IN_USE = {"EBUSY", "EAGAIN"}
"""What a driver refuses an open with while another process has the device (VFIO, habanalabs); the device cgroup let it pass."""


@dataclass(frozen=True)
class Node:
    """One device node, or one attempt to make one, as the probe saw it."""

    path: str
    kind: str
    major: int
    minor: int
    opened: bool
    refusal: str
    """errno by name: EPERM from the device cgroup, EACCES from the file mode, ENXIO from a missing driver."""
    content: str | None
    unwritable: str = ""
    """errno by name where it opened for reading and was refused for writing."""
    sysfs: Mapping[str, str] = field(default_factory=dict, compare=False)
    """What the kernel's view says about the device; it names, and proves no access."""

    @property
    def number(self) -> str:
        """``kind:major:minor``, which is the device, whatever the node is called."""
        return f"{self.kind}:{self.major}:{self.minor}"

    @property
    def reached(self) -> bool:
        """Whether it opened, or would have but for another process that had it open."""
        return self.opened or self.refusal in IN_USE

    def __str__(self) -> str:
        state = "opened" if self.opened else f"refused with {self.refusal}"
        state += f" to read only, refused with {self.unwritable} to write" if self.unwritable else ""
        return f"{self.path} ({self.number}, {state})"


@dataclass(frozen=True)
class Report:
    """Answer of ``probe.py devices``, and what ``burn`` and ``nvml`` say besides."""

    nodes: tuple[Node, ...]
    others: tuple[Node, ...]
    """Device nodes that were not opened, because nothing said that they may be accelerators."""
    made: tuple[Node, ...]
    complete: bool
    identity: dict[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that were asked for and are set."""
    files: tuple[File, ...] = ()
    burn: Burn | None = None
    """None where no load was asked for."""
    nvml: Nvml | None = None

    def opened(self, descriptor: Descriptor) -> list[Node]:
        """Accelerator devices that the container opened, each number once, under whatever name."""
        accelerators = {n.number: n for n in reversed(self.nodes) if n.opened and not is_control(n, descriptor)}
        return sorted(accelerators.values(), key=lambda n: n.path)

    def reached(self, descriptor: Descriptor) -> list[Node]:
        """The same, and those that only another process kept from being opened: nothing stood between them and the container."""
        held = {n.number: n for n in reversed(self.nodes) if n.reached and not is_control(n, descriptor)}
        return sorted((held | {n.number: n for n in self.opened(descriptor)}).values(), key=lambda n: n.path)

    def beside(self, descriptor: Descriptor) -> list[Node]:
        """Further nodes of devices that the container reached, each number once; with one of its own it has one."""
        found = {n.number: n for n in reversed(self.nodes) if n.reached and _named(n, descriptor.beside_nodes)}
        return sorted(found.values(), key=lambda n: n.path)

    def untried(self, numbers: Sequence[str]) -> list[Node]:
        """Nodes of these ``kind:major`` that were seen and not opened."""
        return [n for n in self.others if f"{n.kind}:{n.major}" in numbers]

    def present(self, descriptor: Descriptor) -> list[Node]:
        """Accelerator nodes that are there, opened or not."""
        return [n for n in self.nodes if not is_control(n, descriptor)]


def is_control(node: Node, descriptor: Descriptor) -> bool:
    """Whether a node belongs to no one device."""
    return _named(node, descriptor.control_nodes)


def _named(node: Node, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(node.path, glob) for glob in globs)


def identity(node: Node, descriptor: Descriptor) -> str | None:
    """Which device a node is, by the descriptor: from what was read through it, or from its path."""
    rule = descriptor.node_identity
    if rule is None:
        return None
    return rule.of(node.content) if rule.source == "content" else rule.of(node.path)


def parse(log: str, container: str) -> Report | None:
    """The report in a log, or None where its line is not there yet. Raises ``Unverified`` for a line that is none."""
    line = next((text for text in log.splitlines() if text.startswith('{"probe"')), None)
    if line is None:
        return None
    try:
        data = json.loads(line)
        return Report(
            nodes=tuple(_node(entry) for entry in data["nodes"]),
            others=tuple(_node({**entry, "open": "not tried"}) for entry in data["others"]),
            made=tuple(_node(entry) for entry in data["made"]),
            complete=bool(data["complete"]),
            identity=dict(data["identity"]),
            environment={answers.text(k): answers.text(v) for k, v in dict(data.get("environment", {})).items()},
            files=answers.files(data),
            burn=answers.burn(data),
            nvml=answers.nvml(data),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise Unverified(
            f"the probe in {container} wrote a line that is no report: {line[:200]!r}", code="probe_unreadable"
        ) from error


def _node(entry: dict[str, Any]) -> Node:
    mknod = str(entry.get("mknod", "ok"))
    opened = entry["open"] == "ok"
    return Node(
        path=str(entry.get("path", "made by hand")),
        kind=str(entry["kind"]),
        major=int(entry["major"]),
        minor=int(entry["minor"]),
        opened=opened,
        refusal="" if opened else (f"{mknod} at mknod" if mknod != "ok" else str(entry["open"])),
        content=str(entry["content"]) if "content" in entry else None,
        unwritable=answers.text(entry.get("write", "")) if opened else "",
        sysfs={answers.text(k): answers.text(v) for k, v in dict(entry.get("sysfs", {})).items()},
    )
