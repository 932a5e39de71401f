"""A run that lives is never swept, a dead one leaves nothing, and what is not ours is not touched."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from conformance.cluster import errors, waiting
from conformance.run import sweep
from conformance.run.home import LEASE_SECONDS, Home, clock_of, offset
from tests.conftest import SERVED

if TYPE_CHECKING:
    from tests.conftest import FakeApi

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OLD = NOW - timedelta(seconds=2 * LEASE_SECONDS)
RUN = "kube-ai-conformance.dev/run"
LEASES = "/apis/coordination.k8s.io/v1/namespaces"


def _of(run: str) -> dict[str, dict[str, str]]:
    return {"labels": {RUN: run}}


def _run(api: "FakeApi", run: str, renewed: datetime | None, *, made: datetime = OLD) -> None:
    """What a run has on a cluster: home, one check's namespace, one cluster-scoped object."""
    for name in (f"ai-conformance-{run}", f"ai-conformance-{run}-abcd"):
        api.put(f"/api/v1/namespaces/{name}", created=made, metadata=_of(run))
    api.put(f"/apis/resource.k8s.io/v1/deviceclasses/{run}", created=made, metadata=_of(run))
    if renewed:
        spec = {"renewTime": renewed.isoformat(), "leaseDurationSeconds": LEASE_SECONDS}
        api.put(f"{LEASES}/ai-conformance-{run}/leases/run", created=made, metadata=_of(run), spec=spec)


def test_what_is_not_ours_is_not_touched(fake_api: "FakeApi") -> None:
    fake_api.put("/api/v1/namespaces/ai-conformance-lookalike", created=OLD)
    fake_api.put("/apis/resource.k8s.io/v1/deviceclasses/gpu", created=OLD)

    assert not sweep.sweep(fake_api, now=NOW).deleted  # type: ignore[arg-type]
    assert not fake_api.deleted


def test_a_run_that_renews_its_lease_is_left_alone(fake_api: "FakeApi") -> None:
    _run(fake_api, "alive", NOW - timedelta(seconds=LEASE_SECONDS - 1))

    result = sweep.sweep(fake_api, now=NOW)  # type: ignore[arg-type]

    assert (result.deleted, result.alive) == ([], {"alive"})


def test_a_run_whose_lease_has_expired_leaves_nothing(fake_api: "FakeApi") -> None:
    _run(fake_api, "dead", OLD)

    result = sweep.sweep(fake_api, now=NOW)  # type: ignore[arg-type]

    assert len(result.deleted) == 3
    assert not [path for path in fake_api.objects if "leases" not in path]


def test_without_a_lease_only_what_is_older_than_a_lease_is_dead(fake_api: "FakeApi") -> None:
    _run(fake_api, "dead", None)
    _run(fake_api, "begins", None, made=NOW - timedelta(seconds=5))

    result = sweep.sweep(fake_api, now=NOW)  # type: ignore[arg-type]

    assert result.alive == {"begins"}
    assert all("dead" in text for text in result.deleted)
    assert len(result.deleted) == 3


def test_a_live_run_in_a_shared_namespace_keeps_its_cluster_scoped_objects(fake_api: "FakeApi") -> None:
    fake_api.put("/apis/resource.k8s.io/v1/deviceclasses/x", created=OLD, metadata=_of("guest"))
    spec = {"renewTime": NOW.isoformat(), "leaseDurationSeconds": LEASE_SECONDS}
    fake_api.put(f"{LEASES}/shared/leases/ai-conformance-guest", metadata=_of("guest"), spec=spec)

    assert sweep.sweep(fake_api, now=NOW).alive == {"guest"}  # type: ignore[arg-type]


