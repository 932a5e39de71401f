"""A pod that asks for an extended resource and is given a device by DRA (DeviceClass.extendedResourceName, KEP-5004)."""

import time
from dataclasses import replace

from conformance.cluster import errors, waiting
from conformance.cluster.api import Object
from conformance.inventory.kinds import DEVICE_PLUGIN
from conformance.probes import claims, names, pods, starting, tenants
from conformance.probes.allocation import not_published
from conformance.probes.bench import Bench
from conformance.probes.dra.classes import own_class
from conformance.probes.dra.trial import Trial
from conformance.probes.tenants import MAIN, Tenant
from conformance.verdicts import Failure, Unknown, Unverified

ANNOTATION = "resource.kubernetes.io/extended-resource-claim"
NOT_SERVED = "extended_resource_not_served"


class Extended:
    """The extended resource of a DeviceClass of ours that means the kind's devices."""

    def __init__(self, trial: Trial) -> None:
        self._trial, self._sandbox = trial, trial.sandbox
        self.resource = f"kube-ai-conformance.dev/{trial.sandbox.labels[names.RUN_LABEL]}-{trial.sandbox.own}"
        self.free = len(trial.free()) + self._everywhere()
        self._counted = self._countable()
        own_class(trial, claims.selectors(trial.bench.kind, trial.bench.descriptor), resource=self.resource)
        kind = replace(trial.bench.kind, way=DEVICE_PLUGIN, name=self.resource, id=f"{trial.bench.kind.id}-extended")
        self._bench = Bench(self._sandbox, kind, [trial.bench.descriptor], trial.bench.version)
        self._bench.use_node(trial.bench.node)

    def _everywhere(self) -> int:
        """Free devices of the kind that every node reaches; ``Unknown`` where there are such that only some nodes reach."""
        found = [device for device in self._trial.rivals() if not device.node and device.free]
        if not all(device.device.everywhere for device in found):
            seen = f"{len(found)} devices of the kind are reached by several nodes, so that the free ones cannot be counted"
            raise Unknown(seen, code="not_countable")
        return len(found)

    def _countable(self, pod: Object | None = None) -> int:
        """Free devices that the class means; what claims of this pod hold is free."""
        uid = pod["metadata"]["uid"] if pod else None

        def own(claim: Object) -> bool:
            return any(owner.get("uid") == uid for owner in claim["metadata"].get("ownerReferences") or [])

        return sum(device.free for device in self._trial.rivals(own if uid else None))

    def gets_one(self, name: str) -> Tenant:
        """Start a pod that asks for one; ``Failure`` where it is refused twice and a pod with a plain claim runs after each.

        The first may have been refused because the scheduler did not know the class yet.
        """
        try:
            return self._bench.holder(name)
        except Unverified as error:
            self._is_refused(name, error)
            self._trial.give_back(self._trial.plain(f"{name}-plain"))
            seen = f"{error.reason}; a pod with a claim for the same device ran, so it is tried once more"
            self._sandbox.evidence.step("a pod was refused", observed=seen, obj=f"Pod {name}")
        return self._second(f"{name}-anew")

    def _is_refused(self, name: str, error: Unverified) -> None:
        """Raise the error unless the scheduler has refused the pod; such a pod is ended."""
        pod = self._sandbox.api.get(f"{self._sandbox.path('pods')}/{self._sandbox.name(name)}")
        if pod["spec"].get("nodeName") or not starting.refused(pod):
            raise error
        self._sandbox.delete_pod(pod)

    def _second(self, name: str) -> Tenant:
        try:
            return self._bench.holder(name)
        except Unverified as error:
            self._is_refused(name, error)
            self._trial.give_back(self._trial.plain(f"{name}-plain"))
            raise Failure(
                NOT_SERVED,
                observed=f"{error.reason}; before and after it a pod with a claim for the same device ran",
                expected=f"a pod that asks for one {self.resource} is given a device of the class",
            ) from error

    def timed(self, name: str) -> tuple[Tenant, float]:
        """The same, and how many seconds it took until the pod ran and said what it sees."""
        began = time.monotonic()
        return self.gets_one(name), time.monotonic() - began

    def claim_of(self, tenant: Tenant) -> Object:
        """The claim that the scheduler made for the pod: named in its status, marked, and for one published device."""
        told = (tenant.pod.get("status") or {}).get("extendedResourceClaimStatus") or {}
        name = told.get("resourceClaimName")
        if not name:
            raise self._wrong(f"pod {tenant.name} runs and status.extendedResourceClaimStatus names no claim")
        collection = self._sandbox.path("resourceclaims", group_version=self._trial.bench.group_version)
        claim = self._sandbox.api.get(f"{collection}/{name}")
        self._sandbox.evidence.artefact(f"resourceclaim-{name}-allocated.json", claim)
        if (claim["metadata"].get("annotations") or {}).get(ANNOTATION) != "true":
            raise self._wrong(f"claim {name} has no annotation {ANNOTATION}")
        wrong = not_published(self._trial.bench, claim, self._trial.bench.node)
        if wrong:
            raise self._wrong(wrong)
        seen = f"{claims.describe(claim)}; {told.get('requestMappings')}"
        self._sandbox.evidence.step("read the claim behind the pod", observed=seen, obj=f"ResourceClaim {name}")
        return claim

    def _wrong(self, observed: str) -> Failure:
        expected = "the pod's status names a claim that is marked as its own and holds one published device"
        return Failure("extended_resource_without_claim", observed=observed, expected=expected)

    def opens(self, tenant: Tenant) -> bool:
        """Whether the pod was seen to open its device; ``Failure`` where it did not and a pod with a plain claim opens its own.

        ``Unverified`` where neither does, which other checks judge.
        """
        if not self._bench.descriptor.can_identify:
            seen = "no device node is known that a probe could open"
            self._sandbox.evidence.step("left the device unopened", observed=seen)
            return False
        try:
            return bool(self._bench.opened_some(tenant))
        except Unverified as error:
            plain = self._trial.bench.holder("plain-twin")
            seen = ", ".join(map(str, self._trial.bench.opened_some(plain)))
            raise Failure(
                "extended_resource_not_injected",
                observed=f"{error.reason}; a pod with a claim opened {seen}",
                expected="the kubelet prepares the claim behind the pod, and the container gets the device",
            ) from error

    def gives_back(self, tenant: Tenant, claim: Object) -> None:
        """End the pod and wait until the claim behind it is gone."""
        self._sandbox.delete_pod(tenant.pod)
        collection = self._sandbox.path("resourceclaims", group_version=self._trial.bench.group_version)
        name, uid = claim["metadata"]["name"], claim["metadata"]["uid"]
        try:
            waiting.wait_gone(
                self._sandbox.api, collection, name, uid=uid, limit=self._sandbox.deciding(starting.REFUSAL_SECONDS)
            )
        except errors.WaitTimeout as error:
            raise Failure("claim_not_released", observed=str(error), expected="it is deleted with its pod") from error

    def too_many_wait(self, name: str, seconds: float) -> None:
        """A pod that asks for one more than is free is refused and stays without a node for ``seconds``."""
        arguments = ["devices", "--hold", "300"]
        container = pods.Container(name=MAIN, arguments=arguments, resources={self.resource: self.free + 1})
        made = tenants.submit(self._sandbox, self._bench.plan(name, [container]), self._sandbox.namespace())
        refused = self._refused(made)
        broken = self._bound(refused)
        if broken is None:
            broken = self._stays(refused, seconds)
        if (now := self._countable(made)) != self._counted:
            changed = f"free devices changed from {self._counted} to {now} meanwhile"
            raise Unverified(f"{broken}; {changed}" if broken else changed, code="free_changed")
        if broken:
            raise Failure(
                "unsatisfiable_claim_allocated",
                observed=f"a pod that asks for {self.free + 1} {self.resource} where {self.free} are free: {broken}",
                expected="it waits",
            )

    def _refused(self, pod: Object) -> Object:
        """The pod once the scheduler has decided about it."""
        name, limit = pod["metadata"]["name"], self._sandbox.limit(starting.REFUSAL_SECONDS)
        seen = starting.wait_decided(self._sandbox.api, self._sandbox.path("pods"), name, limit=limit)
        self._sandbox.evidence.step(
            "the scheduler refuses the pod", observed=starting.describe(seen), obj=f"Pod {name}"
        )
        return seen

    def _stays(self, pod: Object, seconds: float) -> str | None:
        try:
            broken, watched, breaks = waiting.stays(
                self._sandbox.api,
                self._sandbox.path("pods"),
                pod,
                self._bound,
                seconds=seconds,
                what="the pod to stay without a node",
            )
        except (waiting.HistoryLost, errors.WaitTimeout) as error:
            raise Unverified(
                f"the watch of the pod did not live through the window: {error}", code="watch_lost"
            ) from error
        seen = f"never bound in {watched:.1f} s; {breaks} broken watches, all continued"
        self._sandbox.evidence.step("watched the pod", expected=f"no node for {seconds:.1f} s", observed=broken or seen)
        return broken

    @staticmethod
    def _bound(pod: Object) -> str | None:
        node = pod["spec"].get("nodeName")
        return f"it was bound to {node}" if node else None
