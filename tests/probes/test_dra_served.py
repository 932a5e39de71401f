"""What a server drops, refuses or grants: only the answer to what was sent says whether a field is served."""

from collections.abc import Callable
from typing import Any

import pytest

from conformance.cluster import Settings, errors
from conformance.evidence import Evidence
from conformance.probes.dra import served
from conformance.probes.dra.admin import LABEL, AdminAccess
from conformance.verdicts import Failure, NotApplicable, Unknown, Unverified

Object = dict[str, Any]
PLAIN: Object = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "spec": {"a": 1}}
MORE: Object = {**PLAIN, "spec": {"a": 1, "more": {"memory": "1024Mi"}}}
INVALID = errors.Invalid(422, "Invalid", "no")


class FakeApi:
    """Answers dry runs by a function of namespace and object."""

    def __init__(
        self, answer: Callable[[str, Object], Object], labels: dict[str, str] | Exception | None = None
    ) -> None:
        self.answer, self.labels = answer, labels

    def create(self, path: str, obj: Object, *, dry_run: bool) -> Object:
        assert dry_run, "nothing is stored"
        return self.answer(path, obj)

    def get(self, _path: str) -> Object:
        if isinstance(self.labels, Exception):
            raise self.labels
        return {"metadata": {"labels": self.labels or {}}}


class FakeSandbox:
    """As much of a sandbox as dry runs need."""

    def __init__(self, api: FakeApi, given: str | None = None) -> None:
        self.api, self.evidence, self.settings = api, Evidence(), Settings(run_id="r", namespace=given)

    def namespace(self) -> str:
        return "plain"

    def labelled_namespace(self, _suffix: str, labels: dict[str, str]) -> str:
        assert labels == {LABEL: "true"}
        return "labelled"

    def name(self, name: str) -> str:
        return name

    def path(self, plural: str, *, namespace: str = "plain", group_version: str = "") -> str:
        return f"/apis/{group_version}/namespaces/{namespace}/{plural}"


def keep(answer: Callable[[str, Object], Object]) -> None:
    served.must_keep(FakeSandbox(FakeApi(answer)), "/x", MORE, PLAIN, "more")  # type: ignore[arg-type]


def test_a_field_that_comes_back_is_served_also_as_another_form_of_a_quantity() -> None:
    keep(lambda _path, _obj: {"spec": {"a": 1, "more": {"memory": "1Gi"}, "added": True}})


def test_a_field_that_does_not_come_back_is_not_applicable_with_field_and_version() -> None:
    with pytest.raises(NotApplicable, match=r"resource\.k8s\.io/v1 drops more"):
        keep(lambda _path, _obj: {"spec": {"a": 1}})


def test_a_field_that_is_refused_is_not_applicable_where_the_object_without_it_is_taken() -> None:
    def refuses(_path: str, obj: Object) -> Object:
        if "more" in obj["spec"]:
            raise INVALID
        return obj

    with pytest.raises(NotApplicable, match="without it is taken"):
        keep(refuses)


def test_a_server_that_refuses_everything_proves_nothing() -> None:
    def refuses(_path: str, _obj: Object) -> Object:
        raise INVALID

    with pytest.raises(Unverified):
        keep(refuses)


def has_admin(obj: Object) -> bool:
    return "'adminAccess': True" in str(obj)


def as_kubernetes(path: str, obj: Object) -> Object:
    """Admin access only in the labelled namespace."""
    if has_admin(obj) and "/labelled/" not in path:
        raise INVALID
    return obj


def access(answer: Callable[[str, Object], Object], given: str | None = None, **more: Any) -> AdminAccess:
    return AdminAccess(FakeSandbox(FakeApi(answer, **more), given), "v1")  # type: ignore[arg-type]


def test_admin_access_is_refused_without_the_label_and_taken_with_it() -> None:
    found = access(as_kubernetes)
    found.is_refused()
    assert found.is_served()


def test_admin_access_that_only_templates_are_granted_fails() -> None:
    def careless(path: str, obj: Object) -> Object:
        return obj if "templates" in path else as_kubernetes(path, obj)

    with pytest.raises(Failure, match="admin_access_granted"):
        access(careless).is_refused()


def test_a_refusal_of_every_claim_is_no_refusal_of_admin_access() -> None:
    def refuses(_path: str, _obj: Object) -> Object:
        raise INVALID

    with pytest.raises(Unverified):
        access(refuses).is_refused()


def test_where_admin_access_is_forbidden_everywhere_the_label_was_not_seen_to_matter() -> None:
    def strict(_path: str, obj: Object) -> Object:
        if has_admin(obj):
            raise errors.Forbidden(403, "Forbidden", "policy")
        return obj

    found = access(strict)
    found.is_refused()
    assert not found.is_served()


def test_a_given_namespace_that_has_the_label_or_hides_its_labels_makes_a_grant_unknown() -> None:
    for labels in ({LABEL: "true"}, errors.Forbidden(403, "Forbidden", "no")):
        with pytest.raises(Unknown):
            access(lambda _path, obj: obj, "given", labels=labels).is_refused()
    with pytest.raises(Failure):
        access(lambda _path, obj: obj, "given", labels={}).is_refused()


def test_a_server_without_dra_has_no_admin_access() -> None:
    with pytest.raises(NotApplicable):
        AdminAccess(FakeSandbox(FakeApi(as_kubernetes)), None)  # type: ignore[arg-type]
