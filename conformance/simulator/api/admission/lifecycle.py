"""Objects live in namespaces that exist and are not on their way out; three namespaces cannot be deleted."""

from conformance.simulator.api import errors
from conformance.simulator.api.admission import Request
from conformance.simulator.objects import deleting, name_of

RESOURCES = ("*",)
_KEPT = ("default", "kube-system", "kube-public")


def mutate(request: Request) -> None:
    """Refuse early, before other controllers look things up in the namespace."""
    if not request.creates or not request.kind.namespaced:
        return
    namespace = request.registry.find("namespaces", "", request.namespace)
    if namespace is None:
        raise errors.not_found("namespaces", request.namespace)
    if deleting(namespace):
        why = f"unable to create new content in namespace {request.namespace} because it is being terminated"
        refused = errors.forbidden(request.kind.resource, name_of(request.obj), why)
        refused.details["causes"] = [
            {
                "reason": "NamespaceTerminating",
                "message": f"namespace {request.namespace} is being terminated",
                "field": "metadata.namespace",
            }
        ]
        raise refused


def validate(request: Request) -> None:
    """Keep the namespaces that the cluster itself needs."""
    if request.operation == "DELETE" and request.kind.resource == "namespaces" and name_of(request.obj) in _KEPT:
        raise errors.forbidden("namespaces", name_of(request.obj), "this namespace may not be deleted")
