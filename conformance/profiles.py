"""What is required: profiles from YAML, each only the difference to the one that it extends.

A profile names requirements and their levels; it never lists what the suite can do, so that a requirement without a check
stays visible as not covered.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from conformance import catalogue, content, documents
from conformance.documents import Document, did_you_mean, quoted
from conformance.documents.wording import NodePath
from conformance.errors import UsageError

SECTIONS = ("accelerators", "networking", "schedulingOrchestration", "observability", "security", "operator")
"""Sections of the CNCF checklist, in its order."""

_SCHEMA = content.PROFILES / "profile.schema.json"


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """One item of a profile."""

    id: str
    section: str
    level: str
    """MUST or SHOULD."""
    title: str
    text: str
    """What it asks, in our own words."""
    conditional: bool = False
    """Whether it may be not applicable."""
    kar: str | None = None
    """Number of the programme's requirement document."""
    checks: tuple[str, ...] | None = None
    """Names of the checks that decide it; None: all that decide the programme."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A versioned set of requirements."""

    id: str
    title: str
    kubernetes: str
    requirements: tuple[Requirement, ...]
    removed: tuple[Requirement, ...] = ()
    """Requirements of the profiles that it extends which it no longer has; they decide nothing."""

    def get(self, requirement_id: str) -> Requirement | None:
        """Requirement by id, if the profile has it."""
        return next((r for r in self.requirements if r.id == requirement_id), None)


def names() -> tuple[str, ...]:
    """Names of the profiles that come with the suite, oldest first."""
    return tuple(sorted((path.stem for path in content.PROFILES.glob("*.yaml")), key=_sort_key))


def _sort_key(name: str) -> list[int | str]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def load(name_or_path: str | Path) -> Profile:
    """Profile of the suite by name, or a user's by path. UsageError or ConfigurationError in one line."""
    name = str(name_or_path)
    if name in names():
        return _builtin(name)
    path = Path(name_or_path)
    if not _looks_like_path(name) and not path.is_file():
        raise UsageError(
            f"unknown profile {quoted(name)}{did_you_mean(name, names())} "
            f"(profiles are {', '.join(names())}, or the path of a YAML file)"
        )
    return _read(path, ())


@cache
def _builtin(name: str) -> Profile:
    return _read(content.PROFILES / f"{name}.yaml", ())


def for_version(version: str) -> tuple[Profile, str | None]:
    """Profile for the version of a server (``v1.36.2-gke.100+x``), and a notice where there is none of its own."""
    match = re.match(r"v?(\d{1,3})\.(\d{1,3})(?!\d)", version)
    if match is None:
        raise UsageError(
            f"the server calls its version {quoted(version)}; choose a profile by name ({', '.join(names())})"
        )
    wanted = (int(match[1]), int(match[2]))
    known = {(int(m[1]), int(m[2])): m[0] for name in names() if (m := re.fullmatch(r"cncf-(\d+)\.(\d+)", name))}
    if wanted in known:
        return _builtin(known[wanted]), None
    oldest = min(known)
    text = f"{wanted[0]}.{wanted[1]}"
    if wanted < oldest:
        raise UsageError(
            f"Kubernetes {text} is older than every profile; the oldest is {known[oldest]}, choose it by name to be judged by it"
        )
    chosen = known[max(key for key in known if key < wanted)]
    return _builtin(
        chosen
    ), f"Kubernetes {text} has no profile of its own yet; judged by {chosen}, the newest before it"


def _looks_like_path(name: str) -> bool:
    return "/" in name or name.endswith((".yaml", ".yml", ".json"))


def _read(path: Path, chain: tuple[Path, ...]) -> Profile:
    """Read one file and what it extends; ``chain`` are the files that led here."""
    document = documents.load(path)
    document.check(_SCHEMA)
    data: dict[str, Any] = document.data
    if data["id"] in names() and path.parent.resolve() != content.PROFILES.resolve():
        raise document.error(("id",), f"{data['id']!r} is a profile of the suite; choose another id")
    base = _base(document, path, chain)
    requirements = _combine(document, base)
    if "kubernetes" not in data and base is None:
        raise document.error((), "the key 'kubernetes' is missing")
    if not any(requirement.level == "MUST" for requirement in requirements):
        raise document.error((), "no requirement is MUST, so every cluster would conform; at least one has to be")
    before = (*base.requirements, *base.removed) if base else ()
    ids = {requirement.id for requirement in requirements}
    return Profile(
        id=data["id"],
        title=data["title"],
        kubernetes=data.get("kubernetes") or (base.kubernetes if base else ""),
        requirements=tuple(sorted(requirements, key=lambda r: SECTIONS.index(r.section))),
        removed=tuple(requirement for requirement in before if requirement.id not in ids),
    )


