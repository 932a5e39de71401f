"""Extended resources that DeviceClasses stand for: the claim that the scheduler makes for a pod that asks for them.

Which node needs the claim depends on what its device plugins advertise: an amount above zero is used first, as in the real
scheduler, and only what no plugin has on that node is asked for by DRA. Names and numbers of requests are the real ones:
``container-INDEX-request-INDEX``, init containers first.
"""

from dataclasses import dataclass, field

from conformance.simulator import podresources
from conformance.simulator.objects import Obj, dig, name_of, namespace_of, uid_of
from conformance.simulator.quantities import parse

ANNOTATION = "resource.kubernetes.io/extended-resource-claim"
IN_MEMORY = "<extended-resources>"
"""Name of the claim until it is written."""


@dataclass
class Special:
    """The claim for one pod on one node."""

    claim: Obj
    mappings: list[Obj] = field(default_factory=list)
    """``status.extendedResourceClaimStatus.requestMappings``."""


def delegated(wanted: podresources.Amounts, have: podresources.Amounts, known: dict[str, str]) -> list[str]:
    """The resources that a pod wants and that only DRA can give it on a node, by name."""
    return sorted(name for name, amount in wanted.items() if amount and name in known and not have.get(name))


def special(pod: Obj, names: list[str], known: dict[str, str]) -> Special:
    """The claim for these resources of a pod."""
    owner = {"apiVersion": "v1", "kind": "Pod", "name": name_of(pod), "uid": uid_of(pod), "controller": True}
    meta = {
        "namespace": namespace_of(pod),
        "name": IN_MEMORY,
        "generateName": f"{name_of(pod)}-extended-resources-",
        "ownerReferences": [owner],
        "annotations": {ANNOTATION: "true"},
    }
    made = Special({"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": meta, "status": {}})
    requests = [request for name in names for request in _requests(pod, name, known[name], made.mappings)]
    requests.sort(key=lambda request: str(request["name"]))
    made.claim["spec"] = {"devices": {"requests": requests}}
    return made


def _requests(pod: Obj, resource: str, device_class: str, mappings: list[Obj]) -> list[Obj]:
    """The requests for one resource: one for each container that stays, and one more where an init container needs more."""
    init = pod["spec"].get("initContainers") or []
    containers = [*init, *pod["spec"]["containers"]]
    brief = [n for n, c in enumerate(init) if c.get("restartPolicy") != "Always"]
    lasting: dict[int, Obj] = {}
    for n in (n for n in range(len(containers)) if n not in brief):
        count = _count(containers[n], resource)
        if count:
            lasting[n] = _request(containers[n], n, resource, device_class, count)
            mappings.append(_mapping(containers[n], resource, lasting[n]))
    most: Obj | None = None
    pending: list[Obj] = []
    for n in brief:
        count = _count(containers[n], resource)
        for later in (lasting[m] for m in sorted(lasting) if m >= n):
            if count > 0:
                mappings.append(_mapping(containers[n], resource, later))
                count -= later["exactly"]["count"]
        if count > 0:
            own = _request(containers[n], n, resource, device_class, count)
            pending.append(_mapping(containers[n], resource, own))
            most = own if most is None or own["exactly"]["count"] > most["exactly"]["count"] else most
    if most is None:
        return list(lasting.values())
    mappings += [{**mapping, "requestName": most["name"]} for mapping in pending]
    return [most, *lasting.values()]


def _count(container: Obj, resource: str) -> int:
    return int(parse(dig(container, "resources", "requests", default={}).get(resource, 0)))


def _request(container: Obj, index: int, resource: str, device_class: str, count: int) -> Obj:
    position = sorted(dig(container, "resources", "requests", default={})).index(resource)
    exactly = {"deviceClassName": device_class, "allocationMode": "ExactCount", "count": count}
    return {"name": f"container-{index}-request-{position}", "exactly": exactly}


def _mapping(container: Obj, resource: str, request: Obj) -> Obj:
    return {"containerName": container["name"], "resourceName": resource, "requestName": request["name"]}
