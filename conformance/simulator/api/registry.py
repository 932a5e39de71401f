"""What happens to an object between a request and the store: decoding, defaults, admission, rules, versions, deletion.

Handlers and controllers both come through here, so a controller cannot write what a client could not. All methods run in the
cluster's one thread and never wait, so each request is atomic.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from conformance.simulator.addresses import Block
from conformance.simulator.api import admission, deletion, errors
from conformance.simulator.api.decoding import decode
from conformance.simulator.api.errors import Cause, Refused
from conformance.simulator.api.gates import DraSwitches
from conformance.simulator.api.options import DEFAULT, SYSTEM, Options
from conformance.simulator.api.trouble import Trouble
from conformance.simulator.kinds import Kind, Kinds
from conformance.simulator.kinds.conversion import convert
from conformance.simulator.kinds.hooks import apply_defaults, problems
from conformance.simulator.objects import Obj, deleting, dig, later, name_of, new_uid, stamp, suffix, thaw
from conformance.simulator.storage import Store

DRA = "resource.k8s.io"
NAME_ROOM = 58
"""A generated name keeps so many characters of its prefix."""
UNCONDITIONAL = (
    "leases.coordination.k8s.io", "customresourcedefinitions.apiextensions.k8s.io", "podgroups.scheduling.k8s.io",
    "workloads.scheduling.k8s.io",
)  # fmt: skip
"""Resources whose updates must name a resourceVersion."""
WITHOUT_GENERATION = (
    "namespaces", "nodes", "services", "resourceclaims.resource.k8s.io", "resourceclaimtemplates.resource.k8s.io",
    "persistentvolumes", "persistentvolumeclaims", "resourcequotas", "limitranges", "roles.rbac.authorization.k8s.io",
    "clusterroles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io", "secrets", "configmaps",
    "clusterrolebindings.rbac.authorization.k8s.io", "leases.coordination.k8s.io", "serviceaccounts", "endpoints", "events",
    "apiservices.apiregistration.k8s.io", "storageclasses.storage.k8s.io", "runtimeclasses.node.k8s.io",
    "podgroups.scheduling.k8s.io", "workloads.scheduling.k8s.io",
)  # fmt: skip
NEVER_GIVEN = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
"""Metadata that only the server writes."""
NEVER_CHANGES = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "namespace",
    "name",
)


class Registry:
    """Reads and writes objects by the rules of their kind."""

    def __init__(
        self,
        store: Store,
        kinds: Kinds,
        trouble: Trouble | None = None,
        addresses: Block | None = None,
        dra: DraSwitches | None = None,
    ) -> None:
        self.store, self.kinds, self._trouble = store, kinds, trouble or Trouble()
        self.dra = dra or DraSwitches()
        self.addresses = addresses

    def get(self, kind: Kind, namespace: str, name: str) -> Obj:
        """The object in the version of the kind; ``Refused`` 404 where there is none."""
        found = self.store.get(kind.stored_as, namespace, name)
        if found is None:
            raise errors.not_found(kind.resource, name)
        return convert(kind, found)

    def find(self, resource: str, namespace: str, name: str) -> Obj | None:
        """The stored object, or None."""
        return self.store.get(resource, namespace, name)

    def create(self, kind: Kind, namespace: str, body: Obj, options: Options = DEFAULT) -> Obj:
        """Store a new object."""
        obj, causes = decode(self.kinds, kind, body, options)
        _name(kind, namespace, obj["metadata"])
        if "status" in kind.subresources:
            obj.pop("status", None)
        self._generation(kind, obj, None)
        apply_defaults(kind.stored_as, obj)
        request = admission.Request(
            self, kind, "CREATE", namespace, obj, None, "", options.user, dry_run=options.dry_run
        )
        admission.mutate(request)
        self._validate(kind, obj, None, causes)
        admission.validate(request)
        options.warnings.extend(request.warnings)
        if self.store.get(kind.stored_as, namespace, name_of(obj)) is not None:
            raise errors.already_exists(kind.resource, name_of(obj))
        return convert(kind, obj if options.dry_run else self.store.put(kind.stored_as, obj))

    def update(
        self, kind: Kind, namespace: str, name: str, body: Obj, options: Options = DEFAULT, sub: str = ""
    ) -> Obj:
        """Replace an object, or only its status."""
        old = self.store.get(kind.stored_as, namespace, name)
        if old is None:
            raise errors.not_found(kind.resource, name)
        obj, causes = decode(self.kinds, kind, body, options)
        self._check_meta(kind, obj, old)
        obj = self._status_only(obj, old) if sub == "status" else self._keep(kind, obj, old)
        apply_defaults(kind.stored_as, obj)
        request = admission.Request(
            self, kind, "UPDATE", namespace, obj, old, sub, options.user, dry_run=options.dry_run
        )
        admission.mutate(request)
        self._generation(kind, obj, old)
        self._validate(kind, obj, old, causes)
        admission.validate(request)
        options.warnings.extend(request.warnings)
        if {**obj, "metadata": {**obj["metadata"], "resourceVersion": ""}} == {
            **old,
            "metadata": {**old["metadata"], "resourceVersion": ""},
        }:
            return convert(kind, old)
        if options.dry_run or self._loses(kind, options):
            return convert(kind, obj)
        stored = self.store.put(kind.stored_as, obj)
        return convert(kind, self._finish(kind, stored))

    def change(
        self, resource: str, namespace: str, name: str, edit: Callable[[Obj], None], sub: str = ""
    ) -> Obj | None:
        """Edit a copy of the stored object and write it; None where the object is gone. For controllers."""
        current = self.store.get(resource, namespace, name)
        if current is None:
            return None
        body = thaw(current)
        edit(body)
        return self.update(self.kinds.get(resource), namespace, name, body, sub=sub)

    def delete(self, kind: Kind, namespace: str, name: str, options: Options = DEFAULT) -> tuple[Obj, bool]:
        """Ask for deletion: the object, and whether it is gone at once."""
        old = self.store.get(kind.stored_as, namespace, name)
        if old is None:
            raise errors.not_found(kind.resource, name)
        deletion.preconditions(kind, old, options)
        admission.validate(
            admission.Request(
                self, kind, "DELETE", namespace, thaw(old), old, "", options.user, dry_run=options.dry_run
            )
        )
        obj = thaw(old)
        grace = deletion.grace(kind, obj, options)
        finalizers = deletion.finalizers(kind, obj, options)
        if not finalizers and not grace and not dig(obj, "spec", "finalizers"):
            return convert(kind, old if options.dry_run else self.store.remove(kind.stored_as, namespace, name)), True
        meta = obj["metadata"]
        if (
            deleting(obj)
            and meta.get("deletionGracePeriodSeconds", 0) <= grace
            and meta.get("finalizers", []) == finalizers
        ):
            return convert(kind, old), False
        meta.update(deletionTimestamp=later(grace), deletionGracePeriodSeconds=grace)
        if finalizers:
            meta["finalizers"] = finalizers
        if kind.resource == "namespaces":
            obj.setdefault("status", {})["phase"] = "Terminating"
            meta.pop("deletionGracePeriodSeconds")
        elif "generation" in meta:
            meta["generation"] += 1
        return convert(kind, obj if options.dry_run else self.store.put(kind.stored_as, obj)), False

    def _validate(self, kind: Kind, obj: Obj, old: Obj | None, missing: list[Cause]) -> None:
        if kind.group == DRA and not self._trouble.validates:
            return
        causes = [*missing, *problems(kind.stored_as, obj, old)]
        if causes:
            unique = list(dict.fromkeys(causes))
            raise errors.invalid_object(kind.group, kind.kind, name_of(obj), unique)

    def _loses(self, kind: Kind, options: Options) -> bool:
        """Whether a client's change is answered and not stored; the cluster's own parts are not clients."""
        return kind.group == DRA and options.user != SYSTEM and not self._trouble.keeps_updates

    def _check_meta(self, kind: Kind, obj: Obj, old: Obj) -> None:
        meta, name = obj["metadata"], name_of(old)
        if meta.setdefault("name", name) != name:
            raise errors.bad_request(
                f"the name of the object ({meta['name']}) does not match the name on the URL ({name})"
            )
        if (
            kind.namespaced
            and meta.setdefault("namespace", old["metadata"]["namespace"]) != old["metadata"]["namespace"]
        ):
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )
        deletion.preconditions(kind, old, Options(uid=meta.get("uid")))
        given = meta.get("resourceVersion")
        if given and given != old["metadata"]["resourceVersion"]:
            raise errors.stale(kind.resource, name)
        if not given and (kind.custom or kind.resource in UNCONDITIONAL):
            cause = errors.invalid("metadata.resourceVersion", 0, "must be specified for an update")
            raise errors.invalid_object(kind.group, kind.kind, name, [cause])

    def _keep(self, kind: Kind, obj: Obj, old: Obj) -> Obj:
        meta = {key: value for key, value in obj["metadata"].items() if key not in NEVER_CHANGES}
        meta.update({key: old["metadata"][key] for key in NEVER_CHANGES if key in old["metadata"]})
        kept = {**obj, "metadata": meta}
        if "status" in kind.subresources:
            kept.pop("status", None)
            if "status" in old:
                kept["status"] = thaw(old["status"])
        return kept

    def _status_only(self, obj: Obj, old: Obj) -> Obj:
        kept: Obj = thaw(old)
        if "status" in obj:
            kept["status"] = obj["status"]
        return kept

    def _generation(self, kind: Kind, obj: Obj, old: Obj | None) -> None:
        if kind.stored_as in WITHOUT_GENERATION:
            return
        if old is None:
            obj["metadata"]["generation"] = 1
            return
        skipped = ("metadata", "status", "apiVersion", "kind")
        if {k: v for k, v in obj.items() if k not in skipped} != {k: v for k, v in old.items() if k not in skipped}:
            obj["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1

    def _finish(self, kind: Kind, obj: Obj) -> Obj:
        """Remove an object whose last finalizer has just gone."""
        waiting = obj["metadata"].get("finalizers") or dig(obj, "spec", "finalizers")
        graceful = kind.resource == "pods" and obj["metadata"].get("deletionGracePeriodSeconds", 0) > 0
        if deleting(obj) and not waiting and not graceful:
            return self.store.remove(kind.stored_as, obj["metadata"].get("namespace", ""), name_of(obj))
        return obj

    def delete_all(self, kind: Kind, namespace: str, chosen: Iterable[Obj], options: Options) -> list[Obj]:
        """Delete a collection; gives what was there."""
        deleted = []
        for obj in list(chosen):
            try:
                self.delete(kind, obj["metadata"].get("namespace", namespace), name_of(obj), replace(options, uid=None))
            except Refused as refused:
                if refused.reason != "NotFound":
                    raise
            deleted.append(obj)
        return deleted


def _name(kind: Kind, namespace: str, meta: Obj) -> None:
    """Give a new object its place, its name and its identity."""
    if kind.namespaced and meta.setdefault("namespace", namespace) != namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if not kind.namespaced:
        meta.pop("namespace", None)
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = str(meta["generateName"])[:NAME_ROOM] + suffix()
    for key in (*NEVER_GIVEN, "resourceVersion", "managedFields"):
        meta.pop(key, None)
    meta.update(uid=new_uid(), creationTimestamp=stamp())
