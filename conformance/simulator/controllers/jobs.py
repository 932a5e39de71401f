"""Jobs: pods that run to their end, as many as wanted, again where they fail, none while suspended."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from conformance.simulator import completions
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.objects import (
    Obj,
    age,
    condition,
    deleting,
    dig,
    finished,
    name_of,
    namespace_of,
    set_condition,
    stamp,
    uid_of,
)
from conformance.simulator.storage import Event
from conformance.simulator.workloads import Crew, active, controlled, controller_of, oldest_last, ready

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

_JOBS = "jobs.batch"
RETRY = 1.0
"""Seconds until a pod that was refused is tried again."""
FIRST_BACK_OFF, LAST_BACK_OFF = 10, 600
"""Seconds until a failed pod is replaced; twice as long after each failure."""


class Jobs(Controller):
    """Runs jobs. What has ended is remembered, so a pod that is deleted afterwards still counts."""

    watches: ClassVar[tuple[str, ...]] = (_JOBS, "pods")

    def __init__(self, cluster: "Cluster") -> None:
        super().__init__(cluster)
        self._crew = Crew(self.registry, cluster.recorder, "job-controller")
        self._ended: dict[str, dict[str, Obj]] = {}
        """Job uid → pod uid → the pod as it ended."""
        self._dismissed: set[str] = set()
        """Pods that were too many: what becomes of them counts for nothing."""

    def keys(self, event: Event) -> list[Key]:
        """The job itself, or the one that a pod belongs to."""
        name = name_of(event.obj) if event.resource == _JOBS else controller_of(event.obj, "Job")
        return [(namespace_of(event.obj), name)] if name else []

    def reconcile(self, namespace: str, name: str) -> None:
        """Bring a job closer to its end."""
        job = self.registry.find(_JOBS, namespace, name)
        if job is None:
            return
        ended = self._remember(job)
        if completions.over(job):
            self._tidy(job)
        elif not deleting(job):
            self._run(job, ended)
        self._tell(job, ended)

    def _pods(self, job: Obj) -> list[Obj]:
        return [pod for pod in self.store.select("pods", namespace_of(job)) if controlled(pod, job)]

    def _remember(self, job: Obj) -> list[Obj]:
        ended = self._ended.setdefault(uid_of(job), {})
        policy = job["spec"].get("podReplacementPolicy")
        for pod in self._pods(job):
            counts = finished(pod) or (deleting(pod) and policy != "Failed")
            if counts and uid_of(pod) not in self._dismissed:
                ended[uid_of(pod)] = pod
        return list(ended.values())

    def _tidy(self, job: Obj) -> None:
        """A job that is over has no active pods, and goes after its time."""
        self._dismiss(job, (pod for pod in self._pods(job) if active(pod)), counts=True)
        seconds, since = job["spec"].get("ttlSecondsAfterFinished"), dig(job, "status", "completionTime")
        failed = condition(job, "Failed")
        since = since or (failed["lastTransitionTime"] if failed else None)
        if seconds is None or since is None or deleting(job):
            return
        left = seconds - age(since)
        if left > 0:
            self.enqueue_later(left, (namespace_of(job), name_of(job)))
        else:
            self.registry.delete(self.registry.kinds.get(_JOBS), namespace_of(job), name_of(job))

    def _dismiss(self, job: Obj, pods: Iterable[Obj], *, counts: bool = False) -> None:
        for pod in list(pods):
            if not counts:
                self._dismissed.add(uid_of(pod))
            self._crew.dismiss(job, pod)

    def _run(self, job: Obj, ended: list[Obj]) -> None:
        spec, pods = job["spec"], [pod for pod in self._pods(job) if active(pod)]
        if spec.get("suspend"):
            self._dismiss(job, pods)
            return
        why = completions.decided(job) or self._verdict(job, ended, pods)
        if why:
            self._dismiss(job, pods, counts=True)
            self._tell(job, ended)
            self._end(job, *why)
            return
        wanted = completions.wanted_now(spec, ended, len(pods))
        self._dismiss(job, oldest_last(pods)[: max(len(pods) - wanted, 0)])
        wait = self._back_off(ended)
        if wanted > len(pods) and wait > 0:
            self.enqueue_later(wait, (namespace_of(job), name_of(job)))
            return
        for index in completions.free_indexes(spec, ended, pods)[: wanted - len(pods)]:
            if self._crew.hire(job, completions.pod(job, index)):
                self.enqueue_later(RETRY, (namespace_of(job), name_of(job)))
                return

    def _back_off(self, ended: list[Obj]) -> float:
        failed = [pod for pod in ended if completions.phase(pod) == "Failed"]
        if not failed:
            return 0
        wait: float = min(FIRST_BACK_OFF * 2 ** (len(failed) - 1), LAST_BACK_OFF)
        return wait - age(max(completions.ended_at(pod) for pod in failed))

    def _verdict(self, job: Obj, ended: list[Obj], pods: list[Obj]) -> tuple[str, str, str] | None:
        """Condition, reason and message of a job that is over."""
        spec = job["spec"]
        deadline, started = spec.get("activeDeadlineSeconds"), dig(job, "status", "startTime")
        if deadline is not None and started:
            left = deadline - age(started)
            if left <= 0:
                return "Failed", "DeadlineExceeded", "Job was active longer than specified deadline"
            self.enqueue_later(left, (namespace_of(job), name_of(job)))
        failures = sum(1 for pod in ended if completions.phase(pod) == "Failed")
        restarts = sum(
            s.get("restartCount", 0) for pod in pods for s in dig(pod, "status", "containerStatuses", default=[])
        )
        if failures > spec["backoffLimit"] or (restarts and failures + restarts >= max(spec["backoffLimit"], 1)):
            return "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        if completions.succeeded(spec, ended, pods):
            return "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
        return None

    def _end(self, job: Obj, kind: str, reason: str, message: str) -> None:
        """What is decided shows at once, that it is over when the last pod has ended."""
        target = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
        over = all(finished(pod) for pod in self._pods(job))

        def write(obj: Obj) -> None:
            for name in (target, kind) if over else (target,):
                if condition(obj, name) is None:
                    set_condition(obj, name, "True", lastProbeTime=stamp(), reason=reason, message=message)
            if over and kind == "Complete":
                obj["status"]["completionTime"] = stamp()

        self.registry.change(_JOBS, namespace_of(job), name_of(job), write, sub="status")
        if not over:
            return
        sort, word, words = (
            ("Normal", "Completed", "Job completed") if kind == "Complete" else ("Warning", reason, message)
        )
        self.cluster.recorder.event(job, sort, word, words, component="job-controller")

    def _tell(self, job: Obj, ended: list[Obj]) -> None:
        every = self._pods(job)
        pods, over = [pod for pod in every if active(pod)], completions.over(job)
        phases = [completions.phase(pod) for pod in ended]
        counts = {
            "active": len(pods),
            "succeeded": phases.count("Succeeded"),
            "failed": phases.count("Failed"),
        }
        suspended = bool(job["spec"].get("suspend")) and not over
        gone = sum(1 for pod in every if deleting(pod) and not finished(pod))
        told = condition(job, "Suspended") or {}

        def write(obj: Obj) -> None:
            before = obj.get("status") or {}
            status = {key: value for key, value in before.items() if key not in counts}
            status.update({key: count for key, count in counts.items() if count})
            status.update(ready=sum(1 for pod in pods if ready(pod)), terminating=gone, uncountedTerminatedPods={})
            indexes = completions.written(completions.done(job["spec"], ended))
            if indexes:
                status["completedIndexes"] = indexes
            obj["status"] = status
            completions.started(obj, suspended=suspended)

        written = self.registry.change(_JOBS, namespace_of(job), name_of(job), write, sub="status")
        self._tell_suspension(job, told.get("status", "False"), written)

    def _tell_suspension(self, job: Obj, before: str, written: Obj | None) -> None:
        now = (condition(written, "Suspended") or {}).get("status", "False") if written else before
        if now != before:
            word = "Suspended" if now == "True" else "Resumed"
            self.cluster.recorder.event(job, "Normal", word, f"Job {word.lower()}", component="job-controller")
            self.enqueue((namespace_of(job), name_of(job)))
