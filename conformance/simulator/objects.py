"""Objects are plain JSON dicts; these few helpers are what every part of the simulator does with them.

An object in the store is never changed in place: whoever wants another one copies it first (``thaw``). That keeps watch events,
answers and controllers from seeing half a change, without locks.
"""

import secrets
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

Obj = dict[str, Any]

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def thaw(value: Any) -> Any:
    """Deep copy of JSON data."""
    if isinstance(value, dict):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, list):
        return [thaw(item) for item in value]
    return value


def stamp(moment: datetime | None = None) -> str:
    """Time as the API writes it: UTC, whole seconds."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_stamp() -> str:
    """Time with microseconds, as events and leases have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def later(seconds: float) -> str:
    """Time so many seconds from now."""
    return stamp(datetime.now(UTC) + timedelta(seconds=seconds))


def parse_time(text: str) -> datetime:
    """The moment of an API time."""
    return datetime.fromisoformat(text)


def age(text: str) -> float:
    """Seconds since an API time."""
    return (datetime.now(UTC) - parse_time(text)).total_seconds()


def new_uid() -> str:
    """A fresh uid."""
    return str(uuid.uuid4())


def suffix(length: int = 5) -> str:
    """Random end of a generated name, in the letters that the API server uses."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def dig(obj: Any, *path: str, default: Any = None) -> Any:
    """Value at a path of keys, or the default where a step is missing or null."""
    for step in path:
        if not isinstance(obj, dict) or obj.get(step) is None:
            return default
        obj = obj[step]
    return obj


def name_of(obj: Obj) -> str:
    """``metadata.name``."""
    return str(obj["metadata"].get("name", ""))


def namespace_of(obj: Obj) -> str:
    """``metadata.namespace``, empty for cluster-scoped objects."""
    return str(obj["metadata"].get("namespace", ""))


def uid_of(obj: Obj) -> str:
    """``metadata.uid``."""
    return str(obj["metadata"].get("uid", ""))


def labels_of(obj: Obj) -> dict[str, str]:
    """``metadata.labels``."""
    return dict(obj["metadata"].get("labels") or {})


def deleting(obj: Obj) -> bool:
    """Whether deletion was asked for."""
    return bool(obj["metadata"].get("deletionTimestamp"))


def finished(pod: Obj) -> bool:
    """Whether a pod has come to its end."""
    return dig(pod, "status", "phase") in ("Succeeded", "Failed")


def containers_of(pod: Obj) -> Iterator[Obj]:
    """Init containers and containers of a pod."""
    yield from pod["spec"].get("initContainers") or ()
    yield from pod["spec"].get("containers") or ()


def condition(obj: Obj, kind: str) -> Obj | None:
    """The condition of a type, or None."""
    return next((c for c in dig(obj, "status", "conditions", default=[]) if c.get("type") == kind), None)


def set_condition(obj: Obj, kind: str, status: str, **fields: Any) -> None:
    """Add or change a condition; its transition time moves only with its status."""
    conditions = obj.setdefault("status", {}).setdefault("conditions", [])
    old = next((c for c in conditions if c.get("type") == kind), None)
    moved = old is None or old.get("status") != status
    new = {**fields, "type": kind, "status": status}
    new["lastTransitionTime"] = stamp() if moved or old is None else old["lastTransitionTime"]
    if old is None:
        conditions.append(new)
    else:
        conditions[conditions.index(old)] = new
