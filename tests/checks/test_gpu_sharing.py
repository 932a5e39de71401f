"""Sharing on clusters that share in each way, in none, beside pods of others, and before accounts that may little."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance import results, simulator
from conformance.cluster import connect
from conformance.run import proof

pytestmark = pytest.mark.slow
GIVEN, LIMIT, APART = (
    f"gpu_sharing/{name}"
    for name in (
        "devices_are_shared",
        "shares_end_at_the_limit",
        "partitions_see_their_part_only",
    )
)
SLICED, CUT = "device-plugin-s1-accel-shared+time-slicing", "device-plugin-s1-part-1g+partitions"
PASSED, NOT_APPLICABLE = ("passed", ""), ("not_applicable", "")


def _suite(out: Path, *words: str) -> proof.Verdicts:
    """Verdicts of the sharing checks in a run in a process of its own."""
    command = [sys.executable, "-m", "conformance", *words, "--out", str(out), "gpu_sharing"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "KUBE"))}
    ended = subprocess.run(
        command, check=False, capture_output=True, stdin=subprocess.DEVNULL, env=environment, text=True
    )
    assert "Traceback" not in ended.stderr
    document = results.read(out)
    assert (document["complete"], document["leftovers"]) == (True, [])
    return proof.verdicts(document)


def _demo(out: Path, world: str, *faults: str) -> proof.Verdicts:
    planted = [word for fault in faults for word in ("--fault", fault)]
    return _suite(out, "demo", "--world", world, "--timeout-scale", "0.25", *planted)


def _on(running: simulator.Running, out: Path, *words: str) -> proof.Verdicts:
    return _suite(out, "run", "--yes", "--kubeconfig", str(running.kubeconfig), "--timeout-scale", "0.25", *words)


def test_time_slicing_passes_and_has_no_partitions(tmp_path: Path) -> None:
    found = _demo(tmp_path, "time-sliced")
    assert {check: found[f"{check}[{SLICED}]"] for check in (GIVEN, LIMIT, APART)} == {
        GIVEN: PASSED,
        LIMIT: PASSED,
        APART: NOT_APPLICABLE,
    }


def test_partitions_of_a_device_plugin_pass(tmp_path: Path) -> None:
    found = _demo(tmp_path, "partitioned")
    assert {found[f"{check}[{CUT}]"] for check in (GIVEN, LIMIT, APART)} == {PASSED}


def test_shares_by_dra_pass_in_each_of_its_ways(tmp_path: Path) -> None:
    found = _demo(tmp_path, "dra-shared")
    ways = {
        "+partitions": {PASSED},
        "+consumable-capacity": {PASSED, NOT_APPLICABLE},
        "+shared-claim": {PASSED, NOT_APPLICABLE},
    }
    for way, wanted in ways.items():
        assert {ended for id_, ended in found.items() if way in id_} == wanted
    assert {ended for id_, ended in found.items() if id_.startswith(GIVEN)} == {PASSED}


def test_accelerators_that_can_be_shared_and_are_not_fail_once(tmp_path: Path) -> None:
    assert _demo(tmp_path, "device-plugin-only") == {
        GIVEN: ("failed", "no_sharing"),
        LIMIT: NOT_APPLICABLE,
        APART: NOT_APPLICABLE,
    }


def test_accelerators_that_cannot_be_shared_are_not_judged(tmp_path: Path) -> None:
    assert set(_demo(tmp_path, "intel-gaudi").values()) == {NOT_APPLICABLE}


def test_without_an_accelerator_nothing_is_known(tmp_path: Path) -> None:
    assert set(_demo(tmp_path, "no-accelerator").values()) == {("unknown", "no_accelerator")}


def test_an_account_that_may_not_create_is_told_forbidden(tmp_path: Path) -> None:
    with simulator.start("conformant") as running:
        found = _on(running, tmp_path, "--context", "simulated-nobody")
    assert set(found.values()) == {("unknown", "forbidden")}


def _foreign(resource: str) -> dict[str, Any]:
    """A pod of somebody else with a share of a device of the first node."""
    main = {
        "name": "main",
        "image": "python:3",
        "command": ["sleep", "600"],
        "resources": {"limits": {resource: "1"}},
    }
    spec = {"containers": [main], "nodeSelector": {"kubernetes.io/hostname": "node-a"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "theirs"}, "spec": spec}


@pytest.mark.parametrize(
    ("world", "resource", "share"),
    [("time-sliced", "sim.dev/accel.shared", SLICED), ("partitioned", "sim.dev/part-1g", CUT)],
)
def test_no_load_is_put_beside_pods_of_others_and_the_limit_is_what_they_left(
    tmp_path: Path, world: str, resource: str, share: str
) -> None:
    with simulator.start(world) as running:
        connect(str(running.kubeconfig)).create("/api/v1/namespaces/default/pods", _foreign(resource))
        found = _on(running, tmp_path)
    assert found[f"{GIVEN}[{share}]"] == ("unknown", "foreign_pods")
    assert found[f"{LIMIT}[{share}]"] == PASSED
    assert found[f"{APART}[{share}]"] == (("unknown", "foreign_pods") if share == CUT else NOT_APPLICABLE)


@pytest.mark.parametrize("trouble", ["api_500", "watch_dropped"])
def test_a_broken_api_lets_no_wrong_cluster_pass(tmp_path: Path, trouble: str) -> None:
    found = _demo(tmp_path, "time-sliced", trouble, "device_serves_one_pod_only", "share_beyond_the_limit")
    assert found[f"{GIVEN}[{SLICED}]"] in {
        ("failed", "share_cannot_compute"),
        ("unverified", found[f"{GIVEN}[{SLICED}]"][1]),
    }
    assert found[f"{LIMIT}[{SLICED}]"][0] in {"failed", "unverified"}
