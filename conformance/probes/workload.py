"""The workload that a vendor's descriptor names: an image with the vendor's own libraries, run with a device and without one.

It serves accelerators whose libraries are in images of workloads only (ROCm, libtpu, libnrt), where no probe can compute.
"""

import re
from dataclasses import dataclass, replace

from conformance.cluster import errors, waiting
from conformance.cluster.api import Object
from conformance.inventory import odd
from conformance.inventory.kinds import DRA
from conformance.inventory.vendor import Workload
from conformance.probes import pods, starting, tenants
from conformance.probes.bench import Bench
from conformance.probes.stage import CLAIM
from conformance.probes.tenants import MAIN
from conformance.verdicts import Failure, NotApplicable, Unknown, Unverified

START_SECONDS = 600.0
"""Limit for the start: images with a vendor's libraries have many GiB."""
RUN_SECONDS = 300.0
"""Limit for the work itself."""
MEMORY, CPU = "8Gi", "2"
"""Limits: frameworks load several GiB of libraries, and some compile what they run."""
LINES, LOG_BYTES, LINE = 500, 262_144, 1_000
"""Last lines and bytes of a log that are read, and characters of a line that are looked at."""
NOT_ITS_WORK = {"OOMKilled", "StartError", "ContainerCannotRun", "ContainerStatusUnknown"}
"""Reasons of an ended container that say nothing about the device."""


@dataclass(frozen=True)
class Outcome:
    """How a pod with the workload came out."""

    name: str
    code: int | None
    """Exit code of its container, whatever others of the pod do; None while it runs."""
    said: str
    """The line of its log that meets the descriptor's pattern, or empty."""
    last: str
    """Last line of its log."""
    state: str
    """The pod in one line."""

    def __str__(self) -> str:
        return f"pod {self.name}: {self.state}; " + (
            f"it says {self.said!r}" if self.said else f"last line {self.last!r}"
        )


def workload_of(bench: Bench) -> Workload:
    """The workload of a bench's descriptor. ``NotApplicable`` where the probe itself computes, ``Unknown`` where nobody can."""
    found, descriptor = bench.descriptor.workload, bench.descriptor
    if found is not None:
        return found
    if descriptor.compute:
        why = f"{descriptor.title}: the probe itself puts a load on them ({descriptor.compute}); no workload of the vendor is needed"
        raise NotApplicable(why, code="probe_computes")
    raise Unknown(
        f"{descriptor.title}: nothing can be computed on them, because their libraries are in images of workloads only. "
        "Add 'workload' (image, command, expected output) to the descriptor",
        code="no_workload",
    )


def must_work(bench: Bench, count: int) -> str:
    """What the workload says with ``count`` devices; ``Failure`` where it does not say what the descriptor expects."""
    outcome = _with_devices(bench, count)
    if outcome.code is None:
        raise _not_finished(outcome)
    if outcome.code != 0 or not outcome.said:
        raise Failure(
            "workload_failed",
            observed=f"on {bench.node}, {outcome}",
            expected=f"it ends well and writes what the descriptor expects: {workload_of(bench).output!r}",
        )
    return outcome.said


def _with_devices(bench: Bench, count: int) -> Outcome:
    """The workload with devices; a failure of its start counts only where the same container starts without one."""
    try:
        return _run(bench, "workload", count)
    except Failure:
        _run(bench, "without", 0)  # such as an image without the command, which runtimes tell in different words
        raise


def must_need_a_device(bench: Bench) -> None:
    """Raise ``Unverified`` where the workload says the same without a device: then its output proves nothing.

    One that does not end proves nothing either: without a device some compute the same on the processor, and slower.
    """
    outcome = _run(bench, "control", 0)
    if outcome.said:
        raise Unverified(
            f"{outcome}, and it asked for no device: either its output proves nothing, or this pod reached one as well",
            code="workload_needs_no_device",
        )
    if outcome.code is None:
        raise _not_finished(outcome)


def _run(bench: Bench, name: str, count: int) -> Outcome:
    """Run the workload to its end with so many devices, as root where that is admitted, as most images want."""
    return bench.ordinarily(lambda as_root: _once(bench, name, count, as_root=as_root))


