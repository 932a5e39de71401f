"""What the API server answers wrongly becomes one class of error, and only what is safe is sent again."""

import json
from typing import Any

import pytest

from conformance.cluster import access, api, discovery, errors, transport
from tests.cluster_edge.conftest import Script

Object = dict[str, Any]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequest),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (405, errors.MethodNotAllowed),
        (409, errors.Conflict),
        (410, errors.Gone),
        (422, errors.Invalid),
        (418, errors.ApiError),
    ],
)
def test_a_refusal_has_its_class_and_is_not_repeated(
    script: Script, server: api.Api, status: int, kind: type[errors.ApiError]
) -> None:
    script.say(status, {"reason": "R", "message": "M", "details": None})
    with pytest.raises(errors.ApiError) as raised:
        server.get("/x")
    assert type(raised.value) is kind
    assert (raised.value.status, raised.value.reason, raised.value.message) == (status, "R", "M")
    assert len(script.asked) == 1


def test_an_object_that_exists_is_told_from_another_conflict() -> None:
    assert isinstance(errors.from_answer(409, b'{"reason": "AlreadyExists"}'), errors.AlreadyExists)


def test_an_invalid_object_without_details_has_no_causes() -> None:
    found = errors.from_answer(422, b'{"details": null}')
    assert isinstance(found, errors.Invalid)
    assert found.causes == []


WEBHOOK = {"message": 'admission webhook "x.example.com" denied the request: no'}
POLICY = {"reason": "Invalid", "details": {"name": "p", "causes": [{"message": "no root"}]}}
BAD_REQUEST = {"reason": "BadRequest", "message": "strict decoding error"}
FIELD = {"reason": "FieldValueInvalid", "field": "spec", "message": "no"}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, WEBHOOK, errors.Denied),
        (422, POLICY, errors.Denied),
        (400, BAD_REQUEST, errors.BadRequest),
        (422, {"reason": "Invalid", "details": {"causes": [FIELD]}}, errors.Invalid),
        (422, {"reason": "Invalid", "details": {"causes": [{"message": "m"}, FIELD]}}, errors.Invalid),
        (422, {"reason": "Invalid", "details": {"causes": []}}, errors.Invalid),
        (422, {"reason": "Invalid", "details": {"causes": ["odd"]}}, errors.Invalid),
    ],
)
def test_admission_that_denies_is_told_from_validation(
    status: int, body: dict[str, Any], kind: type[errors.ApiError]
) -> None:
    answer = json.dumps({"kind": "Status", **body}).encode()
    assert type(errors.from_answer(status, answer)) is kind


def test_an_answer_that_is_no_status_is_no_denial() -> None:
    assert type(errors.from_answer(400, b'{"message": "proxy"}')) is errors.BadRequest


@pytest.mark.parametrize("body", [b"<html>", b'"text"', b"[]", b"[" * 200_000])
def test_an_answer_that_is_no_object_is_unavailable(script: Script, server: api.Api, body: bytes) -> None:
    for _ in range(2):
        script.say(200, body)
    with pytest.raises(errors.Unavailable):
        server.get("/x")


def test_an_answer_that_is_too_large_is_refused(
    script: Script, server: api.Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "BODY_LIMIT", 10)
    script.say(200, b"x" * 11)
    with pytest.raises(errors.ApiError) as raised:
        server.get("/x")
    assert raised.value.reason == "TooLarge"


def test_a_body_that_breaks_off_is_read_again(script: Script, server: api.Api) -> None:
    script.say(200, b"{", Content_Length="100", Connection="close")
    script.say(200, {"kind": "X"})
    assert server.get("/x") == {"kind": "X"}


def test_a_read_is_repeated_after_a_server_error(script: Script, server: api.Api, pauses: list[float]) -> None:
    script.say(500)
    script.say(503)
    script.say(200, {"kind": "X"})
    assert server.get("/x") == {"kind": "X"}
    assert pauses == [0.2, 0.4]
    assert server.counters.retries == 2


@pytest.mark.parametrize(("said", "waited"), [("3", 3.0), ("99999999999", 5.0), ("soon", 0.2), ("²", 0.2)])
def test_too_many_requests_wait_as_long_as_the_server_asks_within_bounds(
    script: Script, server: api.Api, pauses: list[float], said: str, waited: float
) -> None:
    script.say(429, {"details": None}, Retry_After=said)
    script.say(201, {"kind": "X"})
    server.create("/x", {"metadata": {"generateName": "a-"}})
    assert pauses == [waited]


@pytest.mark.parametrize("asked", ["x", None, [], -1, float("nan")])
def test_a_delay_that_makes_no_sense_is_the_usual_one(asked: object) -> None:
    body = {"details": {"retryAfterSeconds": asked}}
    assert transport._delay(0, errors.TooManyRequests(429, "", "", body=body)) == 0.2


def test_a_create_without_a_fixed_name_is_never_sent_twice(script: Script, server: api.Api) -> None:
    script.say(500)
    with pytest.raises(errors.Unavailable):
        server.create("/x", {"metadata": {"generateName": "a-"}})
    assert len(script.asked) == 1


def test_a_create_that_was_carried_out_is_found_and_not_sent_again(script: Script, server: api.Api) -> None:
    script.say(500)
    script.say(200, {"metadata": {"name": "a", "uid": "1"}})
    assert server.create("/x", {"metadata": {"name": "a"}})["metadata"]["uid"] == "1"
    assert [line.split("?")[0] for line in script.asked] == ["POST /x", "GET /x/a"]


def test_a_list_is_read_to_its_last_page(script: Script, server: api.Api) -> None:
    script.say(200, {"items": [{"n": 1}], "metadata": {"continue": "t"}})
    script.say(200, {"items": None})
    assert server.list("/x") == [{"n": 1}]
    assert "continue=t" in script.asked[1]


def test_a_list_that_never_ends_is_unavailable(script: Script, server: api.Api) -> None:
    for _ in range(2):
        script.say(200, {"items": [], "metadata": {"continue": "t"}})
    with pytest.raises(errors.Unavailable):
        server.list("/x")


@pytest.mark.parametrize(
    ("need", "wanted"),
    [
        ("create pods", {"verb": "create", "resource": "pods", "group": ""}),
        ("get pods/log", {"verb": "get", "resource": "pods", "group": "", "subresource": "log"}),
        ("list a.b.io/status", {"verb": "list", "resource": "a", "group": "b.io", "subresource": "status"}),
    ],
)
def test_a_permission_is_read_as_verb_group_resource_and_subresource(need: str, wanted: Object) -> None:
    assert access.attributes(need, None) == wanted
    assert access.attributes(need, "ns") == wanted | {"namespace": "ns"}


def test_stable_versions_come_before_beta_and_beta_before_alpha() -> None:
    found = ["v1alpha3", "v1beta1", "odd", "v1", "v1beta2", "v2alpha1", "v10"]
    ranked = sorted(found, key=discovery.rank, reverse=True)
    assert ranked == ["v10", "v1", "v1beta2", "v1beta1", "v2alpha1", "v1alpha3", "odd"]
