"""Gang schedulers are found only where they can work, gangs are made as each wants them, and odd objects say nothing."""

from typing import Any

import pytest

from conformance.adapters import gang
from conformance.adapters.gang import base, coscheduling, kai, kueue, native, volcano
from conformance.adapters.gang.base import Ask
from conformance.adapters.look import Look
from conformance.cluster import errors
from conformance.inventory.solutions import GANG, Solution

Object = dict[str, Any]
GROUPS = {
    "scheduling.k8s.io": "v1beta1",
    "kueue.x-k8s.io": "v1beta2",
    "scheduling.volcano.sh": "v1beta1",
    "scheduling.run.ai": "v2alpha2",
    "scheduling.x-k8s.io": "v1alpha1",
}
ODD: tuple[Any, ...] = (
    None,
    5,
    "text",
    [],
    [None],
    {"conditions": 5},
    {"conditions": [None, {"type": 1}]},
    {"phase": []},
)


class FakeApi:
    """A server that serves some groups and Deployments, and answers dry runs of pods."""

    def __init__(self, *groups: str, deployments: list[Object] | None = None) -> None:
        self.groups, self.deployments = groups, deployments or []
        self.dry_run: Any = lambda body: body

    def get(self, path: str) -> Object:
        parts = path.split("/")
        group = parts[2] if len(parts) > 2 else ""
        if group not in self.groups:
            raise errors.NotFound(404, "NotFound", path)
        version = GROUPS[group]
        if len(parts) == 3:
            return {"versions": [{"version": version}]}
        plurals = ("podgroups", "workloads")
        return {"resources": [{"name": p, "kind": p, "namespaced": True, "verbs": []} for p in plurals]}

    def list(self, path: str) -> list[Object]:
        assert path == "/apis/apps/v1/deployments"
        return self.deployments

    def ask(self, path: str, body: Object, **query: str) -> Object:
        assert (path, query) == ("/api/v1/namespaces/default/pods", {"dryRun": "All"})
        answer: Object = self.dry_run(body)
        return answer


def deployment(name: str, namespace: str, available: Any = 1, args: Any = ()) -> Object:
    template = {"spec": {"containers": [{"args": args}]}}
    status = {"availableReplicas": available}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"template": template}, "status": status}


def detect(api: FakeApi) -> tuple[dict[str, Solution], list[str]]:
    look = Look(api)  # type: ignore[arg-type]
    return {solution.id: solution for solution in gang.detect(look)}, look.notes


def solution(name: str, group_version: str) -> Solution:
    return Solution(family=GANG, id=name, title=name, group_version=group_version, alive=None, seen="")


def ask(size: int = 3, queue: str = "") -> Ask:
    pods = tuple(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"g-{n}", "labels": {"a": "b"}}, "spec": {"x": 1}}
        for n in range(size)
    )
    return Ask(name="g", namespace="ns", pods=pods, queue=queue)


def test_without_any_api_there_is_no_gang_scheduler() -> None:
    assert detect(FakeApi()) == ({}, [])


def test_the_native_api_is_one_where_pods_keep_the_field() -> None:
    found, notes = detect(FakeApi("scheduling.k8s.io"))

    assert set(found) == {"native"}
    assert found["native"].group_version == "scheduling.k8s.io/v1beta1"
    assert found["native"].alive is None
    assert "keeps schedulingGroup" in found["native"].seen
    assert notes == []


@pytest.mark.parametrize(
    "stored", [{}, {"schedulingGroup": None}, {"schedulingGroup": "none"}, {"schedulingGroup": {}}]
)
def test_the_native_api_is_none_where_the_server_drops_the_field_and_that_is_noted(stored: Object) -> None:
    api = FakeApi("scheduling.k8s.io")
    api.dry_run = lambda body: {**body, "spec": stored}

    found, notes = detect(api)

    assert found == {}
    assert "GenericWorkload is off" in notes[0]


