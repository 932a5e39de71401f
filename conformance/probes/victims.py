"""Pods of others that the scheduler would take away for ours: one that asks for more than is free can cost them their device."""

from collections.abc import Sequence

from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.inventory import device_plugin, fresh, odd

CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"


def by_node(api: Api, nodes: Sequence[str], resource: str) -> dict[str, list[str]]:
    """Pods of lower priority than ours on these nodes that hold the resource (empty: any pods), by node.

    Claims are left out: the scheduler takes no pod away for them. Where pods must not be listed nothing is told.
    """
    least = _ours(api)
    found: dict[str, list[str]] = {}
    try:
        for pod in fresh.pods_on(api, nodes) if least is not None else ():
            where = str(odd.part(pod, "spec").get("nodeName"))
            if where in nodes and _lower(pod, least or 0) and (not resource or device_plugin.requests(pod)[resource]):
                found.setdefault(where, []).append(f"{odd.part(pod, 'metadata').get('namespace')}/{odd.name(pod)}")
    except errors.Forbidden:
        return {}
    return found


def told(found: dict[str, list[str]]) -> str:
    """They in words."""
    names = [name for node in sorted(found) for name in found[node]]
    return f"{len(names)} pods of others with a lower priority than ours ({', '.join(names[:5])})"


def _ours(api: Api) -> int | None:
    """Priority that pods without a class get; None where they take nobody's place."""
    try:
        classes = api.list(CLASSES)
    except (errors.Forbidden, errors.NotFound):
        return 0
    usual = next((c for c in classes if c.get("globalDefault") is True), {})
    value = usual.get("value", 0)
    return None if usual.get("preemptionPolicy") == "Never" or not isinstance(value, int) else value


def _lower(pod: Object, least: int) -> bool:
    priority = odd.part(pod, "spec").get("priority", 0)
    finished = odd.part(pod, "status").get("phase") in ("Succeeded", "Failed")
    return isinstance(priority, int) and priority < least and not finished