def _once(bench: Bench, name: str, count: int, *, as_root: bool) -> Outcome:
    sandbox, plan = bench.sandbox, _plan(bench, name, count, as_root=as_root)
    namespace = sandbox.namespace(plan.pod_security)
    made = tenants.submit(sandbox, plan, namespace)
    collection, pod_name = sandbox.path("pods", namespace=namespace), made["metadata"]["name"]
    start = sandbox.limit(START_SECONDS)
    pod = starting.wait_started(sandbox.api, collection, pod_name, limit=start, holds_device=count > 0)
    tenants.as_sent(made, pod, tenants.manifest_of(sandbox, plan), plan.node)
    outcome = _outcome(bench, collection, _end(bench, collection, pod_name))
    sandbox.delete_pod(made)
    return outcome


def _plan(bench: Bench, name: str, count: int, *, as_root: bool) -> pods.PodPlan:
    workload, settings = workload_of(bench), bench.sandbox.settings
    namespace = bench.sandbox.namespace("baseline" if as_root else "restricted")
    claim = bench.claim(name, namespace, count) if count and bench.kind.way == DRA else None
    container = pods.Container(
        name=MAIN,
        image=settings.image(workload.image),
        arguments=workload.command,
        claims=[CLAIM] if claim else [],
        resources={bench.kind.name: count} if count and not claim else {},
        memory=MEMORY,
        cpu=CPU,
    )
    plan = bench.plan(
        name,
        [container],
        claims=[{"name": CLAIM, "resourceClaimName": claim["metadata"]["name"]}] if claim else [],
        ordinary=as_root,
        runtime_class=settings.runtime_class or bench.descriptor.runtime_class,
    )
    return replace(plan, deadline=int(bench.sandbox.limit(START_SECONDS + RUN_SECONDS)))


def _end(bench: Bench, collection: str, name: str) -> Object:
    """The pod when it has ended, or as it is when its time is over."""
    api, limit = bench.sandbox.api, bench.sandbox.limit(RUN_SECONDS)
    try:
        return waiting.wait_for(api, collection, name, _ended, limit=limit, what=f"{name} to end")
    except errors.WaitTimeout:
        return api.get(f"{collection}/{name}")


def _ended(pod: Object) -> Object | None:
    """The pod once its work has ended; a container that a webhook put beside it may run for ever."""
    return pod if _end_of(pod) or (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed") else None


def _end_of(pod: Object) -> Object:
    """How the container with the workload ended; empty while it runs."""
    states = [entry.get("state") or {} for entry in starting.containers(pod) if entry.get("name") == MAIN]
    return odd.part(states[0], "terminated") if states else {}


def _by_others(pod: Object) -> bool:
    """Whether something else ended the workload: memory, the kubelet (which gives the pod a reason then), an eviction, a deletion."""
    end, status = _end_of(pod), odd.part(pod, "status")
    if end.get("exitCode") == 0:
        return False
    told = status.get("reason") or pod["metadata"].get("deletionTimestamp")
    return bool(starting.disrupted(pod) or told or end.get("reason") in NOT_ITS_WORK)


def _outcome(bench: Bench, collection: str, pod: Object) -> Outcome:
    name, state = str(pod["metadata"]["name"]), starting.describe(pod)
    if _by_others(pod):
        raise Unverified(f"pod {name} with the workload was ended: {state}", code="workload_ended")
    try:
        log = bench.sandbox.api.text(f"{collection}/{name}/log", container=MAIN, tailLines=LINES, limitBytes=LOG_BYTES)
    except errors.ApiError as error:
        raise Unverified(f"the log of {name} cannot be read: {error}", code="log_unreadable") from error
    bench.sandbox.evidence.artefact(f"log-{name}.txt", log)
    lines = [line[:LINE] for line in log.splitlines() if line.strip()]
    pattern = re.compile(workload_of(bench).output)
    said = next((line for line in lines if pattern.search(line)), "")
    found = Outcome(name, _end_of(pod).get("exitCode"), said[:200], (lines or [""])[-1][:200], state)
    bench.sandbox.evidence.step("ran the vendor's workload", observed=str(found), obj=f"Pod {name}")
    return found


def _not_finished(outcome: Outcome) -> Unverified:
    return Unverified(f"{outcome}; it did not end in time", code="workload_not_finished")
