"""Admin access to devices is only for namespaces that are marked for it."""

from conformance.simulator.api import errors
from conformance.simulator.api.admission import Request
from conformance.simulator.objects import Obj, dig, labels_of, name_of

RESOURCES = ("resourceclaims.resource.k8s.io", "resourceclaimtemplates.resource.k8s.io")
LABEL = "resource.kubernetes.io/admin-access"


def validate(request: Request) -> None:
    """Refuse a claim that asks for it elsewhere, or is given it elsewhere, with 422 as the real server does."""
    path = _asks(request.obj) if request.creates else _is_given(request)
    namespace = request.registry.find("namespaces", "", request.namespace)
    allowed = namespace and labels_of(namespace).get(LABEL) == "true"
    if not path or allowed or request.registry.dra.admin_access_anywhere:
        return
    words = f"admin access to devices requires the `{LABEL}: true` label on the containing namespace"
    causes = [errors.forbidden_field(path, words)]
    raise errors.invalid_object(request.kind.group, request.kind.kind, name_of(request.obj), causes)


def _asks(obj: Obj) -> str:
    """The first request for it; the path is the same for claims and templates on a real server."""
    spec = dig(obj, "spec", "spec") or obj.get("spec") or {}
    for n, asked in enumerate(dig(spec, "devices", "requests", default=[])):
        if dig(asked, "exactly", "adminAccess"):
            return f"spec.devices.requests[{n}].adminAccess"
    return ""


def _is_given(request: Request) -> str:
    """The first result that has it, in a status that had none before."""
    if request.sub != "status":
        return ""
    before, after = (
        dig(o, "status", "allocation", "devices", "results", default=[]) for o in (request.old, request.obj)
    )
    if any(result.get("adminAccess") for result in before):
        return ""
    given = [n for n, result in enumerate(after) if result.get("adminAccess")]
    return f"status.allocation.devices.results[{given[0]}].adminAccess" if given else ""
