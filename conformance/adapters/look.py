"""One look at what is installed: served API groups and controllers, each asked for once and shared by all adapters."""

from collections.abc import Iterable
from functools import cached_property

from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.cluster.discovery import Discovery
from conformance.inventory import odd

DEPLOYMENTS = "/apis/apps/v1/deployments"


class Look:
    """Answers of one cluster; what must not be read is noted once and counts as not seen."""

    def __init__(self, api: Api) -> None:
        self.api, self.discovery = api, Discovery(api)
        self.notes: list[str] = []

    def served(self, group: str, plural: str) -> str:
        """Best ``group/version`` that serves this resource, or empty."""
        for version in self.discovery.versions(group):
            if plural in self.discovery.resources(f"{group}/{version}"):
                return f"{group}/{version}"
        return ""

    def objects(self, path: str) -> list[Object] | None:
        """Objects of a collection; None where it must not be read or is not served."""
        try:
            return self.api.list(path)
        except errors.Forbidden:
            self.notes.append(f"not allowed to list {path.rsplit('/', 1)[-1]}")
        except errors.NotFound:
            pass
        return None

    @cached_property
    def deployments(self) -> list[Object] | None:
        """Deployments of all namespaces; None where they must not be listed."""
        return self.objects(DEPLOYMENTS)

    @cached_property
    def some_nodes(self) -> list[Object]:
        """Nodes of the first page: enough to see what an autoscaler or a provider writes on them."""
        try:
            page = next(self.api.pages("/api/v1/nodes"), {})
        except errors.Forbidden:
            self.notes.append("not allowed to list nodes")
            return []
        return odd.entries(page, "items")

    def deployment(self, name: str, namespace: str = "") -> Object | None:
        """The Deployment of this name in this namespace, or in whatever one, one that is available first."""
        found = [
            d
            for d in self.deployments or ()
            if odd.name(d) == name and namespace in ("", odd.part(d, "metadata").get("namespace"))
        ]
        return max(found, key=available, default=None)

    def controllers(self, names: Iterable[str], *, namespace: str = "") -> tuple[bool | None, str, str]:
        """Whether all of these Deployments that exist are available, a sentence on it, and their namespace.

        None where Deployments must not be listed, or none of them exists under its usual name.
        """
        if self.deployments is None:
            return None, "its controllers were not looked at (Deployments must not be listed)", ""
        found = {name: self.deployment(name, namespace) for name in names}
        there = {name: d for name, d in found.items() if d is not None}
        if not there:
            return None, f"no Deployment named {' or '.join(found)} was found", ""
        namespace = str(odd.part(next(iter(there.values())), "metadata").get("namespace", ""))
        down = [name for name, d in there.items() if not available(d)]
        words = f"Deployments {', '.join(down)} have no available replica" if down else f"{', '.join(there)} available"
        return not down, f"{words} in namespace {namespace}", namespace


def available(deployment: Object) -> bool:
    """Whether a Deployment has an available replica."""
    count = odd.part(deployment, "status").get("availableReplicas")
    return isinstance(count, int) and count > 0
