"""Waiting survives dropped watches, and absence is proven only by a watch that delivers."""

import json
from typing import Any

import pytest

from conformance.cluster import api, errors, waiting
from tests.cluster_edge.conftest import Script

Object = dict[str, Any]


def _event(kind: str, version: str, **more: Any) -> bytes:
    metadata = {"name": "a", "uid": "u", "resourceVersion": version, **more}
    return json.dumps({"type": kind, "object": {"metadata": metadata}}).encode() + b"\n"


def _watch(server: api.Api) -> list[tuple[str, str]]:
    return [(k, o["metadata"]["resourceVersion"]) for k, o in server.watch("/x", version="1", seconds=5)]


def test_an_event_that_is_split_over_chunks_is_one_event(script: Script, server: api.Api) -> None:
    data = _event("MODIFIED", "2")
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (data[:9], data[9:])) + b"0\r\n\r\n"
    script.say(200, chunks, Transfer_Encoding="chunked", Content_Length="")
    assert _watch(server) == [("MODIFIED", "2")]


@pytest.mark.parametrize("line", [b"not json\n", b"[]\n", b'{"type": "ADDED", "object": []}\n', b'{"type": 1}\n'])
def test_an_event_that_is_none_breaks_the_watch(script: Script, server: api.Api, line: bytes) -> None:
    script.say(200, line)
    with pytest.raises(errors.Unavailable):
        _watch(server)


@pytest.mark.parametrize(("code", "kind"), [(410, errors.Gone), ("x", errors.Unavailable), (None, errors.Unavailable)])
def test_an_error_event_has_the_class_of_its_status(
    script: Script, server: api.Api, code: object, kind: type[errors.ApiError]
) -> None:
    script.say(200, json.dumps({"type": "ERROR", "object": {"code": code}}).encode() + b"\n")
    with pytest.raises(kind):
        _watch(server)


OBJ: Object = {"metadata": {"name": "a", "uid": "u", "resourceVersion": "1"}}


def _state(obj: Object) -> str | None:
    found: str | None = obj["metadata"].get("state")
    return found


def test_a_wait_goes_on_after_a_drop_from_the_last_version(script: Script, server: api.Api) -> None:
    script.say(200, OBJ)
    script.say(200, _event("MODIFIED", "5") + _event("BOOKMARK", "7"))
    script.say(500)
    script.say(200, _event("MODIFIED", "9", state="done"))
    assert waiting.wait_for(server, "/x", "a", _state, limit=60, what="it") == "done"
    assert "resourceVersion=7" in script.asked[-1]


def test_a_wait_starts_over_where_history_is_lost(script: Script, server: api.Api) -> None:
    script.say(200, OBJ)
    script.say(410)
    script.say(200, {"metadata": {**OBJ["metadata"], "state": "done"}})
    assert waiting.wait_for(server, "/x", "a", _state, limit=60, what="it") == "done"


def test_a_wait_that_runs_out_says_what_was_seen_last(script: Script, server: api.Api) -> None:
    for _ in range(2):
        script.say(200, OBJ)
    with pytest.raises(errors.WaitTimeout, match="seen last: nothing new"):
        waiting.wait_for(server, "/x", "a", _state, limit=0, what="it", show=lambda _o: "nothing new")


def test_another_object_of_the_same_name_counts_as_gone(script: Script, server: api.Api) -> None:
    script.say(200, OBJ)
    waiting.wait_gone(server, "/x", "a", uid="other", limit=60)
    assert len(script.asked) == 1


def _absent(server: api.Api, seconds: float = 0.0) -> tuple[str | None, float, int]:
    return waiting.stays(server, "/x", OBJ, _state, seconds=seconds, what="it")


def test_a_state_that_came_and_went_breaks_the_proof_of_absence(script: Script, server: api.Api) -> None:
    script.say(200, _event("MODIFIED", "2", state="there") + _event("MODIFIED", "3"))
    assert _absent(server, 60)[0] == "there"


def test_lost_history_is_no_proof_of_absence(script: Script, server: api.Api) -> None:
    script.say(410)
    with pytest.raises(waiting.HistoryLost):
        _absent(server, 60)


def test_absence_is_proven_only_once_the_mark_arrives(
    script: Script, server: api.Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.cluster.waiting.time.time_ns", lambda: 42)
    script.say(200, OBJ)
    script.say(
        200, _event("MODIFIED", "2", annotations=None) + _event("MODIFIED", "3", annotations={waiting.MARK: "42"})
    )
    assert _absent(server)[0] is None
    assert script.asked[0] == "PATCH /x/a"
