"""What the API server lets us do, asked before a check runs (SelfSubjectAccessReview, authorization.k8s.io/v1)."""

from collections.abc import Iterable

from conformance.cluster.api import Api, Object

_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


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


def review(api: Api, needs: Iterable[str], namespace: str | None) -> dict[str, bool]:
    """Whether each need is allowed. ``namespace`` None asks for all namespaces, as a run with own namespaces needs."""
    allowed = {}
    for need in dict.fromkeys(needs):
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes(need, namespace)},
        }
        allowed[need] = bool(api.ask(_PATH, body).get("status", {}).get("allowed"))
    return allowed