def test_a_taint_rule_is_swept_in_the_version_that_serves_it(
    fake_api: "FakeApi", monkeypatch: pytest.MonkeyPatch
) -> None:
    verbs = ["list", "delete"]
    rule = {"name": "devicetaintrules", "kind": "DeviceTaintRule", "namespaced": False, "verbs": verbs}
    versions = {"versions": [{"version": "v1beta2"}, {"version": "v1"}]}
    monkeypatch.setitem(SERVED, "/apis/resource.k8s.io", versions)
    monkeypatch.setitem(SERVED, "/apis/resource.k8s.io/v1beta2", {"resources": [rule]})
    path = "/apis/resource.k8s.io/v1beta2/devicetaintrules/kac-dead"
    fake_api.put(path, created=OLD, metadata=_of("dead"))

    assert len(sweep.sweep(fake_api, now=NOW).deleted) == 1  # type: ignore[arg-type]
    assert path not in fake_api.objects


def test_where_leases_cannot_be_listed_nothing_is_taken_for_dead(fake_api: "FakeApi") -> None:
    _run(fake_api, "dead", OLD)
    fake_api.forbidden.add("list /apis/coordination.k8s.io/v1/leases")

    result = sweep.sweep(fake_api, now=NOW)  # type: ignore[arg-type]

    assert not result.deleted
    assert "left alone" in result.notices[0]


def test_a_kind_that_cannot_be_listed_is_said_and_the_rest_is_swept(fake_api: "FakeApi") -> None:
    _run(fake_api, "dead", OLD)
    fake_api.forbidden.add("list /apis/resource.k8s.io/v1/deviceclasses")

    result = sweep.sweep(fake_api, now=NOW)  # type: ignore[arg-type]

    assert len(result.deleted) == 2
    assert result.notices == ["not looked for leftovers, for lack of permission: DeviceClass"]


def test_in_a_given_namespace_only_labelled_objects_go(fake_api: "FakeApi") -> None:
    fake_api.put("/api/v1/namespaces/shared/pods/ours", created=OLD, metadata=_of("dead"))
    fake_api.put("/api/v1/namespaces/shared/pods/theirs", created=OLD)
    fake_api.put("/apis/resource.k8s.io/v1/namespaces/shared/resourceclaims/ours", created=OLD, metadata=_of("dead"))

    sweep.sweep(fake_api, now=NOW, namespace="shared")  # type: ignore[arg-type]

    assert list(fake_api.objects) == ["/api/v1/namespaces/shared/pods/theirs"]


def test_what_cannot_be_deleted_is_named(fake_api: "FakeApi") -> None:
    fake_api.put("/apis/resource.k8s.io/v1/deviceclasses/x", created=OLD, metadata=_of("dead"))
    fake_api.forbidden.add("delete /apis/resource.k8s.io/v1/deviceclasses")

    failed = sweep.sweep(fake_api, now=NOW).failed  # type: ignore[arg-type]

    assert len(failed) == 1
    assert failed[0].startswith("DeviceClass x (uid-")


def test_a_home_is_there_while_the_run_lives_and_gone_afterwards(fake_api: "FakeApi") -> None:
    home = Home(fake_api, "r1", None)  # type: ignore[arg-type]
    home.open()
    lease = fake_api.get(f"{LEASES}/ai-conformance-r1/leases/run")
    before = lease["spec"]["renewTime"]
    home.renew()

    assert lease["metadata"]["labels"] == {RUN: "r1"}
    assert fake_api.get(f"{LEASES}/ai-conformance-r1/leases/run")["spec"]["renewTime"] > before
    assert home.close() == []
    assert not fake_api.objects


def test_a_home_in_a_given_namespace_never_deletes_that_namespace(fake_api: "FakeApi") -> None:
    fake_api.put("/api/v1/namespaces/shared")
    home = Home(fake_api, "r1", "shared")  # type: ignore[arg-type]
    home.open()

    assert home.close() == []
    assert list(fake_api.objects) == ["/api/v1/namespaces/shared"]


def test_a_lease_that_cannot_be_renewed_is_remembered_until_it_can(fake_api: "FakeApi") -> None:
    home = Home(fake_api, "r1", None)  # type: ignore[arg-type]
    home.open()
    fake_api.forbidden.add(f"patch {LEASES}/ai-conformance-r1/leases")
    home.renew()
    assert "could not be renewed" in home.lost

    fake_api.forbidden.clear()
    home.renew()
    assert not home.lost
    home.close()


