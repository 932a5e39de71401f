"""The Workload object: made for a Job or a group of pods, and what its conditions say as it goes on."""

import hashlib
from collections.abc import Callable
from typing import Any

from conformance.simulator.kueue import JOB_UID, PODSET, WORKLOAD
from conformance.simulator.kueue.quota import Assigned
from conformance.simulator.objects import Obj, condition, later, name_of, set_condition, thaw, uid_of

Edit = Callable[[Obj], None]


def says(workload: Obj, kind: str) -> bool:
    """Whether a condition is True."""
    found = condition(workload, kind)
    return found is not None and found["status"] == "True"


def for_job(job: Obj, queue: str) -> Obj:
    """The Workload of a Job."""
    mark = hashlib.sha256(uid_of(job).encode()).hexdigest()[:5]
    owner: Obj = {"apiVersion": "batch/v1", "kind": "Job", "name": name_of(job), "uid": uid_of(job)}
    owner |= {"controller": True, "blockOwnerDeletion": True}
    meta = {"name": f"job-{name_of(job)}-{mark}", "labels": {JOB_UID: uid_of(job)}, "ownerReferences": [owner]}
    template = {key: thaw(value) for key, value in job["spec"]["template"].items()}
    return {"metadata": meta, "spec": _spec(template, job["spec"].get("parallelism", 1), queue)}


def for_pods(name: str, pods: list[Obj], queue: str) -> Obj:
    """The Workload of a group of pods; its owners are all of them."""
    owners = [{"apiVersion": "v1", "kind": "Pod", "name": name_of(pod), "uid": uid_of(pod)} for pod in pods]
    spec = thaw(pods[0]["spec"])
    spec.pop("schedulingGates", None)
    template = {"metadata": {"labels": dict(pods[0]["metadata"].get("labels") or {})}, "spec": spec}
    return {"metadata": {"name": name, "ownerReferences": owners}, "spec": _spec(template, len(pods), queue)}


def _spec(template: Obj, count: int, queue: str) -> Obj:
    return {
        "podSets": [{"name": "main", "count": count, "template": template}],
        "queueName": queue,
        "priority": 0,
        "active": True,
    }


def note(workload: Obj, kind: str, *, holds: bool, reason: str, message: str) -> None:
    """Set a condition."""
    generation: Any = workload["metadata"].get("generation", 1)
    status = "True" if holds else "False"
    set_condition(workload, kind, status, observedGeneration=generation, reason=reason, message=message)


def admit(workload: Obj, queue: str, assigned: list[Assigned]) -> None:
    """Quota is reserved, and with no admission checks that is all there is."""
    admission = {"clusterQueue": queue, "podSetAssignments": [one.shown() for one in assigned]}
    workload.setdefault("status", {})["admission"] = admission
    words = f"Quota reserved in ClusterQueue {queue}"
    note(workload, "QuotaReserved", holds=True, reason="QuotaReserved", message=words)
    note(workload, "Admitted", holds=True, reason="Admitted", message="The workload is admitted")
    note(workload, "PodsReady", holds=False, reason="WaitForStart", message="Not all pods are ready or succeeded")
    if says(workload, "Evicted"):
        note(workload, "Evicted", holds=False, reason="QuotaReserved", message=words)


def evict(workload: Obj, seconds: float, back_off: float) -> None:
    """Its pods were not ready in time: quota is given back, and it is queued again after a while."""
    status = workload["status"]
    status.pop("admission", None)
    state = status.setdefault("requeueState", {})
    state.update(count=state.get("count", 0) + 1, requeueAt=later(back_off))
    words = f"Exceeded the PodsReady timeout of {seconds:g}s"
    note(workload, "Evicted", holds=True, reason="PodsReadyTimeout", message=words)
    note(workload, "Requeued", holds=False, reason="PodsReadyTimeout", message=words)
    note(workload, "QuotaReserved", holds=False, reason="Pending", message=words)
    note(workload, "Admitted", holds=False, reason="NoReservation", message="The workload has no reservation")
    note(workload, "PodsReady", holds=False, reason="WaitForStart", message="Not all pods are ready or succeeded")


def marked(template: Obj, workload: str, labels: dict[str, str]) -> None:
    """What an admitted pod carries: its workload, its pod set, and the flavor's node labels."""
    meta = template.setdefault("metadata", {})
    meta["labels"] = {**(meta.get("labels") or {}), PODSET: "main"}
    meta["annotations"] = {**(meta.get("annotations") or {}), WORKLOAD: workload}
    if labels:
        template["spec"]["nodeSelector"] = {**(template["spec"].get("nodeSelector") or {}), **labels}