def _base(document: Document, path: Path, chain: tuple[Path, ...]) -> Profile | None:
    """The profile that a file extends."""
    data = document.data
    keys = {"requirements"} if "extends" in data else {"add", "change", "remove"}
    for key in keys & set(data):
        advice = "use add, change and remove" if "extends" in data else "use requirements"
        raise document.error((key,), f"{advice} in a profile {'with' if 'extends' in data else 'without'} 'extends'")
    if "extends" not in data:
        if "requirements" not in data:
            raise document.error((), "neither 'extends' nor 'requirements' is there; one of them is needed")
        return None
    name = data["extends"]
    if name not in names() and not _looks_like_path(name):
        raise document.error(("extends",), f"unknown profile {quoted(name)}{did_you_mean(name, names())}")
    target = (content.PROFILES / f"{name}.yaml" if name in names() else path.parent / name).resolve()
    chain = (*chain, path.resolve())
    if target in chain:
        circle = " → ".join(p.name for p in (*chain[chain.index(target) :], target))
        raise document.error(("extends",), f"profiles extend each other in a circle: {circle}")
    return _read(target, chain)


def _combine(document: Document, base: Profile | None) -> list[Requirement]:
    """Requirements of the base with the differences of one file applied."""
    result = {requirement.id: requirement for requirement in base.requirements} if base else {}
    for index, requirement_id in enumerate(document.data.get("remove", ())):
        _known(document, ("remove", index), requirement_id, result)
        del result[requirement_id]
    for place, entry in _entries(document, "change"):
        _known(document, (*place, "id"), entry["id"], result)
        result[entry["id"]] = replace(result[entry["id"]], **_fields(document, place, entry))
    for place, entry in (*_entries(document, "requirements"), *_entries(document, "add")):
        if entry["id"] in result:
            raise document.error((*place, "id"), f"{entry['id']} is there already{'; use change' if base else ''}")
        known = _all_ids()
        if entry["id"] not in known:
            hint = did_you_mean(entry["id"], known) or "; known are " + ", ".join(sorted(known))
            raise document.error((*place, "id"), f"no check and no profile of the suite knows {entry['id']!r}{hint}")
        result[entry["id"]] = Requirement(**_fields(document, place, entry))
    return list(result.values())


def _entries(document: Document, key: str) -> Iterator[tuple[NodePath, dict[str, Any]]]:
    """Entries of one list with their places; an id that comes twice is an error."""
    seen: set[str] = set()
    for index, entry in enumerate(document.data.get(key, ())):
        if entry["id"] in seen:
            raise document.error((key, index, "id"), f"{entry['id']} stands twice in {key!r}")
        seen.add(entry["id"])
        yield (key, index), entry


def _known(document: Document, place: NodePath, requirement_id: str, known: Mapping[str, Requirement]) -> None:
    if requirement_id not in known:
        hint = did_you_mean(requirement_id, known) or f"; it has {', '.join(known)}"
        raise document.error(place, f"the extended profile has no {requirement_id!r}{hint}")


def _fields(document: Document, place: NodePath, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a Requirement; the names of checks are looked up."""
    fields = dict(entry)
    chosen = fields.pop("checks", None)
    if chosen == "all":
        fields["checks"] = None
    elif chosen is not None:
        fields["checks"] = tuple(_check_names(document, (*place, "checks"), entry["id"], chosen))
    return fields


def _check_names(document: Document, place: NodePath, requirement_id: str, chosen: list[str]) -> Iterator[str]:
    known = [check.name for check in catalogue.load() if check.requirement == requirement_id]
    for index, name in enumerate(chosen):
        if name not in known:
            hint = did_you_mean(name, known) or f"; it has {', '.join(known) or 'none'}"
            raise document.error((*place, index), f"{requirement_id} has no check {name!r}{hint}")
        yield name


@cache
def _all_ids() -> frozenset[str]:
    """Every requirement id that a profile of the suite or a check module knows."""
    contents = [documents.load(path).data for path in content.PROFILES.glob("*.yaml")]
    entries = (entry for data in contents for key in ("requirements", "add") for entry in data.get(key, ()))
    modules = (catalogue.requirement_of(path.name) for path in content.CHECKS.glob("*/test_*.py"))
    return frozenset({entry["id"] for entry in entries} | set(modules))