def test_a_home_that_stays_is_a_leftover(fake_api: "FakeApi") -> None:
    home = Home(fake_api, "r1", None)  # type: ignore[arg-type]
    home.open()
    fake_api.forbidden.add("delete /api/v1/namespaces")

    left = home.close()

    assert len(left) == 1
    assert left[0].startswith("Namespace ai-conformance-r1 (uid-")


def test_times_are_written_in_the_servers_clock() -> None:
    local = datetime(2026, 1, 1, 12, 0, 0, 500000, tzinfo=UTC)
    created = {"metadata": {"creationTimestamp": "2026-01-01T12:05:00Z"}}

    assert offset(created, local) == timedelta(minutes=5)
    assert offset({"metadata": {}}, local) == timedelta()


@pytest.mark.parametrize("namespace", [None, "shared"])
def test_the_servers_clock_is_learnt_by_a_dry_run(fake_api: "FakeApi", namespace: str | None) -> None:
    assert abs(clock_of(fake_api, namespace)) < timedelta(seconds=5)  # type: ignore[arg-type]
    assert not fake_api.objects


def test_objects_of_this_run_go_at_its_end_but_not_its_home(fake_api: "FakeApi") -> None:
    _run(fake_api, "mine", NOW)
    _run(fake_api, "other", NOW)

    sweep.remove_run(fake_api, "mine", None)  # type: ignore[arg-type]

    assert "/api/v1/namespaces/ai-conformance-mine" in fake_api.objects
    assert "/api/v1/namespaces/ai-conformance-mine-abcd" not in fake_api.objects
    assert "/api/v1/namespaces/ai-conformance-other-abcd" in fake_api.objects


def test_a_namespace_that_does_not_go_away_is_a_failure(fake_api: "FakeApi", monkeypatch: pytest.MonkeyPatch) -> None:
    _run(fake_api, "dead", OLD)

    def never(*_args: object, **_more: object) -> None:
        raise errors.WaitTimeout("it to be gone", 1, "finalizers ['x']")

    monkeypatch.setattr(waiting, "wait_gone", never)
    result = sweep.sweep(fake_api, now=NOW)  # type: ignore[arg-type]
    sweep.await_gone(fake_api, result, limit=1)  # type: ignore[arg-type]

    assert len(result.failed) == 2
    assert "finalizers" in result.failed[0]


def test_queues_and_jobs_in_namespaces_of_others_go_with_a_dead_run(
    fake_api: "FakeApi", monkeypatch: pytest.MonkeyPatch
) -> None:
    kueue = "/apis/kueue.x-k8s.io/v1beta2"
    listed = [
        {"name": name, "kind": kind, "namespaced": inside, "verbs": ["list", "delete"]}
        for name, kind, inside in (("clusterqueues", "ClusterQueue", False), ("localqueues", "LocalQueue", True))
    ]
    monkeypatch.setitem(SERVED, "/apis/kueue.x-k8s.io", {"versions": [{"version": "v1beta2"}]})
    monkeypatch.setitem(SERVED, kueue, {"resources": listed})
    jobs = [{"name": "jobs", "kind": "Job", "namespaced": True, "verbs": ["list", "delete"]}]
    monkeypatch.setitem(SERVED, "/apis/batch", {"versions": [{"version": "v1"}]})
    monkeypatch.setitem(SERVED, "/apis/batch/v1", {"resources": jobs})
    fake_api.put(f"{kueue}/clusterqueues/ours", created=OLD, metadata=_of("dead"))
    fake_api.put(f"{kueue}/clusterqueues/theirs", created=OLD)
    for path in ("/apis/batch/v1/namespaces/team/jobs", "/api/v1/namespaces/team/pods"):
        fake_api.put(f"{path}/ours", created=OLD, metadata=_of("dead"))
        fake_api.put(f"{path}/theirs", created=OLD)

    result = sweep.sweep(fake_api, now=NOW)  # type: ignore[arg-type]

    assert sorted(path.rpartition("/")[2] for path in fake_api.objects) == ["theirs"] * 3
    assert "pods team/ours" in "".join(result.deleted)
