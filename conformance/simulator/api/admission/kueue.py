"""Kueue's mutating step: a Job of a queue is suspended, a pod of a queue gets a gate; without its program neither is taken."""

from http import HTTPStatus

from conformance.simulator.api.admission import Request
from conformance.simulator.api.errors import Refused
from conformance.simulator.kueue import DEPLOYMENT, GATE, MANAGED, NAMESPACE, PODSET, QUEUE_NAME, WORKLOADS
from conformance.simulator.objects import dig, labels_of

RESOURCES = ("pods", "jobs.batch")


def mutate(request: Request) -> None:
    """Hold back what has to wait for quota."""
    labels = labels_of(request.obj)
    if not request.creates or not labels.get(QUEUE_NAME) or not request.registry.kinds.has(WORKLOADS):
        return
    pod = request.kind.resource == "pods"
    _call("mpod.kb.io" if pod else "mjob.kb.io", request)
    spec = request.obj["spec"]
    if not pod:
        spec["suspend"] = True
    elif PODSET not in labels:
        gates = spec.setdefault("schedulingGates", [])
        gates += [] if {"name": GATE} in gates else [{"name": GATE}]
        request.obj["metadata"]["labels"] = {**labels, MANAGED: "true"}


def _call(webhook: str, request: Request) -> None:
    """A webhook whose program is down refuses what it was to look at."""
    found = request.registry.find("deployments.apps", NAMESPACE, DEPLOYMENT)
    if not dig(found, "status", "availableReplicas", default=0):
        words = f'failed calling webhook "{webhook}": failed to call webhook: the service kueue-webhook-service has no endpoints'
        raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", f"Internal error occurred: {words}")
