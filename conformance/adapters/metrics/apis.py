"""The metrics APIs, which adapters serve behind the aggregation layer: who is behind them and whether he answers.

The group of an adapter that is down stays in discovery and answers 503; so only its APIService is asked, never its resources.
"""

from dataclasses import dataclass

from conformance.adapters.look import Look
from conformance.cluster.api import Object
from conformance.cluster.discovery import rank
from conformance.inventory import odd

CUSTOM, EXTERNAL, RESOURCE = "custom.metrics.k8s.io", "external.metrics.k8s.io", "metrics.k8s.io"
APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Who serves one of the groups."""

    group_version: str
    available: bool | None
    """What the aggregation layer says; None where it says nothing or must not be asked."""
    service: str
    """``namespace/name``; empty where it was not seen."""
    words: str


class Registered:
    """The APIServices of a cluster, read once."""

    def __init__(self, look: Look) -> None:
        self._look, self._objects = look, look.objects(APISERVICES)

    def provider(self, group: str) -> Provider | None:
        """The best version of a group that answers, else the best one; None where it is not registered."""
        if self._objects is None:
            return self._from_discovery(group)
        found = [_read(obj) for obj in self._objects if odd.part(obj, "spec").get("group") == group]
        return max(found, key=lambda p: (p.available is True, rank(p.group_version.rpartition("/")[2])), default=None)

    def _from_discovery(self, group: str) -> Provider | None:
        versions = self._look.discovery.versions(group)
        if not versions:
            return None
        served = f"{group}/{versions[0]}"
        words = f"{served} is served; who serves it was not seen (APIServices must not be listed)"
        return Provider(group_version=served, available=None, service="", words=words)


def _read(obj: Object) -> Provider:
    spec = odd.part(obj, "spec")
    behind = odd.part(spec, "service")
    service = f"{behind.get('namespace')}/{behind.get('name')}" if behind else ""
    told = odd.entries(odd.part(obj, "status"), "conditions")
    condition = next((c for c in told if c.get("type") == "Available"), {})
    available = {"True": True, "False": False}.get(str(condition.get("status")))
    state = f"Available {condition.get('status', 'not told')} ({condition.get('reason')}: {condition.get('message')})"
    return Provider(
        group_version=f"{spec.get('group')}/{spec.get('version')}",
        available=available,
        service=service,
        words=f"APIService {odd.name(obj)}, served by {service or 'the API server itself'}: {state}",
    )
