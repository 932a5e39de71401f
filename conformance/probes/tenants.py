"""Starting a probe pod on a node and reading what it says."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.inventory.descriptors import Descriptor
from conformance.probes import pods, reading, sent, starting
from conformance.probes.sandbox import Sandbox, refused
from conformance.verdicts import Unverified

LOG_SECONDS = 30.0
MAIN = "main"
"""Container whose report counts; a sibling is another one of the same pod."""


@dataclass(frozen=True)
class Tenant:
    """A running probe pod: the object as it was seen running, and each container's report."""

    pod: Object
    reports: Mapping[str, reading.Report]
    claim: Object | None = None

    @property
    def name(self) -> str:
        """Name of the pod."""
        return str(self.pod["metadata"]["name"])

    @property
    def report(self) -> reading.Report:
        """Report of the main container."""
        return self.reports[MAIN]


def start(
    sandbox: Sandbox,
    plan: pods.PodPlan,
    descriptor: Descriptor,
    *,
    holds_device: bool,
    limit: float = starting.START_SECONDS,
) -> Tenant:
    """Create the pod, wait until it runs, read each container's report and record both.

    Raises ``Unknown`` where admission refuses the pod, ``Unverified`` where it does not start or says nothing, and
    ``Failure`` where the device that it holds could not be given to it.
    """
    made = submit(sandbox, plan, sandbox.namespace(plan.pod_security))
    return arrived(sandbox, plan, made, descriptor, limit=limit, holds_device=holds_device)


def arrived(
    sandbox: Sandbox, plan: pods.PodPlan, made: Object, descriptor: Descriptor, *, limit: float, holds_device: bool
) -> Tenant:
    """Wait at most ``limit`` seconds until the pod that was submitted runs, read its reports and record both.

    Raises what ``start`` raises.
    """
    name, namespace = made["metadata"]["name"], made["metadata"]["namespace"]
    collection = sandbox.path("pods", namespace=namespace)
    limit = sandbox.limit(limit)
    pod = starting.wait_started(sandbox.api, collection, name, limit=limit, holds_device=holds_device)
    as_sent(made, pod, manifest_of(sandbox, plan), plan.node)
    reports = {c.name: report_of(sandbox, collection, name, c.name, c.busy_seconds) for c in plan.containers}
    _record(sandbox, pod, reports, descriptor)
    return Tenant(sandbox.api.get(f"{collection}/{name}"), reports)


def submit(sandbox: Sandbox, plan: pods.PodPlan, namespace: str) -> Object:
    """Create the pod of a plan. Raises ``Unknown`` where admission refuses it."""
    if plan.nvml:
        sandbox.furnish_nvml(namespace)
    body = manifest_of(sandbox, plan)
    try:
        return sandbox.create("pods", body, namespace=namespace)
    except errors.Forbidden as error:
        raise refused(error, f"pod {body['metadata']['name']}") from error


def manifest_of(sandbox: Sandbox, plan: pods.PodPlan) -> Object:
    """The pod of a plan as it is sent."""
    settings = sandbox.settings
    return pods.manifest(
        replace(plan, name=sandbox.name(plan.name)),
        image=settings.image(),
        command=settings.probe_command,
        labels=sandbox.labels,
        program=sandbox.name(plan.program),
    )


def as_sent(made: Object, pod: Object, body: Object, node: str | None) -> None:
    """Raise ``Unverified`` where the pod that runs is not the one that was sent, or runs elsewhere."""
    name = pod["metadata"]["name"]
    if pod["metadata"].get("uid") != made["metadata"].get("uid"):
        raise Unverified(f"pod {name} was replaced by another of this name", code="pod_changed")
    wrong = sent.difference(body, pod, node)
    if wrong:
        raise Unverified(f"pod {name} is not what was sent: {wrong}; look for mutating webhooks", code="pod_changed")


def report_of(sandbox: Sandbox, collection: str, pod: str, container: str, busy_seconds: float = 0) -> reading.Report:
    """What the probe in a container that runs says about devices, after it was busy. ``Unverified`` where it says nothing."""
    query: dict[str, Any] = {"container": container, "follow": "true", "limitBytes": reading.LOG_LIMIT}
    where = f"{pod}/{container}"
    last: list[str] = []

    def read(line: str) -> tuple[reading.Report, str] | None:
        last[:] = [line]
        report = reading.parse(line, where)
        return (report, line) if report else None

    limit = sandbox.limit(LOG_SECONDS) + busy_seconds
    try:
        found = sandbox.api.first_line(f"{collection}/{pod}/log", read, seconds=limit, **query)
    except errors.ApiError as error:
        raise Unverified(f"the log of {where} cannot be read: {error}", code="log_unreadable") from error
    if found is None:
        raise Unverified(f"the probe in {where} gave no report; last line {''.join(last)[:200]!r}", code="no_report")
    report, text = found
    sandbox.evidence.artefact(f"log-{pod}-{container}.json", text)
    if not report.complete:
        raise Unverified(f"the probe in {where} did not see every file of its container", code="probe_incomplete")
    return report


def _record(sandbox: Sandbox, pod: Object, reports: Mapping[str, reading.Report], descriptor: Descriptor) -> None:
    metadata = pod["metadata"]
    for container, report in reports.items():
        sandbox.evidence.step(
            f"probed in container {container}",
            observed=", ".join(map(str, report.present(descriptor))) or "no accelerator",
            obj=f"Pod {metadata['namespace']}/{metadata['name']}",
            node=pod["spec"].get("nodeName"),
            made_by_hand=[str(node) for node in report.made],
            other_device_nodes=[node.path for node in report.others][:20],
            identity=report.identity,
            **({"load": str(report.burn)} if report.burn else {}),
        )
    sandbox.evidence.artefact(f"pod-{metadata['name']}-running.json", pod)
