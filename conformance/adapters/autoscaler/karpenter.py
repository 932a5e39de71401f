"""Karpenter: known by its API; its NodePools say what it may add, its NodeClaims how far it has come (``pkg/apis/v1``)."""

from collections.abc import Sequence

from conformance.adapters.autoscaler.model import Group, seen_events
from conformance.adapters.look import Look, available
from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.inventory import nodes as node_facts
from conformance.inventory import odd
from conformance.inventory.solutions import AUTOSCALER, Solution

ID = SOURCE = "karpenter"
GROUP = "karpenter.sh"
LABEL = f"{GROUP}/nodepool"
_NO_CAPACITY = "InsufficientCapacityError"


def detect(look: Look) -> Solution | None:
    """Found by its API; where its controller runs out of sight (EKS Auto Mode, AKS NAP) that is all there is."""
    served = look.served(GROUP, "nodepools")
    deployments = [d for d in look.deployments or () if ID in odd.name(d)]
    signs = [f"API {served}"] if served else []
    signs += [f"Deployment {odd.part(d, 'metadata').get('namespace')}/{odd.name(d)}" for d in deployments]
    signs += ["events that it wrote"] if seen_events(look, SOURCE) else []
    signs += [f"label {LABEL} on nodes"] if any(LABEL in node_facts.labels(n) for n in look.some_nodes) else []
    if not signs:
        return None
    alive = any(map(available, deployments)) if deployments else None
    dead = "" if alive is not False else "; no replica of it is available"
    return Solution(
        family=AUTOSCALER,
        id=ID,
        title=f"Karpenter ({served})" if served else "Karpenter",
        group_version=served,
        alive=alive,
        seen=f"seen by {', '.join(signs)}{dead}",
        namespace=str(odd.part(deployments[0], "metadata").get("namespace", "")) if deployments else "",
    )


def groups(look: Look, _nodes: Sequence[Object]) -> list[Group]:
    """NodePools; one with ``replicas`` has just so many nodes (static capacity), one at a limit gets no more."""
    found = []
    for pool in _list(look, "nodepools"):
        name, replicas = odd.name(pool), odd.part(pool, "spec").get("replicas")
        if not name:
            continue
        labels = {LABEL: name}
        if isinstance(replicas, int):
            found.append(Group(name=name, least=replicas, most=replicas, fixed=True, labels=labels))
        else:
            found.append(Group(name=name, full=_at_limit(pool), labels=labels))
    return found


def _at_limit(pool: Object) -> bool:
    """Whether some resource is used up; amounts with units are compared by their words alone."""
    limits, used = odd.part(pool, "spec", "limits"), odd.part(pool, "status", "resources")
    return any(_reached(str(used.get(name)), str(limit)) for name, limit in limits.items())


def _reached(used: str, limit: str) -> bool:
    return int(used) >= int(limit) if used.isdecimal() and limit.isdecimal() else used == limit


def trouble(look: Look, group: Group | None) -> str:
    """NodeClaims that could not be launched, and the provider's lack of capacity."""
    told = []
    for claim in _list(look, "nodeclaims"):
        if group is not None and node_facts.labels(claim).get(LABEL) != group.name:
            continue
        for condition in odd.entries(odd.part(claim, "status"), "conditions"):
            if condition.get("type") == "Launched" and condition.get("status") == "False":
                words = f"{condition.get('reason')}: {condition.get('message')}"
                told.append(f"NodeClaim {odd.name(claim)} is not launched: {words}")
    return "; ".join([*told, *_no_capacity(look)])


def state(look: Look) -> str:
    """Readiness of its NodePools."""
    told = []
    for pool in _list(look, "nodepools"):
        conditions = odd.entries(odd.part(pool, "status"), "conditions")
        bad = [f"{c.get('type')}: {c.get('message')}" for c in conditions if c.get("status") != "True"]
        told.append(f"NodePool {odd.name(pool)} {'; '.join(bad) or 'ready'}")
    return ", ".join(told) or "no NodePool can be read"


def _no_capacity(look: Look) -> list[str]:
    try:
        found = look.api.list("/api/v1/events", field_selector=f"reason={_NO_CAPACITY}")
    except errors.Forbidden:
        return []
    return [f"event {_NO_CAPACITY}: {event.get('message')}" for event in found[:3]]


def _list(look: Look, plural: str) -> list[Object]:
    served = look.served(GROUP, plural)
    return (look.objects(f"/apis/{served}/{plural}") if served else None) or []
