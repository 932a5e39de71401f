"""A cluster in memory, for tests of what a run does with the API and not of what a cluster does with it."""

import itertools
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conformance.cluster import errors
from conformance.cluster.transport import Counters

pytest_plugins = ["pytester"]

# Last on the path: the helpers of the tests are found here, the package only where it is installed.
sys.path.append(str(Path(__file__).resolve().parents[1]))

Object = dict[str, Any]

SERVED: dict[str, Object] = {
    "/apis/resource.k8s.io": {"versions": [{"version": "v1"}]},
    "/apis/resource.k8s.io/v1": {
        "resources": [
            {
                "name": "deviceclasses",
                "kind": "DeviceClass",
                "namespaced": False,
                "verbs": ["list", "delete", "create"],
            },
            {
                "name": "resourceclaims",
                "kind": "ResourceClaim",
                "namespaced": True,
                "verbs": ["list", "delete", "create"],
            },
        ]
    },
}


class FakeApi:
    """Objects by path, with as much of the API as leases, namespaces and sweeping need."""

    server, context = "https://fake:6443", "fake"

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.forbidden: set[str] = set()
        """Verb and collection: ``list /api/v1/namespaces``."""
        self.counters = Counters()
        self.deleted: list[str] = []
        self._uids = itertools.count(1)

    def with_agent(self, _agent: str) -> "FakeApi":
        return self

    def on_wait(self, _what: str, _limit: float) -> None:
        """Nobody listens."""

    def version(self) -> str:
        return "v1.37.2"

    def put(self, path: str, *, created: datetime | None = None, **parts: Any) -> Object:
        """An object that is simply there."""
        *place, name = path.split("/")
        meta = {"name": name, "uid": f"uid-{next(self._uids)}", "resourceVersion": "1"}
        if "namespaces" in place and place[-2:-1] != ["v1"]:
            meta["namespace"] = place[place.index("namespaces") + 1]
        meta["creationTimestamp"] = (created or datetime.now(UTC)).isoformat(timespec="seconds").replace("+00:00", "Z")
        meta |= parts.pop("metadata", {})
        self.objects[path] = {**parts, "metadata": meta}
        return self.objects[path]

    def _allow(self, verb: str, collection: str) -> None:
        if f"{verb} {collection}" in self.forbidden:
            raise errors.Forbidden(403, "Forbidden", f"may not {verb} {collection}")

    def get(self, path: str, **_query: Any) -> Object:
        if path in SERVED:
            return SERVED[path]
        self._allow("get", path.rpartition("/")[0])
        if path not in self.objects:
            raise errors.NotFound(404, "NotFound", path)
        return self.objects[path]

    def list(self, path: str, *, label_selector: str = "", field_selector: str = "") -> list[Object]:
        assert not field_selector
        self._allow("list", path)
        root, _, plural = path.rpartition("/")
        every = path if "namespaces" in path else f"{root}/namespaces/*/{plural}"
        key, _, value = label_selector.partition("=")
        inside = [o for p, o in self.objects.items() if _within(p, path) or _within(p, every)]
        return [o for o in inside if _labelled(o, key, value)]

    def create(self, path: str, obj: Object, *, dry_run: bool = False) -> Object:
        self._allow("create", path)
        made = self.put(f"{path}/{obj['metadata']['name']}", **obj)
        if dry_run:
            del self.objects[f"{path}/{obj['metadata']['name']}"]
        return made

    def patch(self, path: str, body: Object, *, kind: str = "merge") -> Object:
        assert kind == "merge"
        self._allow("patch", path.rpartition("/")[0])
        found = self.get(path)
        found["spec"] = {**found.get("spec", {}), **body.get("spec", {})}
        return found

    def delete(self, path: str, *, uid: str | None = None) -> None:
        self._allow("delete", path.rpartition("/")[0])
        found = self.objects.get(path)
        if found is not None and uid in (None, found["metadata"]["uid"]):
            self.deleted.append(path)
            del self.objects[path]


def _within(path: str, collection: str) -> bool:
    place = path.split("/")[:-1]
    wanted = collection.split("/")
    return len(place) == len(wanted) and all(w in ("*", p) for p, w in zip(place, wanted, strict=True))


def _labelled(obj: Object, key: str, value: str) -> bool:
    labels = obj["metadata"].get("labels", {})
    return not key or (key in labels and value in ("", labels[key]))


@pytest.fixture
def fake_api() -> FakeApi:
    """An empty cluster."""
    return FakeApi()
