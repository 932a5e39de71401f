"""Whether what is there is what was sent: a webhook or a policy that changes it would make every verdict about something else."""

from typing import Any

from conformance.cluster.api import Object


def difference(body: Object, pod: Object, node: str | None) -> str | None:
    """What makes the running pod prove something else than the one that was sent, or None.

    Further containers, volumes and rights are left alone: what they open is a fault of the cluster and is seen as such.
    """
    sent, runs = body["spec"], pod["spec"]
    if node and runs.get("nodeName") != node:
        return f"it runs on {runs.get('nodeName')!r}, not on {node!r}"
    if sent.get("runtimeClassName") and runs.get("runtimeClassName") != sent["runtimeClassName"]:
        return f"its RuntimeClass is {runs.get('runtimeClassName')!r}, not {sent['runtimeClassName']!r}"
    if _named(sent.get("resourceClaims")) != _named(runs.get("resourceClaims")):
        return "its resourceClaims are not those that were sent"
    there = {c.get("name"): c for c in runs.get("containers") or []}
    for container in sent["containers"]:
        wrong = _container(container, there.get(container["name"]) or {})
        if wrong:
            return f"{wrong} of container {container['name']} differs from what was sent"
    return None


def changed(sent: object, there: object, where: str) -> str | None:
    """The first value below ``where`` that is not as it was sent, or None; what a server adds to an object is no change."""
    if isinstance(sent, dict):
        found = there if isinstance(there, dict) else {}
        inner = ((value, found.get(key), f"{where}.{key}") for key, value in sent.items())
    elif isinstance(sent, list):
        listed = there if isinstance(there, list) else []
        if len(listed) != len(sent):
            return f"{where} has {len(listed)} entries and not {len(sent)}"
        inner = ((value, listed[n], f"{where}[{n}]") for n, value in enumerate(sent))
    else:
        return None if str(sent) == str(there) else f"{where} is {there!r} and not {sent!r}"
    return next(filter(None, (changed(*entry) for entry in inner)), None)


def _container(sent: Object, runs: Object) -> str | None:
    if sent.get("command") != runs.get("command") or runs.get("args"):
        return "the command"
    if not _pairs(sent.get("env")) <= _pairs(runs.get("env")):
        return "the environment"
    if _asked(sent) != _asked(runs):
        return "what is asked for"
    rights, given = sent.get("securityContext") or {}, runs.get("securityContext") or {}
    wanted = set((rights.get("capabilities") or {}).get("add") or ())
    if rights.get("runAsUser") != given.get("runAsUser", rights.get("runAsUser")):
        return "the user"
    if not wanted <= set((given.get("capabilities") or {}).get("add") or ()):
        return "the capabilities"
    return None


def _named(claims: list[Object] | None) -> list[tuple[Any, ...]]:
    keys = ("name", "resourceClaimName", "resourceClaimTemplateName")
    return sorted(tuple(str(c.get(key)) for key in keys) for c in claims or [])


def _pairs(env: list[Object] | None) -> set[tuple[str, str]]:
    return {(str(e.get("name")), str(e.get("value") or "")) for e in env or []}


def _asked(container: Object) -> tuple[list[str], dict[str, str]]:
    """Claims and extended resources, which is all that gives a container a device."""
    resources = container.get("resources") or {}
    claims = sorted(str(c.get("name")) for c in resources.get("claims") or [])
    return claims, {k: str(v) for k, v in (resources.get("limits") or {}).items() if "/" in k}
