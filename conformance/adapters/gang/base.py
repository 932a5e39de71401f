"""What every gang scheduler must let itself be asked: what makes a gang, who is a member, and what it says became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from conformance.adapters.look import Look
from conformance.cluster import errors
from conformance.cluster.api import Api, Object
from conformance.inventory import odd
from conformance.inventory.solutions import GANG, Solution

DEFAULT_SCHEDULER = "default-scheduler"
Phase = Literal["waiting", "admitted", "started", "unknown"]


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A gang that is to be made."""

    name: str
    namespace: str
    pods: tuple[Object, ...]
    """Manifests of the members, all alike but for their names."""
    queue: str = ""
    """Queue that it is submitted to, where the solution has queues."""

    @property
    def size(self) -> int:
        """Members of the gang."""
        return len(self.pods)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One object that has to be created."""

    plural: str
    body: Object
    group_version: str = ""
    """Empty for the core group."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What the solution's own object says about a gang."""

    phase: Phase
    words: str = ""
    """Reason and message as they stand on the object; empty where it gives none."""
    since: str = ""
    """Time of the last change, as the object tells it."""
    object: Object | None = None
    """The object itself, for the record."""


class Adapter(Protocol):
    """What the suite knows about one gang scheduler."""

    solution: Solution
    explains: bool
    """Whether its own object gives the reason of a refusal, and not the pods alone."""

    def pieces(self, ask: Ask) -> tuple[Piece, ...]:
        """Objects that make the gang, in the order in which they are created."""

    def alone(self, pod: Object) -> Object:
        """The pod for the same scheduler and without a gang."""

    def state(self, api: Api, ask: Ask) -> State:
        """What the solution says about the gang. Objects that are missing or odd give ``unknown``."""

    def kept(self, pod: Object) -> str:
        """What a pod, as the server stores it, has lost of its membership; empty where nothing is lost."""


def installed(
    look: Look, *, title: str, group: str, plural: str, controllers: Sequence[str], only_in: str = ""
) -> Solution | None:
    """A gang scheduler whose API is served, with what its controllers (``only_in`` this namespace) look like; None without."""
    served = look.served(group, plural)
    if not served:
        return None
    alive, seen, namespace = look.controllers(controllers, namespace=only_in)
    return Solution(
        family=GANG,
        id=title.lower(),
        title=f"{title} ({served})",
        group_version=served,
        alive=alive,
        seen=f"{plural} are served in {served}; {seen}",
        namespace=namespace,
    )


def pod_group(solution: Solution, ask: Ask, spec: Object, labels: Mapping[str, str] | None = None) -> Piece:
    """The PodGroup of a gang."""
    metadata: Object = {"name": ask.name} | ({"labels": dict(labels)} if labels else {})
    version = solution.group_version
    body = {"apiVersion": version, "kind": "PodGroup", "metadata": metadata, "spec": spec}
    return Piece(plural="podgroups", body=body, group_version=version)


def pod_pieces(ask: Ask, member: Mapping[str, Any]) -> tuple[Piece, ...]:
    """The pods of a gang; ``member`` has labels, annotations and fields of the spec that make a pod a member."""
    return tuple(Piece(plural="pods", body=with_(pod, member)) for pod in ask.pods)


def with_(pod: Object, member: Mapping[str, Any]) -> Object:
    """A pod with further labels, annotations and fields of the spec."""
    metadata = dict(pod["metadata"])
    for key in ("labels", "annotations"):
        if added := member.get(key):
            metadata[key] = {**metadata.get(key, {}), **added}
    return {**pod, "metadata": metadata, "spec": {**pod["spec"], **member.get("spec", {})}}


def lost(pod: Object, member: Mapping[str, Any]) -> str:
    """What a stored pod lacks of ``member``; empty where it has everything."""
    for key in ("labels", "annotations"):
        have = odd.part(pod, "metadata", key)
        for name, value in member.get(key, {}).items():
            if have.get(name) != value:
                return f"metadata.{key}[{name}] is {have.get(name)!r}, not {value!r}"
    spec = odd.part(pod, "spec")
    for name, value in member.get("spec", {}).items():
        if spec.get(name) != value:
            return f"spec.{name} is {spec.get(name)!r}, not {value!r}"
    return ""


def condition(obj: Object, *types: str, key: str = "conditions") -> Object:
    """The newest condition of one of these types, empty where there is none."""
    found = [c for c in odd.entries(odd.part(obj, "status"), key) if c.get("type") in types]
    return max(found, key=lambda c: str(c.get("lastTransitionTime", "")), default={})


def words(entry: Object) -> str:
    """Type, status, reason and message of a condition in one line."""
    told = f"{entry.get('reason', '')}: {entry.get('message', '')}".strip(": ")
    return f"{entry.get('type')}={entry.get('status')} {told}".strip()


def group_of(api: Api, solution: Solution, plural: str, ask: Ask) -> Object | None:
    """The object that groups the pods of a gang, as it is now; None where it is not there."""
    return read(api, f"/apis/{solution.group_version}/namespaces/{ask.namespace}/{plural}/{ask.name}")


def lost_annotation(pod: Object, scheduler: str, annotation: str) -> str:
    """What a pod lost of its membership, where that is a scheduler and an annotation; empty where nothing."""
    group = odd.part(pod, "metadata", "annotations").get(annotation)
    return lost(pod, {"spec": {"schedulerName": scheduler}}) or ("" if group else f"annotation {annotation} is gone")


def read(api: Api, path: str) -> Object | None:
    """An object, or None where it is not there."""
    try:
        return api.get(path)
    except errors.NotFound:
        return None
