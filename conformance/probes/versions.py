"""Versions that are read inside a pod with a device, and those that the platform advertises for it: do they agree (KAR 0001)?"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from conformance.inventory.descriptors import Descriptor
from conformance.inventory.vendor import VersionRule
from conformance.probes import claims, reading
from conformance.probes.ask import Ask
from conformance.probes.bench import Bench
from conformance.probes.tenants import Tenant
from conformance.verdicts import Failure, Unknown

_NUMBERS = re.compile(r"v?(?P<numbers>\d+(?:\.\d+)*)(?P<rest>.*)", re.DOTALL)
_UNFIT = "NVML_ERROR_LIB_RM_VERSION_MISMATCH"
"""What NVML refuses to work with: the library that the runtime gives to pods is not of the driver that the kernel has loaded."""
_LONGEST = 200
"""Characters of a version that are looked at."""


@dataclass(frozen=True)
class Told:
    """A version and the place where it stands."""

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.text!r} ({self.where})"


@dataclass(frozen=True)
class Version:
    """One version of a descriptor, from both sides."""

    name: str
    inside: Told | None
    unread: str
    """Why it could not be read inside, or empty."""
    advertised: tuple[Told, ...]
    places: str
    """Where an advertisement was looked for."""

    def __str__(self) -> str:
        here = str(self.inside) if self.inside else f"not read ({self.unread})"
        there = ", ".join(map(str, self.advertised)) or f"not advertised ({self.places})"
        return f"{self.name}: inside {here}, advertised {there}"

    @property
    def wrong(self) -> list[Told]:
        """Advertisements that say something else than what was read inside."""
        inside = self.inside
        return [] if inside is None else [told for told in self.advertised if not same(inside.text, told.text)]

    @property
    def agrees(self) -> bool:
        """Whether it was seen on both sides and is the same everywhere."""
        return bool(self.inside and self.advertised) and not self.wrong


def same(first: str, second: str) -> bool:
    """Whether two texts are one version.

    Numbers between dots are compared as numbers, and zeros at the end do not count: 535.104.05 is 535.104.5, and 12.4 is
    12.4.0. A leading ``v`` and what follows a plus sign (build metadata of Semantic Versioning) do not count either. All
    else must be equal to the letter: 1.2.3-rc1 is not 1.2.3, and texts that do not begin with a number must be the same.
    """
    return _canonical(first) == _canonical(second)


def _canonical(text: str) -> tuple[tuple[int, ...], str]:
    match = _NUMBERS.fullmatch(text.strip()[:_LONGEST].partition("+")[0])
    if match is None:
        return (), text.strip()
    numbers = [int(part) for part in match["numbers"].split(".")]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers), match["rest"]


def reading_versions(descriptor: Descriptor) -> Ask:
    """What a pod must be asked so that it reads the descriptor's versions. Raises ``Unknown`` where there are none."""
    if not descriptor.versions:
        raise Unknown(
            f"{descriptor.title}: its descriptor says no version that can be read inside a pod; add 'versions' to it",
            code="no_versions",
        )
    files = tuple(rule.where for rule in descriptor.versions if rule.source == "file")
    nvml = any(rule.source == "nvml" for rule in descriptor.versions)
    return Ask(command="nvml" if nvml else "devices", files=files, libraries=descriptor.library_paths)


def compare_versions(bench: Bench, tenant: Tenant) -> list[Version]:
    """Each version of the descriptor as the pod read it and as labels of its node and attributes of its device have it."""
    node = _own(bench, tenant)
    must_fit(bench, tenant)
    attributes = _attributes(bench, tenant)
    return [_version(rule, tenant.report, node, bench.labels, attributes) for rule in bench.descriptor.versions]


def must_fit(bench: Bench, tenant: Tenant) -> None:
    """Raise ``Failure`` where the vendor's library in the pod says that the kernel's driver is of another version."""
    problem = tenant.report.nvml.problem if tenant.report.nvml else ""
    if _UNFIT in problem:
        raise Failure(
            "version_mismatch",
            observed=f"the library that pod {tenant.name} on {bench.node} was given does not fit the driver: {problem}",
            expected="the runtime gives pods the library of the driver that the kernel has loaded",
            hint="the driver was updated and its module is still the old one: reload it, or restart the node",
        )


