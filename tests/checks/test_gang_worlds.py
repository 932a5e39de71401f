"""Gang checks on clusters that lack something: no scheduler, no queue, no rights, no accelerator. What cannot be judged never passes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance import results, simulator
from conformance.cluster import Api, connect

pytestmark = pytest.mark.slow
GANGS = "gang_scheduling"
FITTING = f"{GANGS}/fitting_gang_starts_and_finishes"
LEFT = (
    "/api/v1/pods",
    "/apis/batch/v1/jobs",
    "/apis/kueue.x-k8s.io/v1beta2/workloads",
    "/apis/kueue.x-k8s.io/v1beta2/localqueues",
    "/apis/kueue.x-k8s.io/v1beta2/clusterqueues",
    "/apis/kueue.x-k8s.io/v1beta2/resourceflavors",
    "/apis/resource.k8s.io/v1/resourceclaimtemplates",
    "/apis/resource.k8s.io/v1/resourceclaims",
    "/api/v1/configmaps",
)
Object = dict[str, Any]


def suite(out: Path, *words: str) -> Object:
    """Results of a run in a process of its own."""
    command = [sys.executable, "-m", "conformance", *words, "--out", str(out)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "KUBE"))}
    ended = subprocess.run(
        command, check=False, capture_output=True, stdin=subprocess.DEVNULL, env=environment, text=True
    )
    assert "Traceback" not in ended.stderr
    return results.read(out)


def judged(document: Object) -> set[tuple[str, str, str | None]]:
    """Verdicts, codes and grades of the gang checks."""
    (found,) = [entry for entry in document["requirements"] if entry["id"] == GANGS]
    assert document["leftovers"] == []
    chosen = [record for record in found["checks"] if record["code"] != "not_selected"]
    return {(record["verdict"], record["code"], record["grade"]) for record in chosen}


def names(api: Api) -> dict[str, set[str]]:
    return {path: {obj["metadata"]["name"] for obj in api.list(path)} for path in LEFT}


@pytest.fixture(scope="module")
def kueue() -> Iterator[simulator.Running]:
    """A simulated cluster with Kueue and a queue of somebody's."""
    with simulator.start("kueue") as running:
        yield running


def test_without_a_gang_scheduler_nothing_is_known(tmp_path: Path) -> None:
    assert judged(suite(tmp_path, "demo", "--world", "no-dra", GANGS)) == {("unknown", "no_gang_solution", None)}


def test_without_an_accelerator_gangs_ask_for_cpu_and_that_is_worth_less(tmp_path: Path) -> None:
    document = suite(tmp_path, "demo", "--world", "no-accelerator", GANGS)

    assert judged(document) == {("passed", "", "behavioural")}
    (found,) = [entry for entry in document["requirements"] if entry["id"] == GANGS]
    assert {record["variant"] for record in found["checks"]} == {"cpu+native"}
    told = [step["observed"] for record in found["checks"] for step in record["steps"]]
    assert any("because the cluster has no accelerator" in text for text in told)


def test_kueue_without_a_queue_is_unknown_and_both_cures_are_told(kueue: simulator.Running, tmp_path: Path) -> None:
    document = suite(tmp_path, "run", "--yes", "--kubeconfig", str(kueue.kubeconfig), GANGS)

    assert judged(document) == {("unknown", "no_queue", None)}
    (found,) = [entry for entry in document["requirements"] if entry["id"] == GANGS]
    reason = found["checks"][0]["reason"]
    assert "--local-queue" in reason
    assert "--create-queues" in reason


def test_a_queue_that_does_not_exist_is_unknown(kueue: simulator.Running, tmp_path: Path) -> None:
    words = ("--local-queue", "team/none", "--kubeconfig", str(kueue.kubeconfig), FITTING)

    assert judged(suite(tmp_path, "run", "--yes", *words)) == {("unknown", "no_queue", None)}


@pytest.mark.parametrize("choice", [("--local-queue", "team/queue"), ("--create-queues",)], ids=["given", "own"])
def test_with_a_queue_gangs_of_kueue_pass_and_nothing_is_left(
    kueue: simulator.Running, tmp_path: Path, choice: tuple[str, ...]
) -> None:
    api = connect(str(kueue.kubeconfig))
    before = names(api)

    document = suite(tmp_path, "run", "--yes", *choice, "--kubeconfig", str(kueue.kubeconfig), FITTING)

    assert judged(document) == {("passed", "", "controlled")}
    assert {path: found - before[path] - {"kube-root-ca.crt"} for path, found in names(api).items()} == {
        path: set() for path in LEFT
    }


def test_an_account_that_may_not_create_is_told_forbidden(kueue: simulator.Running, tmp_path: Path) -> None:
    words = ("--context", "simulated-viewer", "--create-queues", "--kubeconfig", str(kueue.kubeconfig), GANGS)
    document = suite(tmp_path, "run", "--yes", *words)

    assert judged(document) == {("unknown", "forbidden", None)}
    (found,) = [entry for entry in document["requirements"] if entry["id"] == GANGS]
    assert "create clusterqueues.kueue.x-k8s.io" in found["checks"][0]["reason"]
