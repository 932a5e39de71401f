"""Making and ending gangs of probe pods on the chosen nodes, whatever solution schedules them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from conformance.adapters.gang import Adapter, Ask, Piece
from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.cluster.crowd import Crowd, Members
from conformance.inventory import odd
from conformance.probes import claims, pods
from conformance.probes.gang import members
from conformance.probes.gang.free_room import DeviceUnit, Room
from conformance.probes.gang.queues import Queue
from conformance.probes.names import SANDBOX_LABEL
from conformance.probes.sandbox import GONE_SECONDS, Sandbox, refused
from conformance.probes.stage import CLAIM
from conformance.verdicts import Unknown, Unverified

SECONDS = "kube-ai-conformance.dev/seconds"
"""Annotation of pods that work for a fixed time."""
HOLD_SECONDS = 600


@dataclass
class Gang:
    """Pods that were submitted together."""

    name: str
    size: int
    ask: Ask
    grouped: bool
    """Whether the solution was told that they belong together."""
    crowd: Crowd
    began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    """From the submission until all of them ran."""
    made: list[tuple[str, Object]] = field(default_factory=list)
    by_queue: bool = False
    """Whether a queue held it back before any pod could have been placed."""

    def mine(self, found: Members) -> list[Object]:
        """The members among these pods."""
        return members.select(found, self.name)


class GangMaker:
    """Creates gangs and pods without a gang in one namespace, and takes them away again."""

    def __init__(self, sandbox: Sandbox, adapter: Adapter, room: Room, queue: Queue) -> None:
        self.sandbox, self.adapter, self.room, self.queue = sandbox, adapter, room, queue
        self.api, self.evidence = sandbox.api, sandbox.evidence
        self.namespace = queue.namespace or sandbox.namespace()
        self._pods = sandbox.path("pods", namespace=self.namespace)
        self._program = ""

    @property
    def _device(self) -> DeviceUnit | None:
        """The unit, where it is a device that is asked for by a claim."""
        unit = self.room.unit
        return unit if isinstance(unit, DeviceUnit) and unit.by_claim else None

    def name(self, name: str) -> str:
        """Name of an object of ours, unique where the namespace is not."""
        foreign = self.queue.namespace and not self.sandbox.settings.namespace
        return f"{name}-{self.sandbox.own}" if foreign else self.sandbox.name(name)

    def everyone(self) -> Crowd:
        """All pods of this check."""
        return Crowd(self.api, self._pods, f"{SANDBOX_LABEL}={self.sandbox.own}")

    def claims_of(self, gang: Gang | None = None) -> Crowd | None:
        """Claims of a gang or of the whole check; None where devices are not asked for by claims."""
        if self._device is None:
            return None
        path = self.sandbox.path("resourceclaims", namespace=self.namespace, group_version=self._device.group_version)
        label = f"{SANDBOX_LABEL}={self.sandbox.own}"
        return Crowd(self.api, path, f"{label},{members.GANG_LABEL}={gang.name}" if gang else label)

    def submit(self, name: str, size: int, *, work: int = 0) -> Gang:
        """Create a gang; its members work for so many seconds and end, or stay."""
        return self.submit_together([(name, size)], work=work)[0]

    def submit_together(self, wanted: Sequence[tuple[str, int]], *, work: int = 0) -> list[Gang]:
        """Create several gangs at once, a pod of each in turn, so that none is first."""
        gangs = [self._prepared(name, size, work=work, grouped=True) for name, size in wanted]
        turns = zip_longest(*(self.adapter.pieces(gang.ask) for gang in gangs))
        for turn in turns:
            for gang, piece in zip(gangs, turn, strict=True):
                if piece is not None:
                    self._create(gang, piece)
        return gangs

    def loose(self, name: str, size: int) -> Gang:
        """Create the same pods for the same scheduler without telling it that they belong together."""
        gang = self._prepared(name, size, work=0, grouped=False)
        for pod in gang.ask.pods:
            self._create(gang, Piece(plural="pods", body=self.adapter.alone(pod)))
        return gang

    def plain(self, name: str, size: int) -> Gang:
        """Create the same pods for the scheduler of the cluster, of which the solution knows nothing."""
        gang = self._prepared(name, size, work=0, grouped=False)
        for pod in gang.ask.pods:
            self._create(gang, Piece(plural="pods", body=pod))
        return gang

    def _prepared(self, name: str, size: int, *, work: int, grouped: bool) -> Gang:
        name = self.name(name)
        labels = {**self.sandbox.labels, members.GANG_LABEL: name}
        self._program = self._program or self._furnish()
        template = self._template(name, labels)
        bodies = tuple(self._pod(f"{name}-{index}", labels, template, work) for index in range(size))
        ask = Ask(name=name, namespace=self.namespace, pods=bodies, queue=self.queue.name)
        crowd = Crowd(self.api, self._pods, f"{SANDBOX_LABEL}={self.sandbox.own},{members.GANG_LABEL}={name}")
        return Gang(name=name, size=size, ask=ask, grouped=grouped, crowd=crowd)

    def _furnish(self) -> str:
        """The ConfigMap with the probe program; the sandbox has put one into its own namespace."""
        if not self.queue.namespace or self.queue.namespace == self.sandbox.settings.namespace:
            return self.sandbox.name(pods.PROGRAM)
        name = self.name(pods.PROGRAM)
        self.sandbox.furnish_program(self.namespace, name)
        return name

    def _template(self, name: str, labels: dict[str, str]) -> str:
        """A claim template whose claims carry the gang's labels; empty where devices are not asked for by claims."""
        if (unit := self._device) is None:
            return ""
        version = unit.group_version.rpartition("/")[2]
        spec = claims.spec(version, str(unit.kind.device_class), selectors=claims.selectors(unit.kind, unit.descriptor))
        body = claims.template(version, name, spec)
        body["spec"]["metadata"] = {"labels": labels}
        made = self.sandbox.create(
            "resourceclaimtemplates", body, namespace=self.namespace, group_version=unit.group_version
        )
        return str(made["metadata"]["name"])

    def _pod(self, name: str, labels: dict[str, str], template: str, work: int) -> Object:
        lasts = int(self.sandbox.limit(HOLD_SECONDS)) + self.queue.wait
        words = ["work", "--seconds", str(work)] if work else ["hold", "--seconds", str(lasts)]
        unit, settings = self.room.unit, self.sandbox.settings
        plan = pods.PodPlan(
            name=name,
            containers=[unit.container(words)],
            node=None,
            tolerations=self.room.tolerations,
            claims=[{"name": CLAIM, "resourceClaimTemplateName": template}] if template else [],
            runtime_class=settings.runtime_class or unit.runtime_class,
            groups=unit.groups,
            deadline=lasts,
        )
        body = pods.manifest(
            plan, image=settings.image(), command=settings.probe_command, labels=labels, program=self._program
        )
        body["spec"]["affinity"] = self.room.affinity()
        if work:
            body["metadata"]["annotations"] = {SECONDS: str(work)}
        return unit.shape(body)

    def _create(self, gang: Gang, piece: Piece) -> None:
        first = all(obj.get("kind") != "Pod" for _, obj in gang.made)
        try:
            made = self.sandbox.create(
                piece.plural,
                piece.body,
                namespace=self.namespace,
                group_version=piece.group_version,
                record=piece.plural != "pods" or first,
            )
        except errors.Forbidden as error:
            raise refused(error, f"{piece.body['kind']} {piece.body['metadata']['name']}") from error
        path = self.sandbox.path(piece.plural, namespace=self.namespace, group_version=piece.group_version)
        gang.made.append((f"{path}/{made['metadata']['name']}", {"kind": piece.body["kind"], **made}))
        if gang.grouped and piece.plural == "pods" and (gone := self.adapter.kept(made)):
            raise Unknown(
                f"a pod is stored without its membership: {gone}; look for mutating webhooks and feature gates",
                code="membership_lost",
            )

    def all_there(self, gang: Gang) -> None:
        """``Unverified`` where a member that we made is gone or goes: without it the gang tells nothing about the scheduler."""
        made = {str(obj["metadata"]["uid"]): odd.name(obj) for _, obj in gang.made if obj["kind"] == "Pod"}
        selector = f"{SANDBOX_LABEL}={self.sandbox.own},{members.GANG_LABEL}={gang.name}"
        found = [odd.part(pod, "metadata") for pod in self.api.list(self._pods, label_selector=selector)]
        there = {str(meta.get("uid")) for meta in found if not meta.get("deletionTimestamp")}
        if lost := sorted(name for uid, name in made.items() if uid not in there):
            told = ", ".join(lost[:5])
            raise Unverified(f"members of {gang.name} were deleted, and not by this check: {told}", code="probe_lost")

    def delete(self, gang: Gang) -> None:
        """Tell everything of a gang to go, the pods before what groups them."""
        for path, obj in reversed(gang.made):
            self.api.delete(path, uid=obj["metadata"]["uid"])

    def gone(self, gang: Gang, limit: float) -> None:
        """Wait until its pods and claims are gone. Raises ``errors.WaitTimeout``."""
        for crowd, what in ((gang.crowd, "pods"), (self.claims_of(gang), "claims")):
            if crowd is not None:
                crowd.until(
                    lambda found: None if found else True,
                    limit=self.sandbox.deciding(limit),
                    what=f"{what} of {gang.name} to be gone",
                    show=lambda found: f"{len(found)} left",
                )

    def end(self, gang: Gang) -> None:
        """Delete a gang and wait until it holds nothing."""
        self.delete(gang)
        try:
            self.gone(gang, GONE_SECONDS)
        except errors.WaitTimeout as error:
            raise Unverified(f"gang {gang.name} was deleted and does not go: {error}", code="gang_stays") from error
        self.sandbox.forget({path for path, obj in gang.made if obj["kind"] == "Pod"})