@pytest.mark.parametrize("error", [errors.Forbidden(403, "Forbidden", "no"), errors.Unavailable(503, "x", "no")])
def test_where_the_dry_run_is_refused_the_native_api_is_tried_and_the_report_says_so(error: errors.ApiError) -> None:
    def refuse(_body: Object) -> Object:
        raise error

    api = FakeApi("scheduling.k8s.io")
    api.dry_run = refuse

    found, _ = detect(api)

    assert f"{error.status} {error.reason}" in found["native"].seen


def test_each_solution_is_found_by_its_api_with_its_controllers() -> None:
    deployments = [
        deployment("kueue-controller-manager", "kueue-system"),
        deployment("volcano-scheduler", "volcano-system"),
        deployment("volcano-controllers", "volcano-system"),
        deployment("kai-scheduler-default", "kai-scheduler"),
        deployment("scheduler-plugins-scheduler", "plugins", args=["--v=2", "--scheduler-name=mine"]),
    ]
    found, _ = detect(FakeApi(*GROUPS, deployments=deployments))

    assert {name: s.alive for name, s in found.items()} == {
        "native": None,
        "kueue": True,
        "volcano": True,
        "kai": True,
        "coscheduling": True,
    }
    assert found["coscheduling"].scheduler == "mine"
    assert found["coscheduling"].namespace == "plugins"


@pytest.mark.parametrize("available", [0, None, "1", [1]])
def test_a_solution_whose_controller_has_no_replica_is_found_and_not_alive(available: Any) -> None:
    down = [deployment("volcano-scheduler", "v", available), deployment("volcano-controllers", "v")]
    found, _ = detect(FakeApi("scheduling.volcano.sh", deployments=down))

    assert found["volcano"].alive is False
    assert "volcano-scheduler have no available replica" in found["volcano"].seen


def test_the_plain_controller_names_of_kai_count_in_its_own_namespace_only() -> None:
    found, _ = detect(FakeApi("scheduling.run.ai", deployments=[deployment("scheduler", "elsewhere", 0)]))

    assert found["kai"].alive is None


@pytest.mark.parametrize("args", [(), ["--v=2"], "text", [None], None])
def test_the_scheduler_of_coscheduling_has_the_name_of_the_chart_where_none_is_told(args: Any) -> None:
    assert coscheduling.scheduler_name(deployment("x", "y", args=args)) == "scheduler-plugins-scheduler"
    assert coscheduling.scheduler_name(None) == "scheduler-plugins-scheduler"


def test_a_native_gang_is_a_pod_group_and_pods_that_name_it() -> None:
    adapter = gang.adapter_for(solution("native", "scheduling.k8s.io/v1beta1"))
    group, *pods = adapter.pieces(ask())

    assert (group.plural, group.group_version) == ("podgroups", "scheduling.k8s.io/v1beta1")
    assert group.body["spec"] == {"schedulingPolicy": {"gang": {"minCount": 3}}}
    assert [pod.body["spec"] for pod in pods] == [{"x": 1, "schedulingGroup": {"podGroupName": "g"}}] * 3
    assert adapter.alone(ask().pods[0]) == ask().pods[0]
    assert adapter.kept(pods[0].body) == ""
    assert adapter.kept({"spec": {}}) == "spec.schedulingGroup is None"


