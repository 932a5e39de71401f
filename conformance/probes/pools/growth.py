"""A node pool that grows for a waiting pod and shrinks afterwards: what the checks of cluster autoscaling are made of.

One pod more than there are free accelerators, each asking for one, bound to the pool by its label so that a new node may take
the one that waits. That it waited first is the control: without the new node it could not run.
"""

import time
from collections.abc import Sequence

from conformance.adapters.look import Look
from conformance.cluster import errors
from conformance.cluster.crowd import Crowd, Members
from conformance.inventory import fresh, odd
from conformance.inventory.descriptors import Descriptor
from conformance.inventory.kinds import DRA
from conformance.inventory.take import Inventory
from conformance.probes import claims, names, starting, victims
from conformance.probes.pools import crowding, nodepool, use
from conformance.probes.pools.crowding import Filling
from conformance.probes.pools.newnodes import NewNodes
from conformance.probes.pools.nodepool import Landscape, Pool
from conformance.probes.sandbox import GONE_SECONDS, Sandbox
from conformance.probes.stage import singly
from conformance.verdicts import Failure, Grade, Skipped, Unknown, Unverified

MOST_PODS = 512
"""Free accelerators of a pool that are filled at most; a larger pool is not filled to see it grow."""
PODS = "pods"


class Growth:
    """One pool of one autoscaler, from the first look to its old size."""

    def __init__(self, sandbox: Sandbox, inventory: Inventory, descriptors: Sequence[Descriptor], variant: str) -> None:
        self.sandbox, self._inventory, self._descriptors, self._variant = sandbox, inventory, descriptors, variant
        self._settings = sandbox.settings

    def survey(self) -> Landscape:
        """Judge all that costs nothing: no autoscaler, one that does not show, pools that are fixed; then the user's leave."""
        landscape = nodepool.survey(self.sandbox.api, self._inventory, self._variant)
        groups = ", ".join(map(str, landscape.groups)) or "it tells of no node groups"
        self.sandbox.evidence.step(
            f"looked at {landscape.solution.title}", observed=f"{landscape.solution.seen}; {groups}"
        )
        landscape.must_not_be_fixed()
        if self._settings.allow_scale_up:
            return landscape
        if not landscape.adapter.SOURCE:
            raise Unknown(
                f"{landscape.solution.seen}, so only a new node could show one; --allow-scale-up lets the check try",
                code="autoscaler_not_visible",
            )
        raise Skipped(
            "it makes the cluster buy a node, which costs money; --allow-scale-up allows it",
            code="scale_up_not_allowed",
        )

    def choose(self, landscape: Landscape) -> "Growing":
        """Take the pool that is to grow, and see that nobody else waits for a node."""
        pool = nodepool.choose(landscape, self._settings.node_pool)
        descriptor = singly(pool.kind, self._descriptors)
        self.sandbox.evidence.step("chose a pool", observed=f"{pool}; accelerators: {pool.kind.title}")
        crowding.nobody_waits(self.sandbox)
        version = self._inventory.dra_version or "v1"
        return Growing(self.sandbox, landscape, pool, descriptor, version)


