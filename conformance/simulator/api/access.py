"""Who may do what: users with tokens, verbs that a user is denied, and the reviews that tell a client about it."""

import secrets
from dataclasses import dataclass, field

from conformance.simulator.api import errors
from conformance.simulator.objects import Obj

ADMIN = "admin"


def _covers(rule: str, verb: str, resource: str) -> bool:
    rule_verb, _, rule_resource = rule.partition(" ")
    return rule_verb in ("*", verb) and rule_resource in ("*", resource)


@dataclass
class User:
    """A user of the cluster; everything is allowed that is not denied."""

    name: str
    deny: tuple[str, ...] = ()
    """``verb resource[.group][/subresource]``, either may be ``*``."""
    groups: tuple[str, ...] = ("system:authenticated",)
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def may(self, verb: str, resource: str) -> bool:
        """Whether the user may do this."""
        return not any(_covers(rule, verb, resource) for rule in self.deny)


class Access:
    """The users of one cluster."""

    def __init__(self, users: list[User]) -> None:
        self.users = {user.name: user for user in users}

    def identify(self, authorization: str) -> User:
        """The user behind an Authorization header; 401 for everybody else."""
        token = authorization.removeprefix("Bearer ").strip()
        for user in self.users.values():
            if token and secrets.compare_digest(user.token.encode(), token.encode()):
                return user
        raise errors.unauthorized()

    def check(self, user: User, verb: str, resource: str, namespace: str, name: str) -> None:
        """403 where the user may not do this."""
        if user.may(verb, resource):
            return
        plain, _, sub = resource.partition("/")
        plural, _, group = plain.partition(".")
        place = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
        shown = f"{plural}/{sub}" if sub else plural
        why = f'User "{user.name}" cannot {verb} resource "{shown}" in API group "{group}"{place}'
        raise errors.forbidden(f"{plural}.{group}" if group else plural, name, why)


def self_review(user: User, body: Obj) -> Obj:
    """Answer a SelfSubjectAccessReview."""
    spec = body.get("spec") or {}
    wanted = spec.get("resourceAttributes") or {}
    if not wanted and "nonResourceAttributes" not in spec:
        cause = errors.invalid(
            "spec.resourceAttributes",
            None,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )
        raise errors.invalid_object("authorization.k8s.io", "SelfSubjectAccessReview", "", [cause])
    resource = wanted.get("resource", "")
    if wanted.get("group"):
        resource += f".{wanted['group']}"
    if wanted.get("subresource"):
        resource += f"/{wanted['subresource']}"
    allowed = user.may(wanted.get("verb", ""), resource) if wanted else True
    status: Obj = {"allowed": allowed}
    if allowed:
        status["reason"] = "allowed: no rule of the world denies it"
    return {**body, "metadata": body.get("metadata") or {}, "status": status}


def rules_review(user: User, body: Obj) -> Obj:
    """Answer a SelfSubjectRulesReview; denials cannot be said in it, so it is marked incomplete where there are any."""
    status: Obj = {
        "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
        "incomplete": bool(user.deny),
    }
    if user.deny:
        status["evaluationError"] = f"denied to {user.name}: {', '.join(user.deny)}"
    return {**body, "metadata": body.get("metadata") or {}, "status": status}


def self_identity(user: User, body: Obj) -> Obj:
    """Answer a SelfSubjectReview (``kubectl auth whoami``)."""
    return {
        **body,
        "metadata": body.get("metadata") or {},
        "status": {"userInfo": {"username": user.name, "groups": list(user.groups)}},
    }
