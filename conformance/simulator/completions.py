"""The arithmetic of jobs: which completions are there, which are missing, and what the pod of one looks like."""

from conformance.simulator.objects import Obj, condition, containers_of, dig, finished, name_of, set_condition, stamp
from conformance.simulator.workloads import pod_of

INDEX = "batch.kubernetes.io/job-completion-index"


def over(job: Obj) -> bool:
    """Whether a job has come to its end."""
    found = [condition(job, kind) for kind in ("Complete", "Failed")]
    return any(one is not None and one["status"] == "True" for one in found)


def phase(pod: Obj) -> str:
    """How a pod ended; one that somebody deletes has failed."""
    return str(dig(pod, "status", "phase")) if finished(pod) else "Failed"


def decided(job: Obj) -> tuple[str, str, str] | None:
    """Condition, reason and message of a job whose end is decided and whose pods are still ending."""
    for target, kind in (("SuccessCriteriaMet", "Complete"), ("FailureTarget", "Failed")):
        found = condition(job, target)
        if found is not None and found["status"] == "True":
            return kind, str(found.get("reason", "")), str(found.get("message", ""))
    return None


def _indexed(spec: Obj) -> bool:
    return spec.get("completionMode") == "Indexed"


def _index(pod: Obj) -> int:
    return int((pod["metadata"].get("annotations") or {}).get(INDEX, "-1"))


def _good(ended: list[Obj]) -> list[Obj]:
    return [pod for pod in ended if phase(pod) == "Succeeded"]


def done(spec: Obj, ended: list[Obj]) -> set[int]:
    """Indexes that have succeeded."""
    return {_index(pod) for pod in _good(ended)} if _indexed(spec) else set()


def succeeded(spec: Obj, ended: list[Obj], pods: list[Obj]) -> bool:
    """Whether all that was wanted has succeeded; without a number, one success and nobody at work."""
    wanted = spec.get("completions")
    if wanted is None:
        return bool(_good(ended)) and not pods
    return (len(done(spec, ended)) if _indexed(spec) else len(_good(ended))) >= int(wanted)


def wanted_now(spec: Obj, ended: list[Obj], at_work: int) -> int:
    """How many pods should be active."""
    parallel, wanted = int(spec.get("parallelism", 1)), spec.get("completions")
    if wanted is None:
        return min(at_work, parallel) if _good(ended) else parallel
    count = len(done(spec, ended)) if _indexed(spec) else len(_good(ended))
    return max(min(parallel, int(wanted) - count), 0)


def free_indexes(spec: Obj, ended: list[Obj], pods: list[Obj]) -> list[int]:
    """Indexes for new pods; -1 for each pod of a job that has none."""
    if not _indexed(spec):
        return [-1] * spec.get("parallelism", 1)
    taken = done(spec, ended) | {_index(pod) for pod in pods}
    return [index for index in range(spec["completions"]) if index not in taken]


def pod(job: Obj, index: int) -> Obj:
    """A pod of a job, for an index or without one."""
    if index < 0:
        return pod_of(job["spec"]["template"], f"{name_of(job)}-")
    body = pod_of(job["spec"]["template"], f"{name_of(job)}-{index}-")
    for key in ("annotations", "labels"):
        body["metadata"].setdefault(key, {})[INDEX] = str(index)
    body["spec"].setdefault("hostname", f"{name_of(job)}-{index}")
    origin = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}}
    for container in containers_of(body):
        env = container.setdefault("env", [])
        if all(entry.get("name") != "JOB_COMPLETION_INDEX" for entry in env):
            env.append({"name": "JOB_COMPLETION_INDEX", "valueFrom": origin})
    return body


def ended_at(pod: Obj) -> str:
    """When a pod ended."""
    states = [dig(s, "state", "terminated", "finishedAt") for s in dig(pod, "status", "containerStatuses", default=[])]
    return max((time for time in states if time), default=stamp())


def written(indexes: set[int]) -> str:
    """Indexes as the status has them: ``0-2,5``."""
    parts: list[list[int]] = []
    for index in sorted(indexes):
        if parts and index == parts[-1][-1] + 1:
            parts[-1].append(index)
        else:
            parts.append([index])
    shown = [f"{p[0]}-{p[-1]}" if len(p) > 1 + 1 else ",".join(map(str, p)) for p in parts]
    return ",".join(shown)


def started(job: Obj, *, suspended: bool) -> None:
    """Write when the job started and whether it is suspended."""
    told = condition(job, "Suspended")
    if suspended:
        if told is None or told["status"] != "True":
            job["status"].pop("startTime", None)
        set_condition(
            job, "Suspended", "True", lastProbeTime=(told or {}).get("lastProbeTime") or stamp(),
            reason="JobSuspended", message="Job suspended",
        )  # fmt: skip
        return
    if told is not None and told["status"] == "True":
        set_condition(job, "Suspended", "False", lastProbeTime=stamp(), reason="JobResumed", message="Job resumed")
        job["status"]["startTime"] = stamp()
    job["status"].setdefault("startTime", stamp())
