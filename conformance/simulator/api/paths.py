"""What a request's path means: which kind, which object, which subresource."""

from collections.abc import Mapping
from dataclasses import dataclass

from conformance.simulator.api import errors
from conformance.simulator.kinds import Kind, Kinds

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}
_NAMESPACE_PARTS = ("status", "finalize")
_PLACE = 2
"""Steps that name a namespace: ``namespaces/NAME``."""


@dataclass(frozen=True)
class Target:
    """What a request is about."""

    kind: Kind
    namespace: str
    name: str
    sub: str
    verb: str

    @property
    def permission(self) -> str:
        """The resource as permissions name it."""
        return f"{self.kind.resource}/{self.sub}" if self.sub else self.kind.resource


def resolve(kinds: Kinds, method: str, path: str, query: Mapping[str, str]) -> Target:
    """The target of a path; 404 for what is not served, 405 for a verb that the kind does not have."""
    steps = [step for step in path.split("/") if step]
    group, rest = ("", steps[1:]) if steps[:1] == ["api"] else ("/".join(steps[1:2]), steps[2:])
    if steps[:1] not in (["api"], ["apis"]) or len(rest) < _PLACE:
        raise errors.no_such_path()
    version, rest = rest[0], rest[1:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > _PLACE and not (len(rest) == _PLACE + 1 and rest[2] in _NAMESPACE_PARTS):
        namespace, rest = rest[1], rest[2:]
    kind = kinds.find(group, version, rest[0])
    name, sub = "".join(rest[1:2]), "/".join(rest[2:])
    if kind is None or (namespace and not kind.namespaced):
        raise errors.no_such_path()
    if sub and sub.partition("/")[0] not in kind.subresources:
        raise errors.no_such_path()
    target = Target(kind, namespace, name, sub, _verb(method, name, query))
    allowed = kind.subresources[sub.partition("/")[0]]["verbs"] if sub else kind.verbs
    everywhere = target.verb in ("list", "watch", "deletecollection") or (target.verb == "create" and not kind.plain)
    if target.verb not in allowed or (kind.namespaced and not namespace and not everywhere):
        raise errors.method_not_allowed()
    return target


def _verb(method: str, name: str, query: Mapping[str, str]) -> str:
    if method in _VERBS:
        return _VERBS[method]
    if method == "DELETE":
        return "delete" if name else "deletecollection"
    if query.get("watch") in ("1", "true"):
        return "watch"
    return "get" if name else "list"
