"""Devices that a DeviceTaintRule closes: a taint from outside of its driver's slices (KEP-5055)."""

from collections.abc import Iterable

from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.cluster.discovery import Discovery
from conformance.inventory import odd

GROUP, PLURAL = "resource.k8s.io", "devicetaintrules"
BLOCKING = ("NoSchedule", "NoExecute")
"""Effects of taints that keep claims away."""
Key = tuple[str, str, str]


def collection(api: Api) -> str | None:
    """Path of the rules in the best version that serves them, or None."""
    discovery = Discovery(api)
    served = (f"{GROUP}/{version}" for version in discovery.versions(GROUP))
    return next((f"/apis/{name}/{PLURAL}" for name in served if PLURAL in discovery.resources(name)), None)


def rules(api: Api) -> list[Object]:
    """DeviceTaintRules of the cluster; none where the type is not served. Raises ``errors.Forbidden``."""
    path = collection(api)
    return api.list(path) if path else []


def readable(api: Api) -> list[Object]:
    """The same, and none where they must not be listed: then a closed device counts as free."""
    try:
        return rules(api)
    except errors.Forbidden:
        return []


def close(found: Iterable[Object], key: Key) -> bool:
    """Whether one of the rules keeps claims from the device with this driver, pool and name.

    A rule without a selector means no device. What it may also say of classes or attributes is taken to be met, so that no
    closed device counts as free.
    """
    return any(_closes(rule, key) for rule in found)


def _closes(rule: Object, key: Key) -> bool:
    spec = odd.part(rule, "spec")
    selector = spec.get("deviceSelector")
    if not isinstance(selector, dict) or odd.part(spec, "taint").get("effect") not in BLOCKING:
        return False
    return all(selector.get(name) in (None, own) for name, own in zip(("driver", "pool", "device"), key, strict=True))