@pytest.mark.parametrize(
    ("name", "version", "spec", "scheduler", "where", "key"),
    [
        ("volcano", "scheduling.volcano.sh/v1beta1", {"minMember": 3, "queue": "default"}, "volcano", "annotations", volcano.MEMBER_OF),
        ("kai", "scheduling.run.ai/v2alpha2", {"minMember": 3, "queue": "default-queue"}, "kai-scheduler", "annotations", kai.MEMBER_OF),
        (
            "coscheduling",
            "scheduling.x-k8s.io/v1alpha1",
            {"minMember": 3, "scheduleTimeoutSeconds": 10},
            "scheduler-plugins-scheduler",
            "labels",
            coscheduling.MEMBER_OF,
        ),
    ],
)  # fmt: skip
def test_other_gangs_are_a_pod_group_of_all_members_and_pods_for_that_scheduler(
    name: str, version: str, spec: Object, scheduler: str, where: str, key: str
) -> None:
    adapter = gang.adapter_for(solution(name, version))
    group, *pods = adapter.pieces(ask())

    assert (group.group_version, group.body["spec"]) == (version, spec)
    assert {pod.body["spec"]["schedulerName"] for pod in pods} == {scheduler}
    assert {pod.body["metadata"][where][key] for pod in pods} == {"g"}
    assert all(pod.body["metadata"]["labels"]["a"] == "b" for pod in pods)
    alone = adapter.alone(ask().pods[0])
    assert alone["spec"]["schedulerName"] == scheduler
    assert key not in alone["metadata"].get(where, {})
    assert adapter.kept(pods[0].body) == ""
    assert "schedulerName" in adapter.kept({**pods[0].body, "spec": {"schedulerName": "default-scheduler"}})
    assert key in adapter.kept({**pods[0].body, "metadata": {}}) or adapter.kept({**pods[0].body, "metadata": {}})


def test_a_gang_for_kueue_is_a_suspended_job_in_its_queue() -> None:
    (job,) = gang.adapter_for(solution("kueue", "kueue.x-k8s.io/v1beta2")).pieces(ask(queue="q"))

    assert (job.plural, job.group_version) == ("jobs", "batch/v1")
    assert job.body["metadata"]["labels"] == {"kueue.x-k8s.io/queue-name": "q"}
    spec = job.body["spec"]
    assert (spec["suspend"], spec["parallelism"], spec["completions"], spec["backoffLimit"]) == (True, 3, 3, 0)
    assert spec["template"] == {"metadata": {"labels": {"a": "b"}}, "spec": {"x": 1}}


def entry(kind: str, status: str, reason: str = "R", time: str = "T") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": "m", "lastTransitionTime": time}


@pytest.mark.parametrize("kind", ["PodGroupInitiallyScheduled", "PodGroupScheduled"])
def test_a_native_group_says_waiting_with_its_reason_and_started(kind: str) -> None:
    waiting = native.of_group({"status": {"conditions": [entry(kind, "False", "Unschedulable")]}})
    started = native.of_group({"status": {"conditions": [entry(kind, "True", "Scheduled")]}})

    assert (waiting.phase, waiting.words, waiting.since) == ("waiting", f"{kind}=False Unschedulable: m", "T")
    assert started.phase == "started"


def test_a_volcano_group_waits_without_words_until_it_is_called_unschedulable() -> None:
    silent = volcano.of_group({"status": {"phase": "Inqueue"}})
    refused = volcano.of_group(
        {"status": {"phase": "Inqueue", "conditions": [entry("Unschedulable", "True", "NotEnough")]}}
    )
    running = volcano.of_group({"status": {"phase": "Running", "conditions": [entry("Scheduled", "True")]}})

    assert (silent.phase, silent.words) == ("waiting", "")
    assert (refused.phase, refused.words) == ("waiting", "phase Inqueue; Unschedulable=True NotEnough: m")
    assert running.phase == "started"


def test_a_kai_group_waits_by_its_scheduling_condition() -> None:
    refused = kai.of_group({"status": {"schedulingConditions": [entry("UnschedulableOnNodePool", "True", "U")]}})
    running = kai.of_group(
        {"status": {"running": 2, "schedulingConditions": [entry("UnschedulableOnNodePool", "True")]}}
    )

    assert (refused.phase, refused.words) == ("waiting", "UnschedulableOnNodePool=True U: m")
    assert running.phase == "started"


@pytest.mark.parametrize(
    ("phase", "wanted"),
    [
        ("Pending", "waiting"),
        ("Scheduling", "waiting"),
        ("Scheduled", "admitted"),
        ("Running", "started"),
        ("?", "unknown"),
    ],
)
def test_a_coscheduling_group_says_its_phase_and_no_reason(phase: str, wanted: str) -> None:
    state = coscheduling.of_group({"status": {"phase": phase}})

    assert state.phase == wanted
    assert bool(state.words) == (wanted in ("admitted", "started"))


