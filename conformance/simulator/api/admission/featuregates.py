"""Fields of resource.k8s.io whose feature gate is off are dropped before anything is validated."""

from conformance.simulator.api import gates
from conformance.simulator.api.admission import Request

RESOURCES = tuple(
    f"{plural}.resource.k8s.io"
    for plural in ("deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices")
)


def mutate(request: Request) -> None:
    """Drop them, silently as the real server does."""
    gates.drop(request.registry.dra, request.kind.plural, request.obj, request.old)
