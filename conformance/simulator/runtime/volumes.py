"""Volumes of a pod as local folders."""

import shutil
from collections.abc import Callable
from pathlib import Path

from conformance.simulator.objects import Obj, dig, labels_of, name_of, namespace_of, uid_of

Find = Callable[[str, str, str], Obj | None]


class MountFailedError(Exception):
    """A volume cannot be made yet; the message is that of the kubelet's event."""


def field(pod: Obj, path: str, *, host: str = "", address: str = "") -> str:
    """A field of the downward API."""
    if path.endswith("]"):
        group, _, key = path.removesuffix("]").partition("[")
        return str(dig(pod, *group.split("."), default={}).get(key.strip("'\""), ""))
    if path in ("metadata.labels", "metadata.annotations"):
        pairs = labels_of(pod) if path.endswith("labels") else pod["metadata"].get("annotations") or {}
        return "\n".join(f'{key}="{value}"' for key, value in sorted(pairs.items()))
    own = address or dig(pod, "status", "podIP", default="")
    values = {"status.podIP": own, "status.podIPs": own, "status.hostIP": host, "status.hostIPs": host}
    return values[path] if path in values else str(dig(pod, *path.split("."), default=""))


def make(pod: Obj, folder: Path, find: Find) -> None:
    """Make all volumes of a pod below a folder; ``MountFailedError`` where something is missing."""
    for volume in pod["spec"].get("volumes") or ():
        place = folder / volume["name"]
        place.mkdir(parents=True, exist_ok=True)
        _fill(volume, volume["name"], place, pod, find)


def _fill(source: Obj, name: str, place: Path, pod: Obj, find: Find) -> None:
    if "configMap" in source:
        _keys("configmaps", source["configMap"], name, place, pod, find)
    elif "secret" in source:
        secret = {**source["secret"], "name": source["secret"].get("secretName")}
        _keys("secrets", secret, name, place, pod, find)
    elif "downwardAPI" in source:
        for item in source["downwardAPI"].get("items") or ():
            _write(place / item["path"], field(pod, dig(item, "fieldRef", "fieldPath", default="")))
    elif "projected" in source:
        for part in source["projected"].get("sources") or ():
            if "serviceAccountToken" in part:
                _write(place / part["serviceAccountToken"]["path"], "simulated")
            else:
                _fill(part, name, place, pod, find)


def _keys(resource: str, source: Obj, name: str, place: Path, pod: Obj, find: Find) -> None:
    space, wanted = namespace_of(pod), str(source.get("name", ""))
    found = find(resource, space, wanted)
    if found is None:
        if source.get("optional"):
            return
        kind = resource.removesuffix("s")
        raise MountFailedError(f'MountVolume.SetUp failed for volume "{name}" : {kind} "{wanted}" not found')
    data = {**(found.get("data") or {}), **(found.get("binaryData") or {})}
    items = source.get("items") or [{"key": key, "path": key} for key in data]
    for item in items:
        if item["key"] not in data:
            words = f'MountVolume.SetUp failed for volume "{name}" : references non-existent config key: {item["key"]}'
            raise MountFailedError(words)
        _write(place / item["path"], data[item["key"]])


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def remove(pod: Obj, folder: Path) -> None:
    """Remove everything of a pod."""
    shutil.rmtree(folder / uid_of(pod), ignore_errors=True)


def describe(pod: Obj) -> str:
    """The pod in messages."""
    return f"{name_of(pod)}_{namespace_of(pod)}({uid_of(pod)})"
