"""How a probe pod comes to run, and one clear sentence for each way in which it does not."""

from typing import Any

from conformance.cluster import errors, waiting
from conformance.cluster.api import Api, Object
from conformance.inventory import odd
from conformance.verdicts import Failure, Unverified

START_SECONDS = 180.0
"""Limit for a pod to start: image pull on a slow link, a device that is prepared."""
REFUSAL_SECONDS = 60.0
"""Limit for the scheduler to decide on a pod that it cannot place."""
GATED = "SchedulingGated"
"""Reason of a pod that a queue or another controller holds back before the scheduler looks at it."""
_TAKEN = "DisruptionTarget"
_NOT_CREATED = {"CreateContainerError", "RunContainerError"}


def containers(pod: Object) -> list[Object]:
    """Container statuses, empty before the kubelet has written any."""
    return list((pod.get("status") or {}).get("containerStatuses") or [])


def started(pod: Object) -> Object | None:
    """The pod, once every container runs or has ended, or the pod itself has ended."""
    if (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
        return pod
    states = [c.get("state") or {} for c in containers(pod)]
    ready = bool(states) and len(states) == len(pod["spec"]["containers"])
    return pod if ready and all("running" in s or "terminated" in s for s in states) else None


def describe(pod: Object) -> str:
    """Phase, scheduling condition and container states in one line."""
    status = pod.get("status") or {}
    words = [f"phase {status.get('phase', 'none')}"]
    words += [f"{status[key]}" for key in ("reason", "message") if status.get(key)]
    for condition in status.get("conditions") or []:
        if condition.get("type") == "PodScheduled" and condition.get("status") != "True":
            words.append(f"not scheduled ({condition.get('reason')}: {condition.get('message')})")
    for entry in containers(pod):
        for state, body in (entry.get("state") or {}).items():
            if state != "running":
                words.append(
                    f"container {entry.get('name')} {state}: {body.get('reason')} {body.get('message') or ''}".strip()
                )
    return "; ".join(words)


def decided(pod: Object) -> Object | None:
    """The pod once the scheduler has written a decision on it, either way; of one that is gated it has seen nothing yet."""
    found = _scheduled(pod)
    return pod if found and found.get("reason") != GATED else None


def wait_decided(api: Api, collection: str, name: str, *, limit: float) -> Object:
    """The pod as it was when the scheduler had decided on it, either way; ``Unverified`` where it says nothing in time."""
    what = "the scheduler's refusal"
    try:
        return waiting.wait_for(api, collection, name, decided, limit=limit, what=what, show=describe)
    except errors.WaitTimeout as error:
        raise Unverified(f"the scheduler said nothing about pod {name}: {error}", code="scheduler_silent") from error


def disrupted(pod: Object) -> str:
    """That a pod was preempted or evicted, or lost with its node, and did not fail of itself; empty where it was not."""
    for entry in odd.entries(odd.part(pod, "status"), "conditions"):
        if entry.get("type") == _TAKEN and entry.get("status") == "True":
            return f"{odd.name(pod)} was disrupted ({entry.get('reason')}: {entry.get('message')})"
    return ""


def must_still_run(api: Api, collection: str, pod: Object, beside: str) -> None:
    """Read a pod again; ``Unverified`` where it no longer runs ``beside`` what it is a witness of."""
    meta = pod["metadata"]
    now = api.get(f"{collection}/{meta['name']}")
    if now["metadata"]["uid"] != meta["uid"] or (now.get("status") or {}).get("phase") != "Running":
        raise Unverified(f"pod {meta['name']} no longer runs {beside}: {describe(now)}", code="no_witness")


def refused(pod: Object) -> bool:
    """Whether the scheduler has written that it cannot place the pod."""
    return decided(pod) is not None and (_scheduled(pod) or {}).get("status") == "False"


def _scheduled(pod: Object) -> Object | None:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if c.get("type") == "PodScheduled"), None)


def wait_started(api: Api, collection: str, name: str, *, limit: float, holds_device: bool) -> Object:
    """Wait until the pod has started.

    Raises ``Unverified`` when it does not, with the words of the scheduler or the kubelet; raises ``Failure`` when the
    kubelet or the runtime could not give it the device that was allocated (``holds_device``).
    """
    what = f"pod {name} to start"
    try:
        pod = waiting.wait_for(api, collection, name, started, limit=limit, what=what, show=describe)
    except errors.WaitTimeout as error:
        raise not_started(api, collection, name, error, holds_device=holds_device) from error
    status = pod["status"]
    if status.get("phase") == "Failed" and not any("terminated" in (c.get("state") or {}) for c in containers(pod)):
        raise Unverified(f"pod {name} was ended before it started: {describe(pod)}", code="pod_refused")
    return pod


def not_started(
    api: Api, collection: str, name: str, error: errors.WaitTimeout, *, holds_device: bool
) -> Failure | Unverified:
    """Why a pod did not start in the time of ``error``: the words of the scheduler, the kubelet and of events."""
    pod = api.get(f"{collection}/{name}")
    told = _events(api, collection, pod)
    seen = "; ".join(filter(None, (error.last, *told.values())))
    waits = {str(((c.get("state") or {}).get("waiting") or {}).get("reason")) for c in containers(pod)}
    if holds_device and ("FailedPrepareDynamicResources" in told or waits & _NOT_CREATED):
        return Failure(
            "device_not_prepared",
            observed=f"pod {name} was bound to {pod['spec'].get('nodeName')} and did not start: {seen}",
            expected="the kubelet and the runtime give the pod the device that was allocated to it",
        )
    return Unverified(f"pod {name} did not start within {error.seconds:.0f} s: {seen}", code="pod_not_started")


def _events(api: Api, collection: str, pod: Object) -> dict[str, str]:
    """Last warning of each reason about the pod; none where events must not be read."""
    path = collection.rsplit("/", 1)[0] + "/events"
    try:
        found = api.list(path, field_selector=f"involvedObject.uid={pod['metadata']['uid']},type=Warning")
    except errors.Forbidden:
        return {}
    return {str(e.get("reason")): f"event {e.get('reason')}: {e.get('message')}" for e in found}


def allocated_ids(pod: Object, container: str, resource: str) -> list[str] | None:
    """Device ids that the kubelet says it gave a container; None where it says nothing.

    Source: ``status.containerStatuses[].allocatedResourcesStatus`` (KEP-4680, on by default since 1.36).
    """
    for entry in containers(pod):
        if entry.get("name") != container:
            continue
        told: list[dict[str, Any]] = entry.get("allocatedResourcesStatus") or []
        ids = [str(r.get("resourceID")) for t in told if t.get("name") == resource for r in t.get("resources") or []]
        return ids or None
    return None
