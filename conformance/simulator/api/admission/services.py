"""Addresses of services: given when a service is created, kept as long as it is there."""

from conformance.simulator.api import errors
from conformance.simulator.api.admission import Request
from conformance.simulator.objects import Obj, name_of

RESOURCES = ("services",)
HEADLESS = "None"


def mutate(request: Request) -> None:
    """Give a new service its address; an update without one keeps it."""
    if request.operation == "DELETE" or request.sub or request.obj["spec"].get("type") == "ExternalName":
        return
    spec, addresses = request.obj["spec"], request.registry.addresses
    if request.old is not None:
        before = request.old["spec"].get("clusterIP")
        if before and not spec.get("clusterIP"):
            _set(spec, before)
        return
    if not spec.get("clusterIP") and addresses is not None:
        _set(spec, addresses.service())
    elif spec.get("clusterIP"):
        _set(spec, spec["clusterIP"])


def _set(spec: Obj, address: str) -> None:
    spec["clusterIP"], spec["clusterIPs"] = address, [address]


def validate(request: Request) -> None:
    """Refuse addresses that are not the cluster's, are taken, or change."""
    if request.operation == "DELETE" or request.sub:
        return
    address = request.obj["spec"].get("clusterIP", "")
    if request.old is not None:
        before = request.old["spec"].get("clusterIP", "")
        if before and before != address:
            _refuse(request, "spec.clusterIPs[0]", [address], "may not change once set")
        return
    if address in ("", HEADLESS):
        return
    addresses = request.registry.addresses
    if addresses is not None and not addresses.is_service(address):
        words = f"failed to allocate IP {address}: the provided network does not match the current range"
        _refuse(request, "spec.clusterIPs", [address], words)
    if any(other["spec"].get("clusterIP") == address for other in request.registry.store.select("services")):
        _refuse(request, "spec.clusterIPs", [address], "failed to allocate IP: provided IP is already allocated")


def _refuse(request: Request, field: str, value: list[str], words: str) -> None:
    raise errors.invalid_object("", "Service", name_of(request.obj), [errors.invalid(field, value, words)])
