"""Claims of every shape: requests with alternatives, constraints, tolerations, capacity (resource.k8s.io, ResourceClaimSpec)."""

from collections.abc import Sequence
from typing import Any

from conformance.cluster.api import Object

FLAT = "v1beta1"
"""The version that has a request flat; later ones have it under ``exactly``."""


def form(device_class: str, selectors: Sequence[str] = (), **more: Any) -> Object:
    """What one request or one alternative asks for: one device of a class, unless ``more`` says otherwise."""
    body: Object = {"deviceClassName": device_class, "allocationMode": "ExactCount", "count": 1, **more}
    if selectors:
        body["selectors"] = [{"cel": {"expression": expression}} for expression in selectors]
    return body


def exactly(version: str, name: str, asked: Object) -> Object:
    """A request for exactly this."""
    return {"name": name, **asked} if version == FLAT else {"name": name, "exactly": asked}


def first_available(name: str, *alternatives: tuple[str, Object]) -> Object:
    """A request for the first of the named alternatives that can be had."""
    return {"name": name, "firstAvailable": [{"name": called, **asked} for called, asked in alternatives]}


def spec(*requests: Object, constraints: Sequence[Object] = ()) -> Object:
    """Claim spec."""
    return {"devices": {"requests": list(requests), **({"constraints": list(constraints)} if constraints else {})}}
