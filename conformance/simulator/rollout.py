"""How a deployment moves from one template to the next: which replica set is the new one, what is scaled, what is told."""

import hashlib
import json
from collections.abc import Iterator

from conformance.simulator.objects import Obj, condition, dig, labels_of, name_of, set_condition, stamp, thaw

HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def template_hash(template: Obj) -> str:
    """Ten letters that differ for different templates."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:10])


def revision(obj: Obj) -> str:
    """The revision that an object is annotated with."""
    return str((obj["metadata"].get("annotations") or {}).get(_REVISION, "0"))


def newest(owner: Obj, sets: list[Obj]) -> Obj | None:
    """The set that has the deployment's present template."""
    for one in sets:
        template: Obj = thaw(one["spec"]["template"])
        template["metadata"]["labels"].pop(HASH, None)
        wanted = owner["spec"]["template"]
        same_labels = labels_of(template) == (dig(wanted, "metadata", "labels") or {})
        if same_labels and template["spec"] == wanted["spec"] and _notes(template) == _notes(wanted):
            return one
    return None


def _notes(template: Obj) -> Obj:
    return dict(dig(template, "metadata", "annotations") or {})


def _portion(value: int | str, total: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value.rstrip("%")) * total
    return -(-share // 100) if up else share // 100


def limits(owner: Obj) -> tuple[int, int]:
    """How many pods may be too many and how many may be missing while the deployment rolls."""
    total = int(owner["spec"].get("replicas", 1))
    rolling = dig(owner, "spec", "strategy", "rollingUpdate", default={})
    surge = _portion(rolling.get("maxSurge", "25%"), total, up=True)
    missing = _portion(rolling.get("maxUnavailable", "25%"), total, up=False)
    return surge, missing if surge or missing else 1


def steps(owner: Obj, new: Obj, old: list[Obj]) -> Iterator[tuple[Obj, int]]:
    """Replica sets with the number of replicas that they get now."""
    total, have = owner["spec"].get("replicas", 1), new["spec"].get("replicas", 0)
    before = sum(one["spec"].get("replicas", 0) for one in old)
    if dig(owner, "spec", "strategy", "type") == "Recreate":
        yield from ((one, 0) for one in old)
        if not any(dig(one, "status", key, default=0) for one in old for key in ("replicas", "terminatingReplicas")):
            yield new, total
        return
    surge, missing = limits(owner)
    room = total + surge - before
    if have > total or room > have:
        yield new, min(total, max(room, have)) if have <= total else total
    yield from _shrink(old, _spare(total, missing, new, old))


def _spare(total: int, missing: int, new: Obj, old: list[Obj]) -> int:
    """Old pods that may go: those that are not available cost nothing."""
    available = sum(dig(one, "status", "availableReplicas", default=0) for one in (new, *old))
    broken = sum(one["spec"].get("replicas", 0) - dig(one, "status", "availableReplicas", default=0) for one in old)
    return int(max(broken, 0) + max(available - (total - missing), 0))


def _shrink(old: list[Obj], spare: int) -> Iterator[tuple[Obj, int]]:
    for one in sorted(old, key=lambda each: int(revision(each))):
        have = one["spec"].get("replicas", 0)
        gone = min(have, spare)
        spare -= gone
        if gone:
            yield one, have - gone


def counts(owner: Obj, sets: list[Obj], new: Obj | None) -> Obj:
    """The numbers of the status."""

    def total(key: str) -> int:
        return sum(dig(one, "status", key, default=0) for one in sets)

    replicas, available = total("replicas"), total("availableReplicas")
    return {
        "observedGeneration": owner["metadata"].get("generation", 1),
        "replicas": replicas,
        "updatedReplicas": dig(new, "status", "replicas", default=0),
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(sum(one["spec"].get("replicas", 0) for one in sets) - available, 0),
        "terminatingReplicas": total("terminatingReplicas"),
    }


def complete(owner: Obj, status: Obj) -> bool:
    """Whether the rollout has come to its end."""
    total = int(owner["spec"].get("replicas", 1))
    return all(status.get(key, 0) == total for key in ("updatedReplicas", "replicas", "availableReplicas"))


def conditions(owner: Obj, new: Obj | None, *, late: bool) -> None:
    """Write Available and Progressing."""
    status, total = owner["status"], owner["spec"].get("replicas", 1)
    missing = limits(owner)[1] if dig(owner, "spec", "strategy", "type") != "Recreate" else 0
    enough = status.get("availableReplicas", 0) >= total - missing
    words = "Deployment has minimum availability." if enough else "Deployment does not have minimum availability."
    reason = "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable"
    _write(owner, "Available", enough, reason, words)
    if new is None:
        return
    told = f'ReplicaSet "{name_of(new)}"'
    seen = (condition(owner, "Progressing") or {}).get("reason")
    if complete(owner, status):
        _write(owner, "Progressing", True, "NewReplicaSetAvailable", f"{told} has successfully progressed.")
    elif late:
        _write(owner, "Progressing", False, "ProgressDeadlineExceeded", f"{told} has timed out progressing.")
    elif seen is None:
        _write(owner, "Progressing", True, "NewReplicaSetCreated", f"Created new replica set {told[11:]}")
    elif seen != "NewReplicaSetAvailable" or status.get("updatedReplicas", 0) < status.get("replicas", 0):
        _write(owner, "Progressing", True, "ReplicaSetUpdated", f"{told} is progressing.")


def _write(owner: Obj, kind: str, good: bool, reason: str, message: str) -> None:
    old = condition(owner, kind) or {}
    same = (old.get("reason"), old.get("message"), old.get("status")) == (reason, message, "True" if good else "False")
    updated = old["lastUpdateTime"] if same else stamp()
    set_condition(owner, kind, "True" if good else "False", lastUpdateTime=updated, reason=reason, message=message)