@pytest.mark.parametrize(
    ("conditions", "phase", "words"),
    [
        ([], "unknown", ""),
        ([entry("QuotaReserved", "False", "Pending")], "waiting", "QuotaReserved=False Pending: m"),
        ([entry("QuotaReserved", "True"), entry("Admitted", "True")], "admitted", "Admitted=True R: m"),
        ([entry("QuotaReserved", "True")], "unknown", ""),
        ([entry("QuotaReserved", "True"), entry("Admitted", "True"), entry("PodsReady", "True")], "started", "PodsReady=True R: m"),
        ([entry("QuotaReserved", "False"), entry("Evicted", "True", "PodsReadyTimeout")], "waiting", "Evicted=True PodsReadyTimeout: m"),
        ([entry("QuotaReserved", "True"), entry("Admitted", "True"), entry("Evicted", "True")], "admitted", "Admitted=True R: m"),
    ],
)  # fmt: skip
def test_a_workload_of_kueue_says_where_it_stands(conditions: list[Object], phase: str, words: str) -> None:
    state = kueue.of_workload({"status": {"conditions": conditions}})

    assert (state.phase, state.words) == (phase, words)


@pytest.mark.parametrize("status", ODD)
@pytest.mark.parametrize("module", [native, volcano, kai, coscheduling, kueue], ids=lambda module: module.__name__)
def test_odd_objects_say_nothing_and_crash_nothing(module: Any, status: Any) -> None:
    read = module.of_workload if module is kueue else module.of_group

    assert read({"status": status}).phase == "unknown"
    assert read(None).phase == "unknown"


@pytest.mark.parametrize(
    ("text", "timeout"),
    [
        ("waitForPodsReady: {enable: true, timeout: 2m30s}", 150.0),
        ("waitForPodsReady: {timeout: 1h}", 3600.0),
        ("waitForPodsReady: {}", 300.0),
        ("waitForPodsReady: {enable: true, timeout: 7}", 300.0),
        ("waitForPodsReady: {enable: false, timeout: 5s}", None),
        ("waitForPodsReady: later", None),
        ("kind: Configuration", None),
        ("- a list", None),
        ("", None),
        ("a: [", 300.0),
    ],
)
def test_the_time_out_of_kueue_is_read_from_its_configuration(text: str, timeout: float | None) -> None:
    assert kueue.parse(text).timeout == timeout


def test_device_classes_are_mapped_to_the_names_of_quotas() -> None:
    text = "resources: {deviceClassMappings: [{name: gpus, deviceClassNames: [a, b]}, {name: 1}, 7, {deviceClassNames: [c]}]}"

    assert kueue.parse(text).classes == {"a": "gpus", "b": "gpus"}


def test_a_configuration_that_must_not_be_read_gives_the_default_and_says_how_to_allow_it() -> None:
    class Shut:
        def get(self, _path: str) -> Object:
            raise errors.Forbidden(403, "Forbidden", "no")

    config = kueue.configuration(Shut(), "")  # type: ignore[arg-type]

    assert (config.timeout, config.read) == (300.0, False)
    assert "configmaps in namespace kueue-system" in config.seen


def test_what_a_webhook_took_from_a_pod_is_named() -> None:
    member = {"labels": {"l": "1"}, "annotations": {"a": "2"}, "spec": {"schedulerName": "s"}}
    pod = base.with_({"metadata": {"name": "p"}, "spec": {}}, member)

    assert base.lost(pod, member) == ""
    assert base.lost({**pod, "metadata": {"labels": {"l": "1"}}}, member) == "metadata.annotations[a] is None, not '2'"
    assert base.lost({"metadata": pod["metadata"]}, member) == "spec.schedulerName is None, not 's'"
