"""Clean-up takes away what made pods before the pods, and touches nothing that is not ours."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from conformance.cluster import Settings
from conformance.evidence import Evidence
from conformance.probes.sandbox import Sandbox, bounds

if TYPE_CHECKING:
    from tests.conftest import FakeApi

JOBS = "batch/v1"


@pytest.fixture
def box(fake_api: "FakeApi", monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    monkeypatch.setattr("conformance.cluster.waiting.wait_exists", lambda *_args, **_more: None)
    return Sandbox(
        fake_api,  # type: ignore[arg-type]
        run_id="r1",
        check_id="gang/whole",
        settings=Settings(run_id="r1"),
        evidence=Evidence(),
    )


def _body(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}


@pytest.mark.parametrize(("scale", "seconds", "expected"), [(0.01, 60, 20), (0.01, 5, 5), (0.5, 60, 30), (2, 5, 10)])
def test_a_limit_that_decides_is_never_shorter_than_20_s_or_what_it_is(
    box: Sandbox, scale: float, seconds: float, expected: float
) -> None:
    box.settings = replace(box.settings, timeout_scale=scale)
    assert box.deciding(seconds) == expected


def test_pods_that_a_job_made_go_after_the_job(fake_api: "FakeApi", box: Sandbox) -> None:
    namespace = box.namespace()
    box.create("jobs", _body("Job", "gang"), group_version=JOBS)
    made = f"/api/v1/namespaces/{namespace}/pods/gang-abcde"
    fake_api.put(made, metadata={"labels": box.labels})

    box.clean()

    job = f"/apis/{JOBS}/namespaces/{namespace}/jobs/gang"
    assert [path for path in fake_api.deleted if path in (job, made)] == [job, made]
    assert box.leftovers == []


def test_in_a_namespace_of_others_only_ours_goes(fake_api: "FakeApi", box: Sandbox) -> None:
    box.create("jobs", _body("Job", "gang"), namespace="theirs", group_version=JOBS)
    box.create("configmaps", _body("ConfigMap", "probe"), namespace="theirs")
    ours = "/api/v1/namespaces/theirs/pods/gang-abcde"
    others = "/api/v1/namespaces/theirs/pods/other"
    fake_api.put(ours, metadata={"labels": box.labels})
    fake_api.put(others, metadata={"labels": {"app": "x"}})

    box.clean()

    assert list(fake_api.objects) == [others]


def test_what_a_job_left_and_cannot_be_removed_is_named(fake_api: "FakeApi", box: Sandbox) -> None:
    box.create("jobs", _body("Job", "gang"), group_version=JOBS)
    pods = f"/api/v1/namespaces/{box.namespace()}/pods"
    fake_api.put(f"{pods}/gang-abcde", metadata={"labels": box.labels})
    fake_api.forbidden.add(f"delete {pods}")

    box.clean()

    assert len(box.leftovers) == 1
    assert box.leftovers[0].startswith("Pod gang-abcde (uid-")


def test_room_for_more_pods_is_in_the_quota(fake_api: "FakeApi", box: Sandbox) -> None:
    box.make_room(130)
    quota = fake_api.get(f"/api/v1/namespaces/{box.namespace()}/resourcequotas/bounds")

    assert quota["spec"]["hard"] == bounds(130)
    assert bounds(130)["pods"] == "130"
    assert bounds(4)["requests.cpu"] == "2000m"
