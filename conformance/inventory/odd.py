"""Parts of objects that a cluster may leave out or give as something else: one odd object must not end a run."""

from typing import Any

from conformance.cluster.api import Object


def part(obj: Any, *keys: str) -> Object:
    """The object at this path, empty where there is none."""
    for key in keys:
        obj = obj.get(key) if isinstance(obj, dict) else None
    return obj if isinstance(obj, dict) else {}


def entries(obj: Object, key: str) -> list[Object]:
    """The objects in this list, none where it is no list."""
    found = obj.get(key)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def name(obj: Object) -> str:
    """Name of an object, empty where it has none."""
    found = part(obj, "metadata").get("name")
    return found if isinstance(found, str) else ""
