"""Pods that are started at the same time on one node, each with one share of a device."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.inventory.kinds import DRA
from conformance.probes import claims, pods, starting, tenants
from conformance.probes.ask import DEVICES, Ask
from conformance.probes.bench import Bench
from conformance.probes.stage import CLAIM
from conformance.probes.tenants import MAIN, Tenant
from conformance.verdicts import Failure, Unverified

_REFUSED_BY_KUBELET = "UnexpectedAdmissionError"
"""Reason of a pod that was bound and to which the device plugin's units could not be given (kubelet, admission)."""


IDLE_SECONDS = 580
"""As long as a pod may live (``PodPlan.deadline``): the holders of a limit stay through its window."""


@dataclass(frozen=True)
class Sent:
    """A pod that was submitted."""

    plan: pods.PodPlan
    made: Object
    claim: Object | None


class Crew:
    """Submits pods without waiting for each other, and gathers what they say."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.sandbox, self.api = bench, bench.sandbox, bench.sandbox.api
        self._ordinary: bool | None = None

    @property
    def namespace(self) -> str:
        """Namespace of the pods and their claims."""
        return self.sandbox.namespace("baseline" if self.as_root else "restricted")

    @property
    def pods_path(self) -> str:
        """Collection of the pods."""
        return self.sandbox.path("pods", namespace=self.namespace)

    @property
    def claims_path(self) -> str:
        """Collection of the claims."""
        return self.sandbox.path("resourceclaims", namespace=self.namespace, group_version=self.bench.group_version)

    def claim(self, name: str, spec: Object | None = None) -> Object:
        """Create a claim, by default for one unit of the kind."""
        body = claims.claim(self.bench.version, self.sandbox.name(name), spec or self.bench.claim_spec())
        version = self.bench.group_version
        return self.sandbox.create("resourceclaims", body, namespace=self.namespace, group_version=version)

    def send(self, name: str, ask: Ask = DEVICES, claim: Object | None = None) -> Sent:
        """Submit a pod that asks for one unit: by this claim, by a claim of its own, or of the device plugin."""
        return self._send(name, self.bench.arguments(ask), ask, claim)

    def idle(self, name: str) -> Sent:
        """Submit a pod that asks for one unit and opens nothing, so that it may stand beside the pods of others."""
        return self._send(name, ["hold", "--seconds", str(IDLE_SECONDS)], DEVICES, None)

    def _send(self, name: str, arguments: Sequence[str], ask: Ask, claim: Object | None) -> Sent:
        if claim is None and self.bench.kind.way == DRA:
            claim = self.claim(name)
        main = pods.Container(
            name=MAIN,
            arguments=arguments,
            claims=[CLAIM] if claim else [],
            resources={} if claim else {self.bench.kind.name: 1},
            memory=ask.memory,
            busy_seconds=ask.busy_seconds,
        )
        plan = self._plan(name, main, claim)
        return Sent(plan, tenants.submit(self.sandbox, plan, self.namespace), claim)

    def _plan(self, name: str, container: pods.Container, claim: Object | None = None) -> pods.PodPlan:
        named = [{"name": CLAIM, "resourceClaimName": claim["metadata"]["name"]}] if claim else []
        chosen = self.sandbox.settings.runtime_class or self.bench.descriptor.runtime_class
        ordinary = bool(self._ordinary)
        return self.bench.plan(name, [container], claims=named, ordinary=ordinary, runtime_class=chosen)

    def gather(self, sent: Sequence[Sent]) -> list[Tenant]:
        """Wait until all run and have said what they see. Raises ``Failure`` where a share was not given to one of them."""
        deadline = time.monotonic() + starting.START_SECONDS
        return [self._arrived(one, max(1.0, deadline - time.monotonic())) for one in sent]

    def _arrived(self, one: Sent, limit: float) -> Tenant:
        try:
            tenant = tenants.arrived(
                self.sandbox, one.plan, one.made, self.bench.descriptor, limit=limit, holds_device=True
            )
        except Unverified as error:
            self._refused_by_kubelet(one, error)
            raise
        if one.claim is None:
            return tenant
        return replace(tenant, claim=self.api.get(f"{self.claims_path}/{one.claim['metadata']['name']}"))

    def run(self, sent: Sequence[Sent]) -> list[Object]:
        """Wait until all run, whatever they see."""
        deadline = time.monotonic() + starting.START_SECONDS
        return [self._runs(one, max(1.0, deadline - time.monotonic())) for one in sent]

    def _runs(self, one: Sent, limit: float) -> Object:
        name = one.made["metadata"]["name"]
        try:
            pod = starting.wait_started(
                self.api, self.pods_path, name, limit=self.sandbox.limit(limit), holds_device=True
            )
        except Unverified as error:
            self._refused_by_kubelet(one, error)
            raise
        tenants.as_sent(one.made, pod, tenants.manifest_of(self.sandbox, one.plan), self.bench.node)
        return pod

    def must_run(self, running: Sequence[Object]) -> None:
        """Read pods again; ``Unverified`` where one does not run any more or is another."""
        for pod in running:
            now = self.api.get(f"{self.pods_path}/{pod['metadata']['name']}")
            meta, status = now["metadata"], now.get("status") or {}
            if (
                meta["uid"] != pod["metadata"]["uid"]
                or status.get("phase") != "Running"
                or meta.get("deletionTimestamp")
            ):
                seen = starting.describe(now)
                raise Unverified(f"pod {meta['name']} no longer runs beside the others: {seen}", code="no_witness")

    def _refused_by_kubelet(self, one: Sent, error: Unverified) -> None:
        """Raise ``Failure`` where the node had units left, the scheduler chose it, and the kubelet could not give one."""
        if error.code != "pod_refused":
            return
        pod = self.api.get(f"{self.pods_path}/{one.made['metadata']['name']}")
        free = self.bench.free()
        if (pod.get("status") or {}).get("reason") == _REFUSED_BY_KUBELET and free:
            raise Failure(
                "no_device_shared",
                observed=f"{starting.describe(pod)}; {free} units of {self.bench.node} are counted as free",
                expected="a unit that the node counts as free is a share that a pod can use",
            ) from error

    def still_run(self, crew: Sequence[Tenant]) -> None:
        """Read every pod again; ``Unverified`` where one does not run any more or is another, because then nothing was at once."""
        self.must_run([tenant.pod for tenant in crew])
        names = ", ".join(tenant.name for tenant in crew)
        self.sandbox.evidence.step("read every pod again", expected="all run", observed=f"running at once: {names}")

    def dismiss(self, crew: Sequence[Tenant]) -> None:
        """Delete pods and wait until they are gone."""
        for tenant in crew:
            self.sandbox.delete_pod(tenant.pod)

    @property
    def as_root(self) -> bool:
        """Whether pods are admitted as root, as most containers run, so that no file mode hides a device."""
        if self._ordinary is None:
            self._ordinary = True
            try:
                namespace = self.sandbox.namespace("baseline")
                body = tenants.manifest_of(self.sandbox, self._plan("as-root", pods.Container(name=MAIN, arguments=[])))
                self.api.create(self.sandbox.path("pods", namespace=namespace), body, dry_run=True)
            except errors.Forbidden as error:
                self._ordinary = False
                seen = f"not admitted, restricted ones are used: {error}"
                self.sandbox.evidence.step("tried whether pods run as root", observed=seen)
        return self._ordinary
