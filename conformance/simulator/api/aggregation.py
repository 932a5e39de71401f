"""Aggregated APIs: groups that another server answers for, as an APIService object says, and only while that is available."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol

from conformance.simulator.api import errors
from conformance.simulator.api.access import Access, User
from conformance.simulator.api.errors import Refused
from conformance.simulator.objects import Obj, condition
from conformance.simulator.storage import Store

APISERVICES = "apiservices.apiregistration.k8s.io"
_SHORTEST = 3
"""Steps of ``apis/GROUP/VERSION``."""
_OBJECT = 2
"""Steps from which on a path names a single object."""


class Provider(Protocol):
    """A server behind an APIService."""

    group: str
    versions: tuple[str, ...]
    service: tuple[str, str]
    """Namespace and name of its Service."""

    def resources(self, version: str) -> list[Obj]:
        """Its discovery document."""
        ...

    async def answer(self, version: str, namespace: str, steps: list[str], query: Mapping[str, str]) -> Obj:
        """The answer to a GET below ``namespaces/NAMESPACE``; ``Refused`` where there is none."""
        ...


class UnavailableError(Exception):
    """The server behind an APIService does not answer."""


class Aggregation:
    """The aggregated APIs of one cluster."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.providers: dict[str, Provider] = {}

    def registered(self, group: str, version: str) -> bool:
        """Whether an APIService sends a group version to one of the providers."""
        known = group in self.providers and version in self.providers[group].versions
        return known and self._store.get(APISERVICES, "", f"{version}.{group}") is not None

    def available(self, group: str, version: str) -> bool:
        """Whether the server behind it answers."""
        found = self._store.get(APISERVICES, "", f"{version}.{group}")
        told = condition(found, "Available") if found else None
        return told is not None and told["status"] == "True"

    def groups(self) -> dict[str, list[str]]:
        """Registered versions by group."""
        found = {
            group: [version for version in provider.versions if self.registered(group, version)]
            for group, provider in self.providers.items()
        }
        return {group: versions for group, versions in found.items() if versions}

    def resource_list(self, group: str, version: str) -> Obj:
        """``/apis/GROUP/VERSION``; ``UnavailableError`` where nobody answers."""
        if not self.available(group, version):
            raise UnavailableError
        resources = self.providers[group].resources(version)
        served = f"{group}/{version}"
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": served, "resources": resources}

    def discovery(self) -> list[Obj]:
        """Entries of the aggregated discovery document."""
        return [
            {
                "metadata": {"name": group, "creationTimestamp": None},
                "versions": [self._version(group, version) for version in versions],
            }
            for group, versions in self.groups().items()
        ]

    def _version(self, group: str, version: str) -> Obj:
        if not self.available(group, version):
            return {"version": version, "freshness": "Stale"}
        entries: dict[str, Obj] = {}
        for resource in self.providers[group].resources(version):
            name, _, sub = resource["name"].partition("/")
            scope = "Namespaced" if resource["namespaced"] else "Cluster"
            kind = {"group": group, "version": version, "kind": resource["kind"]}
            entry = entries.setdefault(name, {"resource": name, "scope": scope, "singularResource": "", "verbs": []})
            if sub:
                entry.setdefault("subresources", []).append(
                    {"subresource": sub, "responseKind": kind, "verbs": resource["verbs"]}
                )
            else:
                entry.update(responseKind=kind, verbs=resource["verbs"])
        return {"version": version, "resources": list(entries.values()), "freshness": "Current"}

    async def get(self, group: str, version: str, namespace: str, steps: list[str], query: Mapping[str, str]) -> Obj:
        """What a provider answers; ``Refused`` 404 where none is registered."""
        if not self.registered(group, version):
            raise errors.no_such_path()
        if not self.available(group, version):
            words = "the server is currently unable to handle the request"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", words)
        return await self.providers[group].answer(version, namespace, steps, query)

    async def handle(self, method: str, path: str, query: Mapping[str, str], user: User, access: Access) -> Obj | None:
        """The answer to a request; None where it is about something else, ``UnavailableError`` where nobody answers."""
        steps = path.strip("/").split("/")
        if steps[0] != "apis" or len(steps) < _SHORTEST or not self.registered(steps[1], steps[2]):
            return None
        group, version, *rest = steps[1:]
        if not self.available(group, version):
            raise UnavailableError
        if not rest:
            return self.resource_list(group, version)
        if method != "GET":
            raise errors.method_not_allowed()
        if rest[0] != "namespaces" or len(rest) <= _OBJECT:
            raise errors.no_such_path()
        namespace, inner = rest[1], rest[2:]
        resource = f"{inner[0]}.{group}" + "".join(f"/{sub}" for sub in inner[2:])
        access.check(user, "get" if len(inner) >= _OBJECT else "list", resource, namespace, "".join(inner[1:2]))
        return await self.get(group, version, namespace, inner, query)
