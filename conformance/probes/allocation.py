"""Claims on their way: allocated, held back, released. What the readiness checks of DRA are made of."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from conformance.cluster import errors, waiting
from conformance.cluster.api import Object
from conformance.inventory import dra, fresh
from conformance.probes import claims, names, pods, starting, tenants
from conformance.probes.bench import Bench
from conformance.probes.stage import CLAIM
from conformance.probes.tenants import MAIN
from conformance.verdicts import Failure, Unknown, Unverified

RELEASE_SECONDS = 60.0
MOST_DEVICES = 32
"""Devices that one claim can hold (resource.k8s.io, allocation results)."""
IMPOSSIBLE = "false"
"""CEL selector that no device meets."""


@dataclass(frozen=True)
class Running:
    """A pod that runs with a claim."""

    pod: Object
    claim: Object
    seconds: float
    """Time from creation to running."""


class Allocation:
    """Pods with claims on the bench's node; they run the probe and are never asked what they see.

    ``code`` and ``expected`` are those of the failure where a claim that must wait is allocated.
    """

    def __init__(
        self,
        bench: Bench,
        *,
        code: str = "unsatisfiable_claim_allocated",
        expected: str = "a claim for more devices than are free is not allocated and its pod is not bound",
    ) -> None:
        self._bench, self._sandbox = bench, bench.sandbox
        self._code, self._expected = code, expected
        self._counted: int | None = None
        self._claims = self._sandbox.path("resourceclaims", group_version=bench.group_version)
        self._pods = self._sandbox.path("pods")

    def claim(self, name: str, *, count: int = 1, selectors: Sequence[str] = ()) -> Object:
        """Create a claim for ``count`` devices of the kind."""
        return self.claim_of(name, self._bench.claim_spec(count, *selectors))

    def claim_of(self, name: str, spec: Object) -> Object:
        """Create a claim with this spec."""
        body = claims.claim(self._bench.version, self._sandbox.name(name), spec)
        return self._sandbox.create("resourceclaims", body, group_version=self._bench.group_version)

    def one_too_many(self, name: str, free: int) -> Object:
        """Create a claim that cannot be met: one device more than are free, or, where no claim holds so many, none that exists."""
        self._counted = free
        if free < MOST_DEVICES:
            return self.claim(name, count=free + 1)
        return self.claim(name, selectors=[IMPOSSIBLE])

    def template(self, name: str) -> Object:
        """Create a claim template for one device of the kind."""
        body = claims.template(self._bench.version, self._sandbox.name(name), self._bench.claim_spec())
        body["spec"]["metadata"] = {"labels": self._sandbox.labels}
        return self._sandbox.create("resourceclaimtemplates", body, group_version=self._bench.group_version)

    def submit(self, name: str, source: Object) -> Object:
        """Create a pod with a claim or a template, without waiting for it."""
        return tenants.submit(self._sandbox, self._plan(name, source), self._sandbox.namespace())

    def _plan(self, name: str, source: Object) -> pods.PodPlan:
        key = "resourceClaimName" if source["kind"] == "ResourceClaim" else "resourceClaimTemplateName"
        container = pods.Container(name=MAIN, arguments=["devices", "--hold", "300"], claims=[CLAIM])
        return self._bench.plan(name, [container], claims=[{"name": CLAIM, key: source["metadata"]["name"]}])

    def run(self, name: str, source: Object) -> Running:
        """Start a pod with a claim or a template as a witness; ``Unverified`` where its device cannot be given to it."""
        try:
            return self.must_run(name, source)
        except Failure as error:
            raise Unverified(
                f"{error.observed}; without a pod that runs nothing is proven", code="no_witness"
            ) from error

    def must_run(self, name: str, source: Object) -> Running:
        """Start a pod with a claim or a template and wait until it runs; its claim is read back."""
        return self._started(name, self.submit(name, source), source)

    def follow(self, name: str, made: Object, source: Object) -> Running:
        """Wait until a pod that was submitted runs; ``Unverified`` where it does not, or its device is not given to it."""
        try:
            return self._started(name, made, source)
        except Failure as error:
            raise Unverified(error.observed, code="no_witness") from error

    def _started(self, name: str, made: Object, source: Object) -> Running:
        began = time.monotonic()
        limit = self._sandbox.limit(starting.START_SECONDS)
        pod = starting.wait_started(
            self._sandbox.api, self._pods, made["metadata"]["name"], limit=limit, holds_device=True
        )
        body = tenants.manifest_of(self._sandbox, self._plan(name, source))
        tenants.as_sent(made, pod, body, self._bench.node)
        claim = self._sandbox.api.get(f"{self._claims}/{self.claim_name(pod)}")
        seconds = time.monotonic() - began
        where = f"on {pod['spec'].get('nodeName')} after {seconds:.1f} s; {claims.describe(claim)}"
        self._sandbox.evidence.step("a pod runs with its claim", observed=where, obj=f"Pod {made['metadata']['name']}")
        self._sandbox.evidence.artefact(f"resourceclaim-{claim['metadata']['name']}-allocated.json", claim)
        return Running(pod, claim, seconds)

    def claim_name(self, pod: Object) -> str:
        """Name of the claim that stands behind the pod's one entry: given, or generated from a template."""
        entry = pod["spec"]["resourceClaims"][0]
        if entry.get("resourceClaimName"):
            return str(entry["resourceClaimName"])
        told = (pod.get("status") or {}).get("resourceClaimStatuses") or []
        name = next((s.get("resourceClaimName") for s in told if s.get("name") == entry["name"]), None)
        if not name:
            raise Failure(
                "claim_not_generated",
                observed=f"pod {pod['metadata']['name']} runs and status.resourceClaimStatuses names no claim",
                expected="the claim that was generated from the template is named in the pod's status",
            )
        return str(name)

    def free(self) -> int:
        """Devices of the kind that a pod on the bench's node could have at this moment, but for what claims of this check hold.

        Raises ``Unknown`` where it cannot be seen.
        """
        bench, api = self._bench, self._sandbox.api
        what = bench.kind, bench.descriptor, bench.group_version
        node = api.get(f"/api/v1/nodes/{bench.node}")
        free = fresh.free_by_node(api, *what, [node], own=lambda claim: names.is_of(claim, self._sandbox.own))
        if free is None:
            raise Unknown("free devices cannot be counted: claims must not be listed", code="forbidden")
        return free[bench.node] + fresh.free_everywhere(api, *what)

    def refused(self, pod: Object, claim: Object) -> None:
        """Wait until the scheduler has written on the pod that it cannot be placed; an allocation is a failure."""
        limit = self._sandbox.limit(starting.REFUSAL_SECONDS)
        name = pod["metadata"]["name"]
        seen = starting.wait_decided(self._sandbox.api, self._pods, name, limit=limit)
        self._sandbox.evidence.step(
            "the scheduler refuses the pod", observed=starting.describe(seen), obj=f"Pod {name}"
        )
        self.still_held_back(pod, claim)

    def still_held_back(self, pod: Object, claim: Object) -> None:
        """Read pod and claim afresh: the pod is not bound and the claim is not allocated."""
        bound = self._sandbox.api.get(f"{self._pods}/{pod['metadata']['name']}")["spec"].get("nodeName")
        current = self._sandbox.api.get(f"{self._claims}/{claim['metadata']['name']}")
        broken = f"the pod was bound to {bound}" if bound else held_back(current)
        if broken:
            raise self._allocated(broken)

    def read(self, claim: Object) -> Object:
        """The claim as it is now."""
        return self._sandbox.api.get(f"{self._claims}/{claim['metadata']['name']}")

    def stays_held_back(self, pod: Object, claim: Object, *, seconds: float, since: Object | None = None) -> None:
        """Watch the claim for ``seconds``: it is never allocated, and the pod is not bound at the end.

        ``since`` is the claim as it was read when the watch is to begin, where that was earlier.
        """
        current = since or self.read(claim)
        what = "the claim to stay without allocation"
        try:
            broken, watched, breaks = waiting.stays(
                self._sandbox.api, self._claims, current, held_back, seconds=seconds, what=what
            )
        except (waiting.HistoryLost, errors.WaitTimeout) as error:
            raise Unverified(
                f"the watch of the claim did not live through the window: {error}", code="watch_lost"
            ) from error
        if broken:
            raise self._allocated(broken)
        self.still_held_back(pod, claim)
        window = f"for {seconds:.1f} s" if seconds else "in the whole window, of which every event was read again"
        seen = f"never allocated{f' in {watched:.1f} s' if seconds else ''}; {breaks} broken watches, all continued"
        self._sandbox.evidence.step("watched the claim", expected=f"no allocation {window}", observed=seen)

    def _allocated(self, seen: str) -> Failure | Unverified:
        if self._counted is not None and (now := self.free()) != self._counted:
            changed = f"free devices on {self._bench.node} changed from {self._counted} to {now} meanwhile"
            return Unverified(f"{seen}; {changed}", code="free_changed")
        return Failure(self._code, observed=seen, expected=self._expected)

    def is_held(self, running: Running) -> None:
        """The claim of a running pod is allocated and reserved for that pod."""
        uid = running.pod["metadata"]["uid"]
        if claims.allocated(running.claim) and uid in claims.reserved_for(running.claim):
            return
        raise Failure(
            "claim_not_held",
            observed=f"while pod {running.pod['metadata']['name']} runs: {claims.describe(running.claim)}",
            expected="the claim is allocated and reserved for the pod",
        )

    def released(self, claim: Object) -> None:
        """Wait until the claim holds nothing and is reserved for nobody."""
        name, limit = claim["metadata"]["name"], self._sandbox.deciding(RELEASE_SECONDS)
        try:
            seen = waiting.wait_for(
                self._sandbox.api,
                self._claims,
                name,
                _empty,
                limit=limit,
                what="the claim to be released",
                show=claims.describe,
            )
        except errors.WaitTimeout as error:
            raise Failure(
                "claim_not_released",
                observed=f"claim {name}, {error.seconds:.0f} s after its pod was gone: {error.last}",
                expected="no allocation and no reservation",
            ) from error
        self._sandbox.evidence.step(
            "the claim was released", observed=claims.describe(seen), obj=f"ResourceClaim {name}"
        )

    def generated_is_gone(self, claim: Object) -> None:
        """Wait until a generated claim is deleted with its pod."""
        name, uid = claim["metadata"]["name"], claim["metadata"]["uid"]
        limit = self._sandbox.deciding(RELEASE_SECONDS)
        try:
            waiting.wait_gone(self._sandbox.api, self._claims, name, uid=uid, limit=limit)
        except errors.WaitTimeout as error:
            raise Failure(
                "claim_not_released",
                observed=f"generated claim {name} is still there {error.seconds:.0f} s after its pod was gone: {error.last}",
                expected="it is deleted with its pod",
            ) from error
        self._sandbox.evidence.step(
            "the generated claim went with its pod", observed="gone", obj=f"ResourceClaim {name}"
        )


def not_published(bench: Bench, claim: Object, node: str) -> str | None:
    """What is wrong with a claim's allocation, or None: it must be one published device of the kind on this node."""
    held = claims.allocated(claim)
    slices, _ = dra.current_slices(bench.sandbox.api.list(f"/apis/{bench.group_version}/resourceslices"))
    nodes = [bench.sandbox.api.get(f"/api/v1/nodes/{node}")]
    published = {
        d.key
        for d in dra.devices(slices, nodes)
        if d.node == node and d.driver == bench.kind.name and fresh.is_of(bench.kind, d, bench.descriptor)
    }
    if len(held) == 1 and held[0] in published:
        return None
    told = ", ".join("/".join(key) for key in sorted(published)) or "nothing"
    return f"the claim was allocated {', '.join('/'.join(key) for key in held) or 'nothing'}; published there: {told}"


def held_back(claim: Object) -> str | None:
    """What breaks 'not allocated', or None."""
    return claims.describe(claim) if (claim.get("status") or {}).get("allocation") else None


def _empty(claim: Object) -> Object | None:
    return claim if not claims.allocated(claim) and not claims.reserved_for(claim) else None
