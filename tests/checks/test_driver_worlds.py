"""Drivers and virtual devices on clusters that lack something, and by an account that may little: nothing unseen passes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance import content, documents, results, simulator

pytestmark = pytest.mark.slow
DRIVERS, VIRTUAL = "driver_runtime_management", "virtualized_accelerator"
Object = dict[str, Any]
VENDORS = {
    "nvidia": ("unknown", "version_not_read"),
    "huawei-ascend": ("unknown", "no_versions"),
    "intel-gpu": ("unknown", "no_versions"),
}
"""What reading versions comes to in worlds of vendors: none of these has its own library or knows a version here."""


def _run(out: Path, *words: str) -> dict[str, set[tuple[str, str]]]:
    """Verdicts and codes of the variants of each check, of a run in a process of its own."""
    command = [sys.executable, "-m", "conformance", *words, "--out", str(out), DRIVERS, VIRTUAL]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "KUBE"))}
    ended = subprocess.run(
        command, check=False, capture_output=True, stdin=subprocess.DEVNULL, env=environment, text=True
    )
    assert "Traceback" not in ended.stderr
    document = results.read(out)
    assert (document["complete"], document["leftovers"]) == (True, [])
    found: dict[str, set[tuple[str, str]]] = {}
    for requirement in document["requirements"]:
        for record in requirement["checks"] if requirement["id"] in (DRIVERS, VIRTUAL) else ():
            found.setdefault(record["check"], set()).add((record["verdict"], record["code"]))
    return found


def test_where_all_is_well_everything_passes(tmp_path: Path) -> None:
    found = _run(tmp_path, "demo")
    assert len(found) == 5
    assert set.union(*found.values()) == {("passed", "")}


def test_virtual_devices_pass_where_one_node_has_them_and_another_whole_ones(tmp_path: Path) -> None:
    assert set.union(*_run(tmp_path, "demo", "--world", "virtual").values()) == {("passed", "")}


@pytest.mark.parametrize("world", ["no-accelerator", "no-dra"])
def test_without_an_accelerator_nothing_is_known(tmp_path: Path, world: str) -> None:
    assert set.union(*_run(tmp_path, "demo", "--world", world).values()) == {("unknown", "no_accelerator")}


def test_shares_of_a_device_are_no_virtual_devices(tmp_path: Path) -> None:
    found = _run(tmp_path, "demo", "--world", "time-sliced")
    assert found["virtual_device_computes"] == {("failed", "no_virtual_device")}


@pytest.mark.parametrize("world", VENDORS)
def test_versions_of_a_vendor_that_cannot_be_read_are_unknown(tmp_path: Path, world: str) -> None:
    assert _run(tmp_path, "demo", "--world", world)["versions_agree"] == {VENDORS[world]}


def test_where_a_pod_gets_all_devices_of_a_node_or_none_a_single_one_cannot_be_judged(tmp_path: Path) -> None:
    found = _run(tmp_path, "demo", "--world", "google-tpu")
    assert ("unknown", "whole_node_only") in found["runtime_injects_the_device"]
    assert not {verdict for seen in found.values() for verdict, _ in seen} & {"failed"}


def test_a_vendors_workload_is_given_every_device_of_a_node_where_pods_get_all_or_none(tmp_path: Path) -> None:
    program = (
        "import glob; [open(path) for path in glob.glob('/dev/accel*')]; print(len(glob.glob('/dev/accel*')), 'chips')"
    )
    descriptor = documents.load(content.FIXTURES / "accelerators" / "google-tpu.yaml").data
    descriptor["workload"] = {"image": "python", "command": ["python3", "-c", program], "output": "^4 chips$"}
    (tmp_path / "tpu.yaml").write_text(json.dumps(descriptor), encoding="utf-8")

    found = _run(tmp_path / "out", "demo", "--world", "google-tpu", "--descriptor", str(tmp_path / "tpu.yaml"))

    assert found["vendor_workload_computes"] == {("passed", "")}


@pytest.mark.parametrize("user", ["nobody", "viewer"])
def test_an_account_that_may_not_create_is_told_forbidden(tmp_path: Path, user: str) -> None:
    with simulator.start("conformant") as running:
        words = ("run", "--yes", "--kubeconfig", str(running.kubeconfig), "--context", f"simulated-{user}")
        found = _run(tmp_path, *words)
    assert set.union(*found.values()) == {("unknown", "forbidden")}
