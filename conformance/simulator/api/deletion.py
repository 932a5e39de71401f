"""How an object is deleted: at once, after a grace period, when its finalizers are gone, or not at all."""

from conformance.simulator.api import errors
from conformance.simulator.api.options import Options
from conformance.simulator.kinds import Kind
from conformance.simulator.objects import Obj, dig, name_of


def grace(kind: Kind, obj: Obj, options: Options) -> int:
    """Seconds that a pod has to end; nothing else has any."""
    if kind.resource != "pods":
        return 0
    if not dig(obj, "spec", "nodeName") or dig(obj, "status", "phase") in ("Succeeded", "Failed"):
        return 0
    wanted: int = options.grace if options.grace is not None else obj["spec"].get("terminationGracePeriodSeconds", 30)
    before: int = obj["metadata"].get("deletionGracePeriodSeconds", wanted)
    return min(wanted, before)


def finalizers(kind: Kind, obj: Obj, options: Options) -> list[str]:
    """What must happen before the object goes."""
    others = [f for f in obj["metadata"].get("finalizers") or () if f not in ("orphan", "foregroundDeletion")]
    own = {"Foreground": ["foregroundDeletion"], "Orphan": ["orphan"]}.get(options.propagation, [])
    return [*others, *(own if kind.resource != "pods" or own == ["foregroundDeletion"] else [])]


def preconditions(kind: Kind, old: Obj, options: Options) -> None:
    """409 where the object is not the one that was meant."""
    for label, wanted, key in (
        ("UID", options.uid, "uid"),
        ("ResourceVersion", options.resource_version, "resourceVersion"),
    ):
        if wanted and wanted != old["metadata"].get(key):
            why = f"Precondition failed: {label} in precondition: {wanted}, {label} in object meta: {old['metadata'].get(key)}"
            raise errors.conflict(kind.resource, name_of(old), why)
