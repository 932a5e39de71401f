"""What the API server lets us do, asked before a check runs (SelfSubjectAccessReview, authorization.k8s.io/v1)."""

import threading
from collections.abc import Iterable

from conformance.cluster import errors
from conformance.cluster.api import Api, Object

_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_ATTEMPTS = 4
_PAUSE = 0.1


def attributes(need: str, namespace: str | None) -> Object:
    """``resourceAttributes`` for ``verb resource[.group][/subresource]``."""
    verb, _, rest = need.partition(" ")
    path, _, subresource = rest.partition("/")
    resource, _, group = path.partition(".")
    found: Object = {"verb": verb, "resource": resource, "group": group}
    if subresource:
        found["subresource"] = subresource
    if namespace:
        found["namespace"] = namespace
    return found


def ask(api: Api, body: Object) -> Object:
    """Answer to one review. It creates nothing, so it is asked again after a broken answer, unlike other POSTs."""
    for attempt in range(_ATTEMPTS - 1):
        try:
            return api.ask(_PATH, body)
        except errors.Unavailable:
            threading.Event().wait(_PAUSE * 2**attempt)
    return api.ask(_PATH, body)


def review(api: Api, needs: Iterable[str], namespace: str | None) -> dict[str, bool]:
    """Whether each need is allowed. ``namespace`` None asks for all namespaces, as a run with own namespaces needs."""
    allowed = {}
    for need in dict.fromkeys(needs):
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes(need, namespace)},
        }
        allowed[need] = bool(ask(api, body).get("status", {}).get("allowed"))
    return allowed
