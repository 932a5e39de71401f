"""One run of an autoscaler: replicas stay without load, rise with it onto accelerators of their own, and fall again."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from conformance.cluster import errors, waiting
from conformance.cluster.api import Object
from conformance.cluster.crowd import Crowd, Members
from conformance.inventory.descriptors import Descriptor
from conformance.probes import reading, starting, tenants
from conformance.probes.scaling import pace
from conformance.probes.scaling.autoscaler import Autoscaler
from conformance.probes.scaling.fleet import Fleet
from conformance.probes.scaling.serving import Serving, is_ready, wanted
from conformance.probes.tenants import MAIN
from conformance.verdicts import Failure, Unverified

LEAST, MOST = 1, 3
EXCESS = 1.5
"""What a steady average may read above what the servers say."""


@dataclass
class Seen:
    """Replicas over time, and what they did."""

    began: float = field(default_factory=time.monotonic)
    timeline: list[tuple[float, int]] = field(default_factory=list)

    def note(self, members: Members) -> int:
        """Remember how many pods are ready, and return it."""
        ready = sum(is_ready(pod) for pod in members.values())
        if not self.timeline or self.timeline[-1][1] != ready:
            self.timeline.append((round(self.seconds, 1), ready))
        return ready

    @property
    def seconds(self) -> float:
        """Seconds since the load began."""
        return time.monotonic() - self.began


class Trial:
    """One run of an autoscaler: idle, load, no load."""

    def __init__(self, fleet: Fleet, servers: Serving, autoscaler: Autoscaler) -> None:
        self.fleet, self.servers, self.autoscaler = fleet, servers, autoscaler
        self.sandbox, self.evidence = fleet.sandbox, fleet.sandbox.evidence
        self.pace = pace.of(self.sandbox.settings)
        self.seen = Seen()
        self._first: Object = {}

    def begin(self) -> None:
        """The first server is ready and holds an accelerator, which is the witness; the metric is read."""
        try:
            self._first = self.servers.first()
        except Failure as error:
            raise Unverified(f"{error.observed}; nothing can be scaled", code="no_witness") from error
        if not self._opened(self._first):
            name = self._first["metadata"]["name"]
            raise Unverified(f"pod {name} opened no accelerator before anything was scaled", code="no_witness")
        self.autoscaler.create(self.autoscaler.scaler.make(self.autoscaler.order))
        self.autoscaler.readable()

    def stays_idle(self) -> None:
        """Without load the replicas stay where they are, although the metric is read: the control."""
        stays(self.servers, self.autoscaler, "scaled_without_load", "without any load")

    def rises_under_load(self) -> None:
        """Load the servers until there are more of them, each ready and on an accelerator of its own."""
        crowd = Crowd(self.sandbox.api, self.servers.pods, self.servers.selector)
        self.servers.begin_load()
        self.seen = Seen()
        target = self.autoscaler.order.signal
        busy = self.servers.await_queue(self._first, lambda w: w.waiting > 2 * MOST, "the load to fill the queue")
        self.evidence.step("the load fills the queue", observed=f"{busy.waiting} requests wait at the first server")
        before = self.servers.load_seen()
        self._first_new(crowd)
        up = self.seen.seconds
        rate = self.servers.load_seen().rate(before)
        self._all_ready(crowd)
        self.autoscaler.healthy()
        self._each_has_its_own(crowd.members)
        now = self.servers.load_seen()
        later = self.servers.load_seen(self.sandbox.settings.window_seconds)
        self.evidence.step(
            "replicas rose with the load",
            expected=f"more than {LEAST} by {target.title}",
            observed=f"first new ready replica after {up:.1f} s; {rate:.0f} tokens/s before, {later.rate(now):.0f} after",
            seconds_to_first_new_replica=round(up, 1),
            tokens_per_second_before=round(rate, 1),
            tokens_per_second_after=round(later.rate(now), 1),
            ready_replicas_over_time=self.seen.timeline,
            failed_requests=later.errors,
        )

    def _first_new(self, crowd: Crowd) -> None:
        """Wait until more replicas are wanted, then for a new pod to be ready; a rollout or an eviction makes new pods too."""
        limit = self.sandbox.deciding(self.pace.up)
        try:
            self.servers.scaled(lambda count: count > LEAST, limit, f"more than {LEAST} replicas to be wanted")
        except errors.WaitTimeout as error:
            raise self._not_up(error.seconds) from error
        self._ready(crowd, LEAST + 1)

    def _ready(self, crowd: Crowd, count: int) -> None:
        limit = self.sandbox.limit(starting.START_SECONDS)
        try:
            crowd.until(
                lambda m: m if self.seen.note(m) >= count else None, limit=limit, what=f"{count} servers to be ready"
            )
        except errors.WaitTimeout as error:
            raise self.servers.not_ready(crowd.members, error.seconds) from error

    def _all_ready(self, crowd: Crowd) -> None:
        """Wait for as many as are allowed, which the load is enough for; where the autoscaler asks for fewer, for those."""
        most, limit = self.autoscaler.order.most, self.sandbox.deciding(self.pace.up)
        try:
            self.servers.scaled(lambda count: count >= most, limit, f"{most} replicas to be wanted")
        except errors.WaitTimeout as error:
            self.evidence.step("waited for more replicas", expected=f"{most}", observed=error.last)
            self._must_not_lag(most)
        self._ready(crowd, min(wanted(self.servers.deployment()), most))

    def _must_not_lag(self, most: int) -> None:
        """``Failure`` where the autoscaler itself reads far more than its target, and goes on asking for fewer than it may."""
        if not self.autoscaler.far_above():
            return
        try:
            self.servers.scaled(lambda count: count >= most, self.pace.idle, f"{most} replicas to be wanted")
        except errors.WaitTimeout as error:
            self.autoscaler.must_be_able()
            if self.autoscaler.far_above():
                seen = f"{error.last}; {self.autoscaler.words()}"
                target = f"a target of {self.autoscaler.order.signal.target} for each pod"
                raise Failure("not_scaled_up", observed=seen, expected=f"{most} replicas at {target}") from error

    def _not_up(self, seconds: float) -> Failure:
        self.autoscaler.must_be_able()
        own = self.servers.await_queue(self._first, lambda _w: True, "the first server to say what waits")
        seen = f"{seconds:.0f} s under load, {own.waiting} requests wait at the server; {self.autoscaler.words()}"
        target = f"{self.autoscaler.order.signal.title} of {self.autoscaler.order.signal.target} for each pod"
        if not self.autoscaler.above(LEAST):
            return Failure(
                "metric_stale", observed=seen, expected=f"the adapter's value follows the server's own, above {target}"
            )
        return Failure("not_scaled_up", observed=seen, expected=f"replicas rise above {LEAST} at a target {target}")

    def _opened(self, pod: Object) -> list[reading.Node]:
        report = tenants.report_of(self.sandbox, self.servers.pods, pod["metadata"]["name"], MAIN)
        return report.opened(self.fleet.descriptor)

    def _each_has_its_own(self, members: Members) -> None:
        """Every ready pod runs on a node of the pool, and each can be told an accelerator that it opened and no other needs."""
        pool, opened = {share.name for share in self.fleet.kind.nodes}, {}
        for name, pod in sorted(members.items()):
            if not is_ready(pod):
                continue
            node, seen = str(pod["spec"].get("nodeName")), self._opened(pod)
            opened[name] = devices(node, seen, self.fleet.descriptor)
            told = ", ".join(map(str, seen)) or "no accelerator"
            self.evidence.step("looked what a replica holds", observed=told, obj=f"Pod {name}", node=node)
            if node not in pool or not seen:
                where = node if node in pool else f"{node}, which is no node of the pool,"
                raise _without(f"replica {name} is ready on {where} and opened {told}")
        if not each_has_own(list(opened.values())):
            told = "; ".join(f"{name}: {', '.join(sorted(map('/'.join, keys)))}" for name, keys in opened.items())
            raise _without(f"{len(opened)} replicas share fewer accelerators: {told}")

    def counts_each_pod(self) -> None:
        """The average that the autoscaler reads comes to be what the servers themselves say, and not that of others."""
        seen: list[str] = []

        def fits(value: float) -> bool:
            members = Crowd(self.sandbox.api, self.servers.pods, self.servers.selector).members.values()
            own = [self._waiting(pod) for pod in members if is_ready(pod)]
            if not own:
                raise Unverified("no server is ready any more, so none says what waits", code="no_witness")
            seen[:] = [
                f"reads {value:g} for each of {len(own)} pods, at which {', '.join(map(str, own))} requests wait"
            ]
            return value <= EXCESS * sum(own) / len(own) + 1

        try:
            self.autoscaler.await_value(fits, self.pace.up, "the metric to be that of each pod")
        except errors.WaitTimeout as error:
            self.autoscaler.must_be_able()
            raise Failure(
                "metric_of_other_pods",
                observed=f"{self.autoscaler.words()}; {''.join(seen)}",
                expected="the adapter's value of each pod is that of this pod alone",
            ) from error
        self.evidence.step("compared the metric with what the servers say", observed="".join(seen))

    def _waiting(self, pod: Object) -> int:
        return self.servers.await_queue(pod, lambda _w: True, "a server to say what waits").waiting

    def falls_without_load(self) -> None:
        """Take the load away: the metric falls, and after the stabilization window the replicas do."""
        scaled = self.autoscaler.last_scaled()
        self.servers.end_load()
        began, limit = time.monotonic(), self.sandbox.deciding(self.pace.down)
        own = self.servers.await_queue(self._first, lambda w: not w.waiting, "the queue to empty without load")
        try:
            self.autoscaler.await_low(self.pace.down)
        except errors.WaitTimeout as error:
            self.autoscaler.must_be_able()
            self.autoscaler.must_mean_our_pods()
            seen = (
                f"{error.seconds:.0f} s after the load was gone {own.waiting} requests wait; {self.autoscaler.words()}"
            )
            raise Failure("metric_stale", observed=seen, expected="the adapter's value falls with the load") from error
        try:
            left = max(limit - (time.monotonic() - began), limit / 2)
            self.servers.scaled(lambda count: count == LEAST, left, f"{LEAST} replica to be wanted")
        except errors.WaitTimeout as error:
            self.autoscaler.must_be_able()
            seen = f"{time.monotonic() - began:.0f} s after the load was gone: {error.last}; {self.autoscaler.words()}"
            calm = self.autoscaler.order.calm
            want = f"{LEAST} replica after a stabilization window of {calm} s"
            raise Failure("not_scaled_down", observed=seen, expected=want) from error
        took = time.monotonic() - began
        self.autoscaler.must_have_scaled("replicas fell", scaled)
        self.autoscaler.as_sent()
        self.evidence.step(
            "replicas fell without load",
            observed=f"{LEAST} after {took:.1f} s; {self.autoscaler.words()}",
            seconds_to_fall=round(took, 1),
        )


def stays(servers: Serving, autoscaler: Autoscaler, code: str, when: str) -> None:
    """Watch the Deployment for the window; ``Failure`` with this code where its replicas change."""
    seconds = pace.of(servers.sandbox.settings).idle
    deployment = servers.deployment()

    def moved(obj: Object) -> str | None:
        return None if wanted(obj) == LEAST else f"{wanted(obj)} replicas are wanted {when}"

    what = "the replicas to stay"
    try:
        broken, watched, breaks = waiting.stays(
            servers.sandbox.api, servers.deployments, deployment, moved, seconds=seconds, what=what
        )
    except (waiting.HistoryLost, errors.WaitTimeout) as error:
        raise Unverified(
            f"the watch of the Deployment did not live through the window: {error}", code="watch_lost"
        ) from error
    if broken:
        words = autoscaler.words()
        autoscaler.must_have_scaled(broken)
        autoscaler.must_mean_our_pods()
        raise Failure(
            code,
            observed=f"{broken}; {words}",
            expected=f"{LEAST} replica, as {when} nothing asks for more",
        )
    servers.sandbox.evidence.step(
        "watched the replicas",
        expected=f"{LEAST} for {seconds:.0f} s {when}",
        observed=f"{LEAST} for {watched:.1f} s, {breaks} broken watches; {autoscaler.words()}",
    )


def devices(node: str, opened: list[reading.Node], descriptor: Descriptor) -> set[tuple[str, str]]:
    """What tells opened devices apart: their node, and the identity that they say or else their number."""
    return {(node, reading.identity(n, descriptor) or n.number) for n in opened}


def each_has_own(opened: Sequence[set[tuple[str, str]]]) -> bool:
    """Whether every pod can have one of the devices that it opened to itself.

    A pod that opened more than its own is a matter of isolation, which other checks judge.
    """
    if not opened:
        return True
    first, *others = opened
    return any(each_has_own([other - {key} for other in others]) for key in first)


def _without(observed: str) -> Failure:
    return Failure(
        "replicas_without_accelerator",
        observed=observed,
        expected="every replica runs on a node of the pool and holds an accelerator of its own",
    )
