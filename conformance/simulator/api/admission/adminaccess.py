"""Admin access to devices is only for namespaces that are marked for it."""

from conformance.simulator.api import errors
from conformance.simulator.api.admission import Request
from conformance.simulator.objects import Obj, dig, labels_of, name_of

RESOURCES = ("resourceclaims.resource.k8s.io", "resourceclaimtemplates.resource.k8s.io")
LABEL = "resource.kubernetes.io/admin-access"


def validate(request: Request) -> None:
    """Refuse a claim that asks for it elsewhere, with 422 as the real server does."""
    namespace = request.registry.find("namespaces", "", request.namespace)
    if not request.creates or (namespace and labels_of(namespace).get(LABEL) == "true"):
        return
    inner: Obj = dig(request.obj, "spec", "spec") or request.obj.get("spec") or {}
    path = "spec.spec" if request.obj["kind"].endswith("Template") else "spec"
    words = f"admin access to devices requires the `{LABEL}: true` label on the containing namespace"
    causes = [
        errors.forbidden_field(f"{path}.devices.requests[{n}].adminAccess", words)
        for n, asked in enumerate(dig(inner, "devices", "requests", default=[]))
        if dig(asked, "exactly", "adminAccess")
    ]
    if causes:
        raise errors.invalid_object(request.kind.group, request.kind.kind, name_of(request.obj), causes)
