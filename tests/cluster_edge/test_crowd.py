"""Many objects on one watch: what happens to any of them is seen, and silence proves nothing."""

import json
from typing import Any

import pytest

from conformance.cluster import api, errors, waiting
from conformance.cluster.crowd import Crowd, Members
from tests.cluster_edge.conftest import Script

Object = dict[str, Any]


def _pod(name: str, version: str, **meta: Any) -> Object:
    return {"metadata": {"name": name, "uid": name, "resourceVersion": version, **meta}}


def _list(*items: Object, version: str = "10") -> Object:
    return {"metadata": {"resourceVersion": version}, "items": list(items)}


def _event(kind: str, obj: Object) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


def _bound(members: Members) -> str | None:
    found = [name for name, obj in members.items() if obj["metadata"].get("bound")]
    return f"{', '.join(found)} bound" if found else None


def test_a_wait_sees_what_comes_to_be_and_asks_for_the_selection_only(script: Script, server: api.Api) -> None:
    script.say(200, _list(_pod("a", "1")))
    script.say(200, _event("ADDED", _pod("b", "11", bound=True)))

    assert Crowd(server, "/x", "gang=1").until(_bound, limit=60, what="it") == "b bound"
    assert all("labelSelector=gang%3D1" in asked for asked in script.asked)
    assert "resourceVersion=10" in script.asked[1]


def test_what_is_deleted_is_no_member_any_more(script: Script, server: api.Api) -> None:
    script.say(200, _list(_pod("a", "1"), _pod("b", "2")))
    script.say(200, _event("DELETED", _pod("a", "11")))
    crowd = Crowd(server, "/x", "gang=1")

    assert crowd.until(lambda m: sorted(m) if len(m) == 1 else None, limit=60, what="it") == ["b"]


def test_a_wait_reads_afresh_where_history_is_lost(script: Script, server: api.Api) -> None:
    script.say(200, _list(_pod("a", "1")))
    script.say(410)
    script.say(200, _list(_pod("a", "20", bound=True), version="20"))

    assert Crowd(server, "/x", "gang=1").until(_bound, limit=60, what="it") == "a bound"


def test_a_wait_that_runs_out_has_looked_afresh_and_says_what_it_saw(script: Script, server: api.Api) -> None:
    for _ in range(2):
        script.say(200, _list(_pod("a", "1")))

    with pytest.raises(errors.WaitTimeout, match="seen last: 1 there"):
        Crowd(server, "/x", "gang=1").until(_bound, limit=0, what="it", show=lambda m: f"{len(m)} there")
    assert len(script.asked) == 2


def _stays(script: Script, server: api.Api, seconds: float) -> tuple[str | None, float, int]:
    script.answers.insert(0, (200, json.dumps(_list(_pod("a", "1"), _pod("b", "2"))).encode(), {}))
    return Crowd(server, "/x", "gang=1").stays(_bound, seconds=seconds, what="it")


def test_a_member_that_was_bound_for_a_moment_breaks_the_absence(script: Script, server: api.Api) -> None:
    script.say(200, _event("MODIFIED", _pod("b", "11", bound=True)) + _event("MODIFIED", _pod("b", "12")))

    assert _stays(script, server, 60)[0] == "b bound"


def test_a_new_member_breaks_the_absence_too(script: Script, server: api.Api) -> None:
    script.say(200, _event("ADDED", _pod("c", "11", bound=True)))

    assert _stays(script, server, 60)[0] == "c bound"


def test_lost_history_proves_no_absence(script: Script, server: api.Api) -> None:
    script.say(410)

    with pytest.raises(waiting.HistoryLost):
        _stays(script, server, 60)


def test_absence_is_proven_once_the_mark_on_a_member_arrives(
    script: Script, server: api.Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.cluster.crowd.time.time_ns", lambda: 42)
    script.say(200, _pod("a", "11"))
    other = _event("MODIFIED", _pod("b", "11", annotations={waiting.MARK: "42"}))
    script.say(200, other + _event("MODIFIED", _pod("a", "12", annotations={waiting.MARK: "42"})))

    assert _stays(script, server, 0)[0] is None
    assert script.asked[1] == "PATCH /x/a"


def test_what_happens_before_the_mark_arrives_still_counts(
    script: Script, server: api.Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.cluster.crowd.time.time_ns", lambda: 42)
    script.say(200, _pod("a", "11"))
    script.say(
        200,
        _event("MODIFIED", _pod("b", "11", bound=True))
        + _event("MODIFIED", _pod("a", "12", annotations={waiting.MARK: "42"})),
    )

    assert _stays(script, server, 0)[0] == "b bound"


def test_nothing_to_watch_proves_nothing(script: Script, server: api.Api) -> None:
    script.say(200, _list())

    with pytest.raises(ValueError, match="nothing to watch"):
        Crowd(server, "/x", "gang=1").stays(_bound, seconds=0, what="it")
