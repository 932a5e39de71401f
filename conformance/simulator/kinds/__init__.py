"""What the simulated API server serves: one table of kinds, their schemas, defaults, rules and columns.

The table comes from Kubernetes' own discovery and OpenAPI files (``kubernetes-1.37.json``); CustomResourceDefinitions add to it.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from conformance.simulator.objects import Obj

ON_BY_DEFAULT = ("v1", "v2")
_TABLE = Path(__file__).with_name("kubernetes-1.37.json")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One served resource in one version."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...]
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: dict[str, Obj] = field(default_factory=dict)
    """Discovery entries by name: ``status``, ``scale``, …"""
    schema: Obj = field(default_factory=dict)
    custom: Obj | None = None
    """The version entry of the CustomResourceDefinition that made this kind."""

    @property
    def resource(self) -> str:
        """``pods``, ``resourceclaims.resource.k8s.io``; the same for every version."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """``v1``, ``resource.k8s.io/v1``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def stored_as(self) -> str:
        """Resource under which objects are stored: events have two faces and one store."""
        return "events" if self.resource == "events.events.k8s.io" else self.resource

    @property
    def plain(self) -> bool:
        """Whether objects of this kind are stored at all (reviews are not)."""
        return "get" in self.verbs


@cache
def table() -> Obj:
    """The table of built-in kinds and schemas."""
    data: Obj = json.loads(_TABLE.read_text())
    return data


def _schema_names() -> dict[tuple[str, str, str], str]:
    names = {}
    for name, schema in table()["schemas"].items():
        for entry in schema.get("x-kubernetes-group-version-kind", ()):
            names[entry["group"], entry["version"], entry["kind"]] = name
    return names


def _built_in(api_version: str, listed: list[Obj], names: dict[tuple[str, str, str], str]) -> Iterator[Kind]:
    group, _, version = api_version.rpartition("/")
    for entry in listed:
        if "/" in entry["name"]:
            continue
        under = f"{entry['name']}/"
        own = (entry.get("group", group), entry.get("version", version), entry["kind"])
        yield Kind(
            group=group,
            version=version,
            plural=entry["name"],
            singular=entry["singularName"],
            kind=entry["kind"],
            namespaced=entry["namespaced"],
            verbs=tuple(entry["verbs"]),
            short_names=tuple(entry.get("shortNames", ())),
            categories=tuple(entry.get("categories", ())),
            subresources={e["name"].removeprefix(under): e for e in listed if e["name"].startswith(under)},
            schema={"$ref": f"#/components/schemas/{names[own]}"} if own in names else {},
        )


class Kinds:
    """The kinds that one cluster serves."""

    def __init__(self, *, serve: Iterable[str] = (), withhold: Iterable[str] = ()) -> None:
        """``serve`` adds group versions that are off by default, ``withhold`` takes groups or group versions away."""
        self._kinds: dict[tuple[str, str, str], Kind] = {}
        self.crd_schemas: dict[str, Obj] = {}
        names, extra, without = _schema_names(), set(serve), set(withhold)
        for api_version, listed in table()["resources"].items():
            group, _, version = api_version.rpartition("/")
            served = version in ON_BY_DEFAULT or api_version in extra
            if served and api_version not in without and (not group or group not in without):
                for kind in _built_in(api_version, listed, names):
                    self.add(kind)

    def add(self, kind: Kind) -> None:
        """Serve a kind."""
        self._kinds[kind.group, kind.version, kind.plural] = kind

    def drop(self, group: str, plural: str) -> None:
        """Serve a resource no longer."""
        for key in [key for key in self._kinds if (key[0], key[2]) == (group, plural)]:
            del self._kinds[key]

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind of a path."""
        return self._kinds.get((group, version, plural))

    def get(self, resource: str) -> Kind:
        """The preferred version of a resource that is known to be served."""
        plural, _, group = resource.partition(".")
        return next(k for k in self if (k.plural, k.group) == (plural, group))

    def has(self, resource: str) -> bool:
        """Whether some version of a resource is served."""
        plural, _, group = resource.partition(".")
        return any((k.plural, k.group) == (plural, group) for k in self)

    def of(self, api_version: str, kind: str) -> Kind | None:
        """The kind of an object's own apiVersion and kind."""
        return next((k for k in self if (k.api_version, k.kind) == (api_version, kind)), None)

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    def groups(self) -> dict[str, list[str]]:
        """Versions by group, in order of preference."""
        found: dict[str, list[str]] = {}
        for kind in self:
            versions = found.setdefault(kind.group, [])
            if kind.version not in versions:
                versions.append(kind.version)
        return found

    def resolve(self, schema: Any) -> Obj:
        """A schema with its reference followed."""
        while isinstance(schema, dict):
            if "$ref" in schema:
                schema = table()["schemas"][schema["$ref"].rpartition("/")[2]]
            elif len(schema.get("allOf", ())) == 1 and "$ref" in schema["allOf"][0]:
                schema = schema["allOf"][0]
            else:
                return schema
        return {}
