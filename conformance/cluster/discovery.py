"""Which API groups, versions and resources the server serves; versions are discovered, never assumed."""

import re
from dataclasses import dataclass

from conformance.cluster import errors
from conformance.cluster.api import Api

_VERSION = re.compile(r"^v(\d+)(?:(alpha|beta)(\d+))?$")


@dataclass(frozen=True)
class Resource:
    """One served resource: plural, kind, scope and verbs."""

    plural: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...]


def rank(version: str) -> tuple[int, int, int]:
    """Order of API versions: stable before beta before alpha, then the higher number (Kubernetes version priority)."""
    match = _VERSION.match(version)
    if not match:
        return (0, 0, 0)
    stage = {None: 3, "beta": 2, "alpha": 1}[match[2]]
    return (stage, int(match[1]), int(match[3] or 0))


class Discovery:
    """Answers from ``/apis``; each group and version is asked once."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._resources: dict[str, dict[str, Resource]] = {}

    def versions(self, group: str) -> list[str]:
        """Served versions of a group, best first; empty where the group is not served."""
        try:
            answer = self._api.get(f"/apis/{group}")
        except errors.NotFound:
            return []
        found = [str(entry.get("version", "")) for entry in answer.get("versions") or []]
        return sorted(found, key=rank, reverse=True)

    def resources(self, group_version: str) -> dict[str, Resource]:
        """Resources of ``group/version`` (or ``v1``) by plural, without subresources; empty where it is not served."""
        if group_version not in self._resources:
            self._resources[group_version] = self._ask(group_version)
        return self._resources[group_version]

    def _ask(self, group_version: str) -> dict[str, Resource]:
        path = f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
        try:
            entries = self._api.get(path).get("resources") or []
        except errors.NotFound:
            return {}
        return {
            entry["name"]: Resource(
                entry["name"], entry["kind"], bool(entry["namespaced"]), tuple(entry.get("verbs") or ())
            )
            for entry in entries
            if "/" not in entry["name"]
        }
