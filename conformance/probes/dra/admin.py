"""Admin access, which sees devices that others hold: refused in a namespace that is not labelled for it (KEP-5018).

Only dry runs: no claim with admin access is ever stored.
"""

from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.probes import claims, crud
from conformance.probes.dra import shapes
from conformance.probes.sandbox import Sandbox
from conformance.verdicts import Failure, NotApplicable, Unknown, Unverified

LABEL = "resource.kubernetes.io/admin-access"
FIELD = "adminAccess"


class AdminAccess:
    """Claims and templates with ``adminAccess``, sent as dry runs to namespaces of ours."""

    def __init__(self, sandbox: Sandbox, version: str | None) -> None:
        if version is None:
            raise NotApplicable(f"no version of {claims.GROUP} is served", code="type_not_served")
        self._sandbox, self._version = sandbox, version
        self._plain = sandbox.namespace()

    def is_refused(self) -> None:
        """Each type is refused with the field and taken without it, in the namespace without the label.

        ``NotApplicable`` where the server drops the field, which asks for nothing then.
        """
        for plural in ("resourceclaims", "resourceclaimtemplates"):
            self._send(plural, self._plain, admin=False)
            try:
                answer = self._send(plural, self._plain, admin=True)
            except (errors.Invalid, errors.Forbidden, errors.BadRequest) as error:
                self._tell(plural, self._plain, "a refusal", str(error))
                continue
            if self._kept(answer, plural):
                self._is_unlabelled()
                raise Failure(
                    "admin_access_granted",
                    observed=f"{plural} with {FIELD} in namespace {self._plain}, which has no label {LABEL}: accepted (dry run)",
                    expected="the server refuses it",
                )
            seen = f"{claims.GROUP}/{self._version} drops {FIELD} of {plural}: what was sent as a dry run came back without it"
            raise NotApplicable(seen, code="field_not_served")

    def _is_unlabelled(self) -> None:
        """``Unknown`` where admin access was granted in a namespace that was given and is labelled for it, or may be."""
        if not self._sandbox.settings.namespace:
            return
        try:
            found = self._sandbox.api.get(f"/api/v1/namespaces/{self._plain}")
        except errors.Forbidden as error:
            seen = f"{FIELD} is taken in namespace {self._plain}, whose labels cannot be read: {error.message}"
            raise Unknown(seen, code="forbidden") from error
        if (found["metadata"].get("labels") or {}).get(LABEL) == "true":
            raise Unknown(f"namespace {self._plain} is labelled for admin access", code="labelled_namespace")

    def is_served(self) -> bool:
        """Whether the same is taken, with the field, in a namespace of ours that has the label.

        ``NotApplicable`` where the server does not know the field. False where no such namespace can be made, or where
        something forbids admin access there as well.
        """
        if self._sandbox.settings.namespace:
            self._tell(
                "resourceclaims", self._plain, "a labelled namespace", "none: the run works in one that was given"
            )
            return False
        labelled = self._sandbox.labelled_namespace("admin", {LABEL: "true"})
        try:
            answer = self._send("resourceclaims", labelled, admin=True)
        except errors.BadRequest as error:
            seen = f"{claims.GROUP}/{self._version} does not know {FIELD}: {error}"
            raise NotApplicable(seen, code="field_not_served") from error
        except (errors.Invalid, errors.Forbidden) as error:
            self._tell("resourceclaims", labelled, "accepted", f"refused there too: {error}")
            return False
        kept = self._kept(answer, "resourceclaims")
        self._tell("resourceclaims", labelled, "accepted with the field", f"accepted, field kept: {kept}")
        if not kept:
            raise NotApplicable(f"{claims.GROUP}/{self._version} drops {FIELD}", code="field_not_served")
        return True

    def _send(self, plural: str, namespace: str, *, admin: bool) -> Object:
        more = {FIELD: True} if admin else {}
        asked = shapes.form("kube-ai-conformance.dev", (), **more)
        spec = shapes.spec(shapes.exactly(self._version, claims.REQUEST, asked))
        make = claims.claim if plural == "resourceclaims" else claims.template
        body = make(self._version, self._sandbox.name("admin"), spec)
        path = self._sandbox.path(plural, namespace=namespace, group_version=f"{claims.GROUP}/{self._version}")
        try:
            return self._sandbox.api.create(path, body, dry_run=True)
        except (errors.Invalid, errors.Forbidden, errors.BadRequest) as error:
            if admin:
                raise
            seen = f"{plural} without {FIELD} are refused in {namespace}: {error}"
            raise Unverified(seen, code="create_refused") from error

    def _kept(self, answer: Object, plural: str) -> bool:
        spec = answer.get("spec") or {}
        asked = {FIELD: True} if self._version == shapes.FLAT else {"exactly": {FIELD: True}}
        found = spec if plural == "resourceclaims" else spec.get("spec") or {}
        return crud.missing({"devices": {"requests": [asked]}}, found) is None

    def _tell(self, plural: str, namespace: str, expected: str, observed: str) -> None:
        self._sandbox.evidence.step(
            f"sent {plural} with {FIELD} (dry run)", expected=expected, observed=observed, obj=f"Namespace {namespace}"
        )
