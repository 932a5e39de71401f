"""Create, update, list, patch and delete of one API type, each seen by reading back (KAR 0051)."""

from collections.abc import Callable
from functools import partial

from conformance.cluster import errors, waiting
from conformance.cluster.api import Object
from conformance.cluster.discovery import Discovery
from conformance.inventory.amounts import amount
from conformance.inventory.by_dra import GROUP
from conformance.probes import names, samples
from conformance.probes.sandbox import Sandbox
from conformance.verdicts import Failure

_DELETE_SECONDS = 30.0
_UPDATE_TRIES = 5
_UPDATED = "kube-ai-conformance.dev/updated"
_PATCHED = "kube-ai-conformance.dev/patched"


class Crud:
    """The verbs on one type of resource.k8s.io, with an object that harms nobody."""

    def __init__(self, sandbox: Sandbox, version: str | None, plural: str) -> None:
        self._sandbox, self.plural = sandbox, plural
        self._group_version = f"{GROUP}/{version}" if version else GROUP
        served = Discovery(sandbox.api).resources(self._group_version) if version else {}
        if plural not in served:
            raise self._broken("type_not_served", "the type is served", "discovery does not list it")
        self._namespaced = served[plural].namespaced
        name = f"kac-{sandbox.labels[names.RUN_LABEL]}-{plural}"[:63]
        self._sample = samples.sample(plural, str(version), name)

    @property
    def collection(self) -> str:
        """Path of the type, in the check's namespace where it is namespaced."""
        if self._namespaced:
            return self._sandbox.path(self.plural, group_version=self._group_version)
        return f"/apis/{self._group_version}/{self.plural}"

    def create(self) -> Object:
        """Create the object and read it back."""
        try:
            if self._namespaced:
                made = self._sandbox.create(self.plural, self._sample.valid, group_version=self._group_version)
            else:
                made = self._sandbox.create_cluster_scoped(self.collection, self._sample.valid)
        except (errors.Invalid, errors.BadRequest, errors.MethodNotAllowed, errors.NotFound) as error:
            raise self._broken("create_refused", "create a valid object", str(error)) from error
        dropped = missing(self._sample.valid["spec"], self._read(made).get("spec"))
        if dropped:
            raise self._broken(
                "field_dropped", "every field that was sent is stored", f"spec{dropped} is not what was sent"
            )
        self._seen("created and read back", made)
        return made

    def invalid_is_refused(self) -> None:
        """Send an invalid object as a dry run: it must be refused as invalid."""
        what = f"{self._sample.flaw} is refused"
        try:
            self._sandbox.api.create(self.collection, self._sample.invalid, dry_run=True)
        except (errors.Invalid, errors.BadRequest) as error:
            self._sandbox.evidence.step("sent an invalid object (dry run)", expected=what, observed=str(error))
            return
        raise self._broken("invalid_object_accepted", what, "it was accepted")

    def update(self, made: Object) -> None:
        """Replace the object with one more label; where somebody else wrote meanwhile, read and replace again."""
        for attempt in range(_UPDATE_TRIES):
            changed = self._read(made)
            changed["metadata"].setdefault("labels", {})[_UPDATED] = "true"
            try:
                self._verb("update", partial(self._sandbox.api.update, self._path(made), changed))
                break
            except errors.Conflict:
                if attempt == _UPDATE_TRIES - 1:
                    raise
        self._must_have(made, _UPDATED, "update")

    def patch(self, made: Object) -> None:
        """Add a label by merge patch."""
        body = {"metadata": {"labels": {_PATCHED: "true"}}}
        self._verb("patch", lambda: self._sandbox.api.patch(self._path(made), body))
        self._must_have(made, _PATCHED, "patch")

    def listed(self, made: Object) -> None:
        """Find the object in a list by the run's label, and not in one by a label that it does not have."""
        api, run = self._sandbox.api, self._sandbox.labels[names.RUN_LABEL]
        found = {
            item["metadata"]["uid"] for item in api.list(self.collection, label_selector=f"{names.RUN_LABEL}={run}")
        }
        other = {
            item["metadata"]["uid"] for item in api.list(self.collection, label_selector=f"{names.RUN_LABEL}=not-{run}")
        }
        uid = made["metadata"]["uid"]
        if uid not in found or uid in other:
            seen = f"with its label: {uid in found}; with another label: {uid in other}"
            raise self._broken("list_wrong", "the list has the object by its label only", seen)
        self._seen("listed", made)

    def delete(self, made: Object) -> None:
        """Delete the object and see that it is gone."""
        name, uid = made["metadata"]["name"], made["metadata"]["uid"]
        self._verb("delete", lambda: self._sandbox.api.delete(self._path(made), uid=uid))
        limit = self._sandbox.deciding(_DELETE_SECONDS)
        try:
            waiting.wait_gone(self._sandbox.api, self.collection, name, uid=uid, limit=limit)
        except errors.WaitTimeout as error:
            raise self._broken("not_deleted", "the object is gone after deletion", str(error)) from error
        self._seen("deleted", made)

    def _path(self, made: Object) -> str:
        return f"{self.collection}/{made['metadata']['name']}"

    def _read(self, made: Object) -> Object:
        return self._sandbox.api.get(self._path(made))

    def _verb(self, verb: str, act: Callable[[], object]) -> None:
        try:
            act()
        except (errors.Invalid, errors.BadRequest, errors.MethodNotAllowed, errors.NotFound) as error:
            raise self._broken(f"{verb}_refused", f"{verb} of a valid object", str(error)) from error

    def _must_have(self, made: Object, label: str, verb: str) -> None:
        labels = self._read(made)["metadata"].get("labels") or {}
        if labels.get(label) != "true":
            raise self._broken("change_lost", f"label {label} after {verb}", f"labels {sorted(labels)}")
        self._seen(f"{verb} read back", made)

    def _seen(self, what: str, made: Object) -> None:
        metadata = made["metadata"]
        self._sandbox.evidence.step(what, observed=f"uid {metadata['uid']}", obj=f"{made['kind']} {metadata['name']}")

    def _broken(self, code: str, expected: str, observed: str) -> Failure:
        return Failure(code, observed=f"{self._group_version} {self.plural}: {observed}", expected=expected)


def missing(sent: object, stored: object, path: str = "") -> str | None:
    """Path of the first value that was sent and is not stored, or None; what the server adds does not count.

    A quantity may be stored in another form.
    """
    if isinstance(sent, dict):
        there = stored if isinstance(stored, dict) else {}
        found = (missing(value, there.get(key), f"{path}.{key}") for key, value in sent.items())
        return next((place for place in found if place), None)
    if isinstance(sent, list):
        if not isinstance(stored, list) or len(stored) != len(sent):
            return path
        found = (missing(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(sent, stored, strict=True)))
        return next((place for place in found if place), None)
    same = sent == stored or (isinstance(sent, str) and amount(sent) is not None and amount(sent) == amount(stored))
    return None if same else path
