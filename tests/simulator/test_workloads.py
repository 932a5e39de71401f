"""Deployments, replica sets and jobs: their pods are real, and their status tells what is there."""

from typing import Any

import pytest

from tests.simulator.client import PODS, Client
from tests.simulator.servers import DEPLOYMENTS, Servers, deployment

JOBS = "/apis/batch/v1/namespaces/{}/jobs"
SETS = "/apis/apps/v1/namespaces/{}/replicasets"
PATCH = "application/strategic-merge-patch+json"
STAY = "import signal; signal.pause()"


def job(name: str, script: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "python:3", "command": ["python3", "-c", script]}
    base = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}
    return {"metadata": {"name": name}, "spec": {"template": {"spec": base}, **spec}}


def has(kind: str) -> Any:
    return lambda obj: any(c["type"] == kind and c["status"] == "True" for c in obj["status"].get("conditions", ()))


@pytest.fixture
def servers(client: Client, namespace: str) -> Servers:
    return Servers(client, namespace)


@pytest.fixture
def jobs(namespace: str) -> str:
    return JOBS.format(namespace)


def test_deployment_makes_a_replica_set_and_its_pods(servers: Servers) -> None:
    made = servers.start(2)
    [one] = servers.client.get(SETS.format(servers.namespace))["items"]
    mark = one["metadata"]["labels"]["pod-template-hash"]
    assert one["metadata"]["name"] == f"web-{mark}"
    assert one["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
    assert {p["metadata"]["labels"]["pod-template-hash"] for p in servers.pods()} == {mark}
    assert {(c["type"], c["status"]) for c in made["status"]["conditions"]} == {
        ("Available", "True"),
        ("Progressing", "True"),
    }
    assert made["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"


def test_new_template_rolls_and_the_old_set_stays_empty(servers: Servers) -> None:
    servers.start(2)
    change = {"spec": {"template": {"metadata": {"labels": {"v": "2"}}}}}
    servers.client.call("PATCH", servers.path, change, PATCH)
    rolled = servers.client.until(
        servers.path,
        lambda d: (
            d["status"].get("observedGeneration") == 2
            and d["status"].get("updatedReplicas") == 2 == d["status"]["replicas"]
        ),
    )
    assert rolled["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "2"
    sets = servers.client.get(SETS.format(servers.namespace))["items"]
    assert sorted(one["spec"]["replicas"] for one in sets) == [0, 2]


def test_scale_changes_the_number_of_pods(servers: Servers) -> None:
    servers.start(1)
    scale = servers.client.get(f"{servers.path}/scale")
    assert (scale["status"]["replicas"], scale["status"]["selector"]) == (1, "app=web")
    servers.client.call("PATCH", f"{servers.path}/scale", {"spec": {"replicas": 2}}, "application/merge-patch+json")
    servers.until_ready(2)
    servers.client.call("PATCH", f"{servers.path}/scale", {"spec": {"replicas": 0}}, "application/merge-patch+json")
    servers.until_ready(0)
    assert servers.pods() == []


def test_deleted_pod_is_replaced(servers: Servers) -> None:
    servers.start(1)
    [before] = [pod["metadata"]["uid"] for pod in servers.pods()]
    servers.client.call("DELETE", f"{PODS.format(servers.namespace)}?gracePeriodSeconds=0")
    servers.client.until(servers.path, lambda d: not d["status"].get("readyReplicas"))
    servers.until_ready(1)
    assert [pod["metadata"]["uid"] for pod in servers.pods()] != [before]


def test_deleted_deployment_takes_its_pods_along(servers: Servers) -> None:
    servers.start(1)
    [pod] = servers.pods()
    servers.client.call("DELETE", servers.path)
    servers.client.until_gone(f"{PODS.format(servers.namespace)}/{pod['metadata']['name']}")
    assert servers.client.get(SETS.format(servers.namespace))["items"] == []


def test_pod_that_is_refused_shows_in_the_replica_set(servers: Servers) -> None:
    wrong = deployment("web", template={"metadata": {"labels": {"app": "web"}}, "spec": {
        "serviceAccountName": "nobody", "containers": [{"name": "main", "image": "pause"}]}})  # fmt: skip
    servers.client.create(DEPLOYMENTS.format(servers.namespace), wrong)
    servers.client.until(servers.path, lambda d: bool(d["status"].get("conditions")))
    [one] = servers.client.get(SETS.format(servers.namespace))["items"]
    failed = servers.client.until(f"{SETS.format(servers.namespace)}/{one['metadata']['name']}", has("ReplicaFailure"))
    assert failed["status"]["conditions"][0]["reason"] == "FailedCreate"


def test_deployment_without_a_fitting_selector_is_refused(client: Client, namespace: str) -> None:
    body = deployment("web", selector={"matchLabels": {"app": "other"}})
    answer = client.call("POST", DEPLOYMENTS.format(namespace), body)
    assert (answer.status, answer.body["details"]["causes"][0]["field"]) == (422, "spec.template.metadata.labels")


def test_readiness_follows_the_probe_and_not_the_process(client: Client, namespace: str) -> None:
    main = {
        "name": "main",
        "image": "python:3",
        "command": ["python3", "-c", STAY],
        "readinessProbe": {"tcpSocket": {"port": 8000}},
    }
    client.create(
        PODS.format(namespace),
        {"metadata": {"name": "a"}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [main]}},
    )
    path = f"/api/v1/namespaces/{namespace}/events?fieldSelector=reason=Unhealthy"
    assert any(event["type"] == "ADDED" for event in client.watch(f"{path}&watch=1&timeoutSeconds=2"))
    status = client.get(f"{PODS.format(namespace)}/a")["status"]
    assert (status["phase"], status["containerStatuses"][0]["ready"]) == ("Running", False)
    assert next(c["status"] for c in status["conditions"] if c["type"] == "Ready") == "False"


def test_exec_probe_runs_in_the_container(client: Client, namespace: str) -> None:
    probe = {"exec": {"command": ["python3", "-c", "import os, sys; sys.exit(os.environ['WORD'] != 'right')"]}}
    main = {
        "name": "main",
        "image": "python:3",
        "command": ["python3", "-c", STAY],
        "readinessProbe": probe,
        "env": [{"name": "WORD", "value": "right"}],
    }
    client.create(
        PODS.format(namespace),
        {"metadata": {"name": "a"}, "spec": {"terminationGracePeriodSeconds": 0, "containers": [main]}},
    )
    client.until(f"{PODS.format(namespace)}/a", has("Ready"))


def test_pods_have_addresses_of_their_own_and_know_them(client: Client, namespace: str) -> None:
    env = [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    seen = set()
    for name in ("a", "b"):
        pod = client.run(
            namespace,
            name,
            "",
            container={"command": ["python3", "-c", "import os; print(os.environ['POD_IP'])"], "env": env},
        )
        assert client.log(namespace, name).strip() == pod["status"]["podIP"]
        seen.add(pod["status"]["podIP"])
    assert len(seen) == 2
    assert not any(address.startswith("127.0.0.") for address in seen)


def test_job_ends_with_its_completions(client: Client, namespace: str, jobs: str) -> None:
    made = client.create(jobs, job("a", "print(1)", completions=2, parallelism=2))
    ended = client.until(f"{jobs}/a", has("Complete"))
    assert ended["status"]["succeeded"] == 2
    assert [c["type"] for c in ended["status"]["conditions"]] == ["SuccessCriteriaMet", "Complete"]
    labels = {"batch.kubernetes.io/job-name": "a", "batch.kubernetes.io/controller-uid": made["metadata"]["uid"]}
    for pod in client.get(PODS.format(namespace))["items"]:
        assert labels.items() <= pod["metadata"]["labels"].items()


def test_indexed_job_gives_each_pod_its_index(client: Client, namespace: str, jobs: str) -> None:
    script = "import os; print(os.environ['JOB_COMPLETION_INDEX'])"
    client.create(jobs, job("a", script, completions=2, parallelism=2, completionMode="Indexed"))
    ended = client.until(f"{jobs}/a", has("Complete"))
    assert ended["status"]["completedIndexes"] == "0,1"
    names = [pod["metadata"]["name"] for pod in client.get(PODS.format(namespace))["items"]]
    assert sorted(client.log(namespace, name).strip() for name in names) == ["0", "1"]


def test_suspended_job_has_no_pods_and_goes_on_later(client: Client, namespace: str, jobs: str) -> None:
    client.create(jobs, job("a", STAY, parallelism=2, completions=2, suspend=True))
    client.until(f"{jobs}/a", has("Suspended"))
    assert client.get(PODS.format(namespace))["items"] == []
    client.call("PATCH", f"{jobs}/a", {"spec": {"suspend": False}}, PATCH)
    client.until(f"{jobs}/a", lambda j: j["status"].get("active") == 2 == j["status"].get("ready"))
    client.call("PATCH", f"{jobs}/a", {"spec": {"suspend": True}}, PATCH)
    again = client.until(f"{jobs}/a", lambda j: has("Suspended")(j) and not j["status"].get("active"))
    assert "failed" not in again["status"]
    client.until(f"{jobs}/a", lambda j: not j["status"].get("terminating"))


def test_job_fails_at_its_back_off_limit(client: Client, jobs: str) -> None:
    client.create(jobs, job("a", "raise SystemExit(1)", backoffLimit=0))
    ended = client.until(f"{jobs}/a", has("Failed"))
    assert [(c["type"], c["reason"]) for c in ended["status"]["conditions"]] == [
        ("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded"),
    ]  # fmt: skip
    assert ended["status"]["failed"] == 1


def test_job_that_takes_too_long_fails_and_its_pods_go(client: Client, namespace: str, jobs: str) -> None:
    client.create(jobs, job("a", STAY, activeDeadlineSeconds=1))
    ended = client.until(f"{jobs}/a", has("Failed"))
    assert ended["status"]["conditions"][-1]["reason"] == "DeadlineExceeded"
    client.until(f"{jobs}/a", lambda j: not j["status"].get("terminating"))
    assert client.get(PODS.format(namespace))["items"] == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"template": {"spec": {"containers": [{"name": "a", "image": "pause"}]}}}, "spec.template.spec.restartPolicy"),
        ({"completionMode": "Indexed", "parallelism": 2}, "spec.completions"),
        ({"parallelism": -1}, "spec.parallelism"),
    ],
)
def test_impossible_job_is_refused_at_its_field(client: Client, jobs: str, change: dict[str, Any], field: str) -> None:
    answer = client.call("POST", jobs, job("a", "", **change))
    assert (answer.status, answer.body["details"]["causes"][0]["field"]) == (422, field)
