"""Whole runs of the command on the simulated cluster: exit codes, files, interruption, and what a killed run leaves."""

import json
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from conformance import content
from conformance.cluster import connect

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from conformance.cluster import Api
    from conformance.simulator import Running
    from tests.cli.conftest import Command

pytestmark = pytest.mark.slow
QUICK = "dra_support/type_is_usable[deviceclasses]"
SLOW = "secure_accelerator_access/own_device_only[dra-s1@node-a]"
RUN = "kube-ai-conformance.dev/run"


@pytest.fixture
def api(cluster: "Running") -> "Api":
    return connect(str(cluster.kubeconfig))


def _ours(api: "Api") -> list[str]:
    """Names of namespaces and cluster-scoped objects of runs."""
    paths = ["/api/v1/namespaces", "/apis/resource.k8s.io/v1/deviceclasses", "/apis/resource.k8s.io/v1/resourceslices"]
    return [obj["metadata"]["name"] for path in paths for obj in api.list(path, label_selector=RUN)]


def test_a_part_that_passes_is_exit_0_never_conformant_and_leaves_nothing(
    finished: "Command", cluster: "Running", api: "Api", tmp_path: "Path", results: "Callable[[Path], dict[str, Any]]"
) -> None:
    said = finished("run", "--kubeconfig", cluster.kubeconfig, "--out", "out", "--yes", QUICK)

    found = results(tmp_path / "out")
    assert said.code == 0, said.err
    assert (found["complete"], found["partial"], found["outcome"]) == (True, True, "inconclusive")
    assert said.out.splitlines()[-1] == "inconclusive (partial, cncf-1.37): results in out"
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "conformance.json",
        "junit.xml",
        "report.md",
        "evidence",
    }
    assert cluster.url in said.err
    assert f"[1/1] passed         {QUICK}" in said.err
    assert not _ours(api)


def test_a_forbidden_verb_is_unknown_and_inconclusive(
    finished: "Command", cluster: "Running", tmp_path: "Path", results: "Callable[[Path], dict[str, Any]]"
) -> None:
    said = finished("run", "--kubeconfig", cluster.kubeconfig, "--context", "simulated-viewer", "--out", "out", QUICK)

    records = {r["id"]: r for entry in results(tmp_path / "out")["requirements"] for r in entry["checks"]}
    assert said.code == 4, said.err
    assert (records[QUICK]["verdict"], records[QUICK]["code"]) == ("unknown", "forbidden")
    assert "create deviceclasses.resource.k8s.io" in records[QUICK]["reason"]


def test_an_account_that_may_nothing_is_not_a_cluster_that_cannot_be_reached(
    finished: "Command", cluster: "Running"
) -> None:
    said = finished("run", "--kubeconfig", cluster.kubeconfig, "--context", "simulated-nobody", "--out", "out")

    assert said.code == 4, said.err


def test_a_demo_that_ends_is_exit_0_and_its_report_can_be_made_again(finished: "Command", tmp_path: "Path") -> None:
    demo = finished("demo", "--world", "no-accelerator", "--out", "out", "secure_accelerator_access")
    again = finished("report", "out", "--out", "again")

    assert (demo.code, again.code) == (0, 0), demo.err + again.err
    assert "passed" not in [
        line.split()[2] for line in demo.out.splitlines() if line.startswith("secure_accelerator_access")
    ]
    assert (tmp_path / "again" / "report.md").read_text() == (tmp_path / "out" / "report.md").read_text()


def test_sigterm_cleans_up_keeps_what_is_known_and_is_exit_130(
    started: "Callable[..., subprocess.Popen[str]]",
    cluster: "Running",
    api: "Api",
    tmp_path: "Path",
    results: "Callable[[Path], dict[str, Any]]",
) -> None:
    child = started("run", "--kubeconfig", cluster.kubeconfig, "--out", "out", SLOW)
    _until_a_check_has_its_namespace(api)
    child.send_signal(signal.SIGTERM)
    out, err = child.communicate(timeout=60)

    found = results(tmp_path / "out")
    assert child.returncode == 130, err
    assert (found["complete"], found["interrupted"]) == (False, True)
    assert out.splitlines()[-1].startswith("inconclusive (interrupted")
    assert not _ours(api)


