"""Lists of a cluster as a test writes them down."""

from typing import Any

from conformance.cluster import errors
from conformance.cluster.api import Api

Object = dict[str, Any]
RESOURCE = "/apis/resource.k8s.io"
PLURALS = ("deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices")


class FakeCluster(Api):
    """Lists as a test wrote them down, and the discovery that goes with them."""

    def __init__(self, lists: dict[str, list[Object]], *, served: tuple[str, ...] = PLURALS) -> None:
        self.lists = lists
        self.served = served
        self.forbidden: set[str] = set()

    def get(self, path: str, **_query: Any) -> Object:
        if not self.served or path not in {RESOURCE, f"{RESOURCE}/v1"}:
            raise errors.NotFound(404, "NotFound", path)
        if path == RESOURCE:
            return {"versions": [{"version": "v1beta1"}, {"version": "v1"}]}
        return {"resources": [{"name": p, "kind": p, "namespaced": False, "verbs": ["list"]} for p in self.served]}

    def list(self, path: str, *, label_selector: str = "", field_selector: str = "") -> list[Object]:
        assert label_selector == ""
        assert field_selector == "" or field_selector.startswith("spec.driver=")
        if path in self.forbidden:
            raise errors.Forbidden(403, "Forbidden", path)
        return self.lists.get(path, [])


def bare_node(name: str = "n", *, ready: str = "True", labels: Object | None = None) -> Object:
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def with_amounts(amounts: Object, **more: Any) -> Object:
    made = bare_node(**more)
    made["status"] |= {"capacity": amounts, "allocatable": amounts}
    return made


def cluster(
    *nodes: Any,
    slices: tuple[Any, ...] = (),
    classes: tuple[str, ...] = (),
    pods: tuple[Any, ...] = (),
    claims: tuple[Any, ...] = (),
) -> FakeCluster:
    return FakeCluster(
        {
            "/api/v1/nodes": list(nodes),
            "/api/v1/pods": list(pods),
            f"{RESOURCE}/v1/resourceslices": list(slices),
            f"{RESOURCE}/v1/resourceclaims": list(claims),
            f"{RESOURCE}/v1/deviceclasses": [{"metadata": {"name": name}} for name in classes],
        }
    )