def _own(bench: Bench, tenant: Tenant) -> reading.Node:
    """The device to read from: of several that opened, which is for other checks to judge, the allocated one."""
    opened, allocated = bench.opened_some(tenant), bench.allocated(tenant) or ()
    return next((node for node in opened if reading.identity(node, bench.descriptor) in allocated), opened[0])


def _attributes(bench: Bench, tenant: Tenant) -> Mapping[str, object] | None:
    """Attributes of the device that was allocated; None where no claim gave it."""
    if tenant.claim is None:
        return None
    keys = claims.allocated(tenant.claim)
    return claims.device_attributes(bench.sandbox.api, bench.version, keys[0]) if keys else {}


def _version(
    rule: VersionRule,
    report: reading.Report,
    node: reading.Node,
    labels: Mapping[str, str],
    attributes: Mapping[str, object] | None,
) -> Version:
    inside, unread = _inside(rule, report, node)
    advertised = [*_by_labels(rule, labels), *_by_attributes(rule, attributes)]
    looked = [f"label {'.'.join(names)}" for names in rule.labels]
    looked += [f"attribute {name}" for name in rule.attributes if attributes is not None]
    return Version(rule.name, inside, unread, tuple(advertised), ", ".join(looked) or "the descriptor names no place")


def _inside(rule: VersionRule, report: reading.Report, node: reading.Node) -> tuple[Told | None, str]:
    """The version as the pod has it, else why it could not be read."""
    if rule.source == "nvml":
        value = report.nvml.value(rule.where) if report.nvml else None
        if value:
            return Told(f"NVML {rule.where} in the pod", value), ""
        return None, f"NVML {rule.where}: {report.nvml.error(rule.where) if report.nvml else 'not asked'}"
    if rule.source == "content":
        return _matched(rule.where, node.content, f"what {node.path} gives in the pod")
    file = next((file for file in report.files if file.path == rule.where), None)
    if file is None or file.content is None:
        return None, f"{rule.where}: {file.refusal if file else 'not read'}"
    return _matched(rule.pattern, file.content, f"{rule.where} in the pod")


def _matched(pattern: str, text: str | None, where: str) -> tuple[Told | None, str]:
    match = re.search(pattern, text or "")
    if match is None or not match["id"]:
        return None, f"{where}: no version in {(text or '')[:_LONGEST]!r}"
    return Told(where, match["id"]), ""


def _by_labels(rule: VersionRule, labels: Mapping[str, str]) -> Iterable[Told]:
    for names in rule.labels:
        values = [labels.get(name, "") for name in names]
        if all(values):
            yield Told(f"node label {' and '.join(names)}", ".".join(values))


def _by_attributes(rule: VersionRule, attributes: Mapping[str, object] | None) -> Iterable[Told]:
    for name in rule.attributes:
        value = (attributes or {}).get(name)
        if value is not None:
            yield Told(f"attribute {name} of the allocated device", str(value))


def must_agree(found: Sequence[Version], where: str) -> None:
    """Raise ``Failure`` where one is advertised otherwise, ``Unknown`` where none was seen on both sides; ``where`` names the node."""
    wrong = [version for version in found if version.wrong]
    if wrong:
        raise Failure(
            "version_mismatch",
            observed=f"on {where}: {'; '.join(map(str, wrong))}",
            expected="the platform advertises the versions that a pod with the device reads",
        )
    if any(version.agrees for version in found):
        return
    seen = f"on {where}: {'; '.join(map(str, found))}"
    if not any(version.inside for version in found):
        cure = (
            "Where the vendor's libraries are in images of workloads only, or the runtime gives pods no management library "
            "(NVIDIA: driver capability 'utility'), read them by hand; or name a file or folder in the descriptor"
        )
        raise Unknown(f"no version could be read inside the pod {seen}. {cure}", code="version_not_read")
    raise Unknown(
        f"no version that was read inside the pod is advertised {seen}. Install the vendor's feature discovery or a DRA "
        "driver that publishes versions",
        code="version_not_advertised",
    )