def test_what_a_killed_run_leaves_is_swept_once_its_lease_has_expired(
    started: "Callable[..., subprocess.Popen[str]]",
    finished: "Command",
    cluster: "Running",
    api: "Api",
    tmp_path: "Path",
    results: "Callable[[Path], dict[str, Any]]",
) -> None:
    child = started("run", "--kubeconfig", cluster.kubeconfig, "--out", "out", SLOW)
    home = _until_a_check_has_its_namespace(api)
    child.kill()
    child.communicate(timeout=60)
    early = finished("sweep", "--kubeconfig", cluster.kubeconfig)
    assert f"run {home.rpartition('-')[2]} is alive" in early.out
    assert _ours(api)

    long_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{home}/leases/run"
    api.patch(lease, {"spec": {"renewTime": long_ago}})
    late = finished("sweep", "--kubeconfig", cluster.kubeconfig)

    assert late.code == 0, late.err
    assert not _ours(api)
    assert results(tmp_path / "out")["complete"] is False


def _until_a_check_has_its_namespace(api: "Api") -> str:
    """Name of the run's home namespace, once a check has one beside it."""
    names: set[str] = set()
    page = next(api.pages("/api/v1/namespaces"))
    for kind, obj in api.watch("/api/v1/namespaces", version=page["metadata"]["resourceVersion"], seconds=30):
        name = obj["metadata"].get("name", "")
        if kind == "ADDED" and name.startswith("ai-conformance-"):
            names.add(name)
        if len(names) > 1:
            return min(names, key=len)
    raise AssertionError("no check began")


def test_cluster_up_says_one_line_when_it_is_ready_and_ends_when_told(
    started: "Callable[..., subprocess.Popen[str]]", tmp_path: "Path"
) -> None:
    child = started("cluster", "up", "--world", "no-dra", "--kubeconfig", "config")
    assert child.stdout is not None
    line = child.stdout.readline()

    assert line.startswith("ready: https://127.0.0.1:")
    assert connect(str(tmp_path / "config")).version().startswith("v1.")
    child.terminate()
    assert child.wait(timeout=30) == 0


def test_plain_pytest_runs_the_same_checks_with_exit_codes_of_its_own(
    cluster: "Running", tmp_path: "Path", pytester: pytest.Pytester, results: "Callable[[Path], dict[str, Any]]"
) -> None:
    words = [
        f"--ai-kubeconfig={cluster.kubeconfig}",
        "--ai-profile=cncf-1.35",
        f"--ai-out={tmp_path / 'out'}",
        f"--ai-select={QUICK}",
    ]
    result = pytester.runpytest_subprocess(
        f"--config-file={content.CHECKS / 'pytest.toml'}", "-p", "no:cacheprovider", *words, str(content.CHECKS)
    )

    assert result.ret == 0
    assert results(tmp_path / "out")["profile"] == "cncf-1.35"
    assert json.loads((tmp_path / "out" / "conformance.json").read_text())["counts"]


def test_on_a_terminal_the_user_is_asked_and_no_means_no(
    command: "Command", cluster: "Running", api: "Api", monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(question: str) -> str:
        asked.append(question)
        return "n"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", refuse)

    said = command("run", "--kubeconfig", cluster.kubeconfig, QUICK)

    assert asked == ["Go on? [y/N] "]
    assert said.code == 2
    assert "nothing was touched" in said.error()
    assert not _ours(api)


def test_in_a_given_namespace_nothing_else_is_made_and_the_namespace_stays(
    finished: "Command", cluster: "Running", api: "Api", tmp_path: "Path", results: "Callable[[Path], dict[str, Any]]"
) -> None:
    api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shared"}})
    said = finished("run", "--kubeconfig", cluster.kubeconfig, "--namespace", "shared", "--out", "out", SLOW)

    records = {r["id"]: r for entry in results(tmp_path / "out")["requirements"] for r in entry["checks"]}
    left = [
        obj["metadata"]["name"]
        for kind in ("pods", "configmaps")
        for obj in api.list(f"/api/v1/namespaces/shared/{kind}")
    ]
    assert records[SLOW]["verdict"] == "passed", said.err
    assert left in ([], ["kube-root-ca.crt"])
    assert not _ours(api)
    assert api.get("/api/v1/namespaces/shared")["status"]["phase"] == "Active"