class Growing:
    """The pool that was chosen, with the pods that fill it."""

    def __init__(
        self, sandbox: Sandbox, landscape: Landscape, pool: Pool, descriptor: Descriptor, version: str
    ) -> None:
        self._sandbox, self._landscape, self._pool = sandbox, landscape, pool
        self._descriptor, self._version = descriptor, version
        self._nodes = NewNodes(sandbox.api, pool, descriptor, f"{claims.GROUP}/{version}")

    def fill(self) -> None:
        """Start one pod more than accelerators are free, and see that one waits while the others have a node: the control."""
        count = self._free() + 1
        self._takes_nothing()
        self._sandbox.make_room(count)
        body = crowding.manifest(self._sandbox, self._pool, self._descriptor, self._template(), self._seconds)
        mine = f"{names.SANDBOX_LABEL}={self._sandbox.labels[names.SANDBOX_LABEL]}"
        self._pods = Crowd(self._sandbox.api, self._sandbox.path(PODS), mine)
        self._filling = Filling(count, self._nodes.old)
        for number in range(count):
            meta = {**body["metadata"], "name": self._sandbox.name(f"asks-{number}")}
            self._sandbox.create(PODS, {**body, "metadata": meta})
        self._one_waits()

    @property
    def _seconds(self) -> int:
        """How long a pod may live: as long as the pool may take to grow, and the start of the last pod."""
        settings = self._sandbox.settings
        return int(settings.limit(settings.scale_up_seconds + 3 * starting.START_SECONDS)) + 60

    def _free(self) -> int:
        version = f"{claims.GROUP}/{self._version}"
        pool, api = self._pool, self._sandbox.api
        counted = [fresh.free_on(api, pool.kind, self._descriptor, version, node) for node in pool.nodes]
        known = [free for free in counted if free is not None]
        if len(known) < len(counted):
            raise Unknown("free accelerators cannot be counted: claims or pods must not be listed", code="forbidden")
        seen = f"{sum(known)} in a pool of {len(known)}"
        self._sandbox.evidence.step("counted free accelerators", observed=seen)
        if sum(known) > MOST_PODS:
            cure = f"the check fills {MOST_PODS} at most; name a smaller pool by --node-pool"
            raise Unknown(f"{sum(known)} accelerators are free in {pool}; {cure}", code="pool_too_large")
        return sum(known)

    def _takes_nothing(self) -> None:
        """``Unknown`` where the pod for which there is no room would get that of somebody else, and no new node."""
        kind, nodes = self._pool.kind, [odd.name(node) for node in self._pool.nodes]
        if kind.way != DRA and (found := victims.by_node(self._sandbox.api, nodes, kind.name)):
            raise Unknown(f"{victims.told(found)} would lose their accelerators in {self._pool}", code="would_preempt")

    def _template(self) -> str:
        """Name of a claim template where the pods ask by DRA."""
        kind = self._pool.kind
        if kind.way != DRA:
            return ""
        chosen = claims.selectors(kind, self._descriptor)
        spec = claims.spec(self._version, str(kind.device_class), selectors=chosen)
        body = claims.template(self._version, self._sandbox.name("accelerator"), spec)
        body["spec"]["metadata"] = {"labels": self._sandbox.labels}
        made = self._sandbox.create("resourceclaimtemplates", body, group_version=f"{claims.GROUP}/{self._version}")
        return str(made["metadata"]["name"])

    def _one_waits(self) -> None:
        try:
            waiting = self._pods.until(
                self._filling.waiting,
                limit=self._sandbox.limit(starting.START_SECONDS),
                what="every pod to have a node or the scheduler's refusal",
                show=self._filling.describe,
            )
        except errors.WaitTimeout as error:
            raise Unverified(f"the scheduler did not decide on every pod: {error}", code="scheduler_silent") from error
        if not waiting:
            seen = self._filling.describe(self._pods.members)
            raise Unverified(f"every pod found a place, so room came meanwhile: {seen}", code="free_changed")
        self._sandbox.evidence.step(
            "the pool is full and a pod waits",
            expected="at least one pod without a node",
            observed=f"{len(waiting)} of {len(self._pods.members)} wait; {self._filling.words[waiting[0]]}",
            obj=f"Pod {waiting[0]}",
        )

    def grow(self) -> Grade:
        """Wait for a new node of the pool on which the pod that waited runs; returns what a pass is then worth.

        Raises ``Failure`` or what stood in the way.
        """
        settings, began = self._sandbox.settings, time.monotonic()
        limit = self._sandbox.deciding(settings.scale_up_seconds)
        try:
            self._nodes.wait(limit)
            left = max(0.0, limit - (time.monotonic() - began)) + self._sandbox.limit(starting.START_SECONDS)
            what = "a pod that waited to run on a new node"
            name, node = self._pods.until(self._filling.placed_anew, limit=left, what=what, show=self._filling.describe)
        except errors.WaitTimeout as error:
            raise self._not_grown(error) from error
        found = self._nodes.must_be_new(node)
        crowding.came_for_us(self._sandbox, found)
        self._lasts(name, node)
        seconds = time.monotonic() - began
        self._sandbox.evidence.step(
            "a new node took the pod that waited",
            expected="a node that was not there before, of the pool and with the accelerator",
            observed=f"{name} runs on {node} after {seconds:.0f} s; {self._nodes}; {self._words()}",
            obj=f"Pod {name}",
        )
        return use.grade(self._sandbox, self._descriptor, self._pods.members, name, found)

    def _lasts(self, name: str, node: str) -> None:
        """The pod runs on its new node through the window, beside all nodes of before; else the pool did not grow."""

        def gone(members: Members) -> str | None:
            pod = members.get(name)
            running = pod is not None and odd.part(pod, "status").get("phase") == "Running"
            return None if running else f"pod {name} no longer runs: {starting.describe(pod) if pod else 'it is gone'}"

        try:
            seconds = self._sandbox.settings.window_seconds
            lost = self._pods.until(gone, limit=seconds, what="the pod to stay on its new node")
        except errors.WaitTimeout:
            lost = ""
        missing = self._nodes.missing(node)
        if node in missing:
            raise Failure(
                "node_removed_in_use",
                observed=f"{node} went while pod {name} was on it; {lost or self._words()}",
                expected="a new node stays while the pod that it came for runs on it",
            )
        if lost or missing:
            told = f"nodes that went meanwhile: {', '.join(missing) or 'none'}"
            raise Unverified(f"the pool did not just grow: {told}; {lost or self._words()}", code="node_changed")

    def _words(self) -> str:
        """What the autoscaler says of itself and about the pods that waited, read afresh."""
        adapter, look, told = self._landscape.adapter, Look(self._sandbox.api), []
        source, now = adapter.SOURCE, adapter.detect(look)
        dead = "none of its replicas is available; " if now and now.alive is False else ""
        try:
            events = self._sandbox.api.list(self._sandbox.path("events"))
        except errors.Forbidden:
            events = []
        for event in events:
            about = odd.part(event, "involvedObject").get("name")
            if source and source in (odd.part(event, "source").get("component"), event.get("reportingComponent")):
                told.append(f"event {event.get('reason')} about {about}: {event.get('message')}")
        return "; ".join([f"{dead}{adapter.state(look)}", *told[-5:]])

    def _not_grown(self, error: errors.WaitTimeout) -> Failure | Unknown | Unverified:
        landscape, pool = self._landscape, self._pool
        where = self._filling.describe(self._pods.members)
        seen = f"within {error.seconds:.0f} s {self._nodes}; {where}; {self._words()}"
        others = crowding.others_waiting(self._sandbox)
        if others:
            return Unverified(f"pods of others wait as well ({', '.join(others[:5])}): {seen}", code="competing_load")
        trouble = landscape.adapter.trouble(Look(self._sandbox.api), pool.group)
        if trouble:
            return Unverified(
                f"{landscape.solution.title} cannot add a node now: {trouble}", code="scale_up_backed_off"
            )
        if not self._filling.waiting(self._pods.members):
            return Unverified(f"no pod waits any more, so room came meanwhile: {seen}", code="free_changed")
        if not landscape.adapter.SOURCE and not self._nodes.seen:
            return Unknown(f"{landscape.solution.seen}, and no node came: {seen}", code="autoscaler_not_visible")
        return Failure(self._nodes.code(), observed=seen, expected=f"a new node of {pool} takes the pod that waits")

    def empty(self) -> None:
        """Delete the pods and wait until they are gone, so that nothing needs the new node."""
        for pod in list(self._pods.members.values()):
            self._sandbox.api.delete(
                f"{self._sandbox.path(PODS)}/{pod['metadata']['name']}", uid=pod["metadata"]["uid"]
            )
        limit = self._sandbox.limit(GONE_SECONDS)
        try:
            self._pods.until(lambda members: True if not members else None, limit=limit, what="the pods to be gone")
        except errors.WaitTimeout as error:
            raise Unverified(f"the pods were deleted and are still there: {error}", code="pod_stays") from error

    def shrinks(self) -> None:
        """Wait until the pool has as many nodes as before, or the new ones are gone. Raises ``Failure`` where they stay."""
        limit = self._sandbox.deciding(self._sandbox.settings.scale_down_seconds)
        began = time.monotonic()
        try:
            self._nodes.wait_gone(limit)
        except errors.WaitTimeout as error:
            users = self._nodes.users()
            if users:
                told = f"pods of others run on the new node ({', '.join(users[:5])})"
                raise Unverified(f"{told}, so it is needed: {error}", code="competing_load") from error
            raise Failure(
                "node_not_removed",
                observed=f"{error}; {self._words()}",
                expected=f"the pool has its former number of nodes again within {limit:.0f} s",
                hint="look for scale-down that is switched off, for consolidation policies and for pods without a controller",
            ) from error
        seen = f"{self._nodes.now()} after {time.monotonic() - began:.0f} s"
        self._sandbox.evidence.step("the pool shrank", expected="its former number of nodes", observed=seen)
