"""Trials of the scheduler with claims on one node: what a claim must get, and what it must wait for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.inventory import dra, fresh
from conformance.inventory.room import allocation_results, key_of
from conformance.probes import claims, names, starting
from conformance.probes.allocation import Allocation, Running
from conformance.probes.bench import Bench
from conformance.probes.dra import expressions, published, served, shapes
from conformance.probes.dra.published import Published
from conformance.verdicts import Failure, NotApplicable, Unknown, Unverified

REQUEST = claims.REQUEST
Predicate = Callable[[Object], bool]


@dataclass(frozen=True)
class Waiting:
    """A pod that must not get what its claim asks for."""

    name: str
    pod: Object
    claim: Object
    since: Object
    """The claim as it was when it was known to wait."""


class Trial:
    """Claims of one kind; ``code`` and ``expected`` belong to the failure where one is allocated that must wait."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.sandbox, self.evidence = bench, bench.sandbox, bench.sandbox.evidence
        self._allocation = Allocation(bench)
        self._waiting: list[Waiting] = []

    def must_wait(self, code: str, expected: str) -> None:
        """Say what it means when a claim that has to wait is allocated."""
        self._allocation = Allocation(self.bench, code=code, expected=expected)

    @property
    def driver(self) -> str:
        """Driver of the kind."""
        return self.bench.kind.name

    @property
    def identity(self) -> str:
        """Full name of the attribute that says which device one is, or empty."""
        rule = self.bench.descriptor.device_identity
        named = rule.attribute if rule is not None and rule.source == "attribute" else ""
        return published.qualified(self.driver, named) if named else ""

    def everything(self, own: Predicate | None = None) -> list[Published]:
        """Every device of the driver that one node reaches at this moment; ``Unknown`` where it must not be read.

        ``own`` tells claims that count as holding nothing.
        """
        return [device for device in self._read(own) if device.node]

    def _read(self, own: Predicate | None = None) -> list[Published]:
        try:
            rules = served.taint_rules_of_others(self.sandbox)
            return published.read(self.sandbox.api, self.bench.version, self.driver, rules, own)
        except errors.Forbidden as error:
            raise Unknown(f"devices cannot be read: {error.message}", code="forbidden") from error

    def devices(self) -> list[Published]:
        """Devices of the kind on the chosen node."""
        found = self.everything()
        return [d for d in found if d.node == self.bench.node and self.is_of_kind(d)]

    def rivals(self, own: Predicate | None = None) -> list[Published]:
        """Devices of the kind that a claim on the chosen node may be given: those of the node and those that several nodes reach."""
        return [d for d in self._read(own) if d.node in ("", self.bench.node) and self.is_of_kind(d)]

    def near(self, node: str) -> list[Published]:
        """Devices of the driver, of whatever kind, that a claim on this node may be given."""
        return [device for device in self._read() if device.node in ("", node)]

    def is_of_kind(self, device: Published) -> bool:
        """Whether a device is one of the kind's."""
        return fresh.is_of(self.bench.kind, device.device, self.bench.descriptor)

    def free(self) -> list[Published]:
        """Devices of the kind on the chosen node that nothing holds and no taint closes; at least one, else ``Unknown``."""
        found = [d for d in self.devices() if d.free]
        if not found:
            raise Unknown(f"{self.bench.kind.title}: none is free on {self.bench.node} now", code="too_few_free")
        return found

    def asked(self, *selectors: str, **more: object) -> Object:
        """What a request for one device of the kind asks for."""
        chosen = (*claims.selectors(self.bench.kind, self.bench.descriptor), *selectors)
        return shapes.form(str(self.bench.kind.device_class), chosen, **more)

    def one(self, *selectors: str, **more: object) -> Object:
        """Spec of a claim for one device of the kind."""
        return shapes.spec(self.request(REQUEST, self.asked(*selectors, **more)))

    def request(self, name: str, asked: Object) -> Object:
        """A request in the shape of the served version."""
        return shapes.exactly(self.bench.version, name, asked)

    def means(self, device: Published) -> tuple[str, ...]:
        """Selectors that mean this device; ``Unknown`` where its attributes do not tell it from the others of its kind."""
        found = expressions.only(device, self.rivals(), self.identity)
        if found is None:
            names = ", ".join(sorted(device.attributes)) or "none"
            raise Unknown(
                f"no published attribute tells {device.name} from the others on {device.node}; it has {names}",
                code="nothing_tells_apart",
            )
        return found

    def must_keep(self, spec: Object, without: Object, field: str) -> None:
        """``NotApplicable`` where the server does not serve the field of a claim."""
        version = self.bench.version
        bodies = [claims.claim(version, self.sandbox.name("dry-run"), s) for s in (spec, without)]
        collection = self.sandbox.path("resourceclaims", group_version=self.bench.group_version)
        served.must_keep(self.sandbox, collection, bodies[0], bodies[1], field)

    def get(
        self,
        name: str,
        spec: Object,
        *,
        code: str,
        expected: str,
        needs: Sequence[Published] = (),
        twin: Callable[[], object] | None = None,
    ) -> Running:
        """Start a pod with a claim that fits. ``Failure`` where it is refused and a pod with a plain claim, or the twin, runs.

        ``needs`` are the devices that the claim can be given. ``Unverified`` where one of them was taken meanwhile, where the
        twin does not run either, or where the pod is placed and does not start.
        """
        claim = self._allocation.claim_of(name, spec)
        try:
            return self._allocation.run(name, claim)
        except Unverified as error:
            self._is_refused(name, claim, error)
            self._twin_runs(name, needs, twin)
            raise Failure(code, observed=f"{error.reason}; its twin runs", expected=expected) from error

    def _twin_runs(self, name: str, needs: Sequence[Published], twin: Callable[[], object] | None) -> None:
        """``Unverified`` where a device that was needed is gone, or the twin does not run either."""
        self.still_free(needs)
        if twin:
            twin()
        else:
            self.plain(f"{name}-plain")

    def _is_refused(self, name: str, claim: Object, error: Unverified) -> None:
        """Raise the error unless the scheduler has refused the pod; such a pod is ended."""
        pod = self.sandbox.api.get(f"{self.sandbox.path('pods')}/{self.sandbox.name(name)}")
        if not starting.refused(pod) or claims.allocated(self._allocation.read(claim)):
            raise error
        self.sandbox.delete_pod(pod)

    def still_free(self, wanted: Sequence[Published]) -> None:
        """``Unverified`` where a device is held by others, tainted or gone by now."""
        own = self.sandbox.own
        free = {d.key for d in self.everything(lambda claim: names.is_of(claim, own)) if d.free}
        taken = [device.name for device in wanted if device.key not in free]
        if taken:
            raise Unverified(f"no longer free on {self.bench.node}: {', '.join(taken)}", code="free_changed")

    def plain(self, name: str) -> Running:
        """Start a pod with a plain claim as a witness that pods with claims start."""
        return self.witness(name, self.one())

    def witness(self, name: str, spec: Object) -> Running:
        """Start a pod with a claim as a witness; ``Unverified`` where it does not run."""
        return self._allocation.run(name, self._allocation.claim_of(name, spec))

    def give_back(self, running: Running) -> None:
        """End a pod and wait until its claim holds nothing."""
        self.sandbox.delete_pod(running.pod)
        self._allocation.released(running.claim)

    def waits(self, name: str, spec: Object) -> None:
        """Start a pod with a claim that must wait, and wait until the scheduler has refused it."""
        claim = self._allocation.claim_of(name, spec)
        pod = self._allocation.submit(name, claim)
        self._allocation.refused(pod, claim)
        self._waiting.append(Waiting(name, pod, claim, self._allocation.read(claim)))

    def still_wait(self, running: Running) -> None:
        """Watch all waiting claims through one window, at least three times what the running twin needed."""
        seconds = max(self.sandbox.settings.window_seconds, 3 * running.seconds)
        for n, entry in enumerate(self._waiting):
            self._allocation.stays_held_back(entry.pod, entry.claim, seconds=0.0 if n else seconds, since=entry.since)

    def now_runs(self, device: Published, *, code: str, expected: str) -> None:
        """The pod that waits is given this device, for which room was made; ``Failure`` where it is refused and a new one is not."""
        entry = self._waiting.pop()
        spec = entry.claim["spec"]
        try:
            running = self._allocation.follow(entry.name, entry.pod, entry.claim)
        except Unverified as error:
            self._is_refused(entry.name, entry.claim, error)
            self.witness(f"{entry.name}-anew", spec)
            raise Failure(
                code, observed=f"{error.reason}; a new pod with the same claim runs", expected=expected
            ) from error
        self.must_mean(running, device)

    def must_mean(self, running: Running, device: Published) -> None:
        """``Unverified`` where selectors do not mean devices: another check judges that, and here nothing can be proven."""
        if results(running.claim) != [(REQUEST, device.key)]:
            seen = claims.describe(running.claim)
            raise Unverified(f"a claim that only {device.name} meets: {seen}", code="no_witness")

    def got(self, running: Running, expected: Published, code: str, why: str, *, request: str = REQUEST) -> None:
        """The claim holds exactly this device, by this request; else ``Failure``."""
        held = results(running.claim)
        told = ", ".join(f"{'/'.join(key)} for {name}" for name, key in held) or "nothing"
        wanted = f"{expected.name} for {request}"
        name = running.claim["metadata"]["name"]
        self.evidence.step(why, expected=wanted, observed=told, obj=f"ResourceClaim {name}")
        if held != [(request, expected.key)]:
            raise Failure(code, observed=f"{why}: the claim was given {told}", expected=wanted)

    def need(self, count: int, words: str) -> None:
        """``NotApplicable`` where no node has so many devices of the kind; busy ones count."""
        by_node: dict[str, int] = {}
        for device in self.everything():
            if self.is_of_kind(device):
                by_node[device.node] = by_node.get(device.node, 0) + 1
        most = max(by_node.values(), default=0)
        if most < count:
            told = ", ".join(f"{name}: {n}" for name, n in sorted(by_node.items())[:10]) or "none on any node"
            raise NotApplicable(f"{self.bench.kind.title}: {words}; devices: {told}", code="too_few_devices")


def results(claim: Object) -> list[tuple[str, dra.Key]]:
    """What a claim holds: the name of each request, with its alternative, and the device."""
    return [(str(result.get("request")), key_of(result)) for result in allocation_results(claim)]
