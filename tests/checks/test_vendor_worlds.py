"""The accelerator checks on a world of each vendor: they pass where a probe can see, and say why where it cannot."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance import results
from conformance.inventory import descriptors

pytestmark = pytest.mark.slow
DRIVER, SHARING, VIRTUAL = "driver_runtime_management", "gpu_sharing", "virtualized_accelerator"
DRA, ACCESS = "dra_support", "secure_accelerator_access"
ASKED = (DRIVER, SHARING, VIRTUAL, DRA, ACCESS)
PASSED = ("passed", "")
NO_COMPUTE, NO_VERSIONS, NO_NODE = ("unknown", "no_compute"), ("unknown", "no_versions"), ("unknown", "no_device_node")
NOT_KNOWN, WHOLE_NODE = ("unknown", "virtualization_not_known"), ("unknown", "whole_node_only")
NONE_OFFERED = ("failed", "no_virtual_device")
"""The vendor's accelerators can be virtualized, and the world offers whole ones only."""
WORLDS = {
    "nvidia": {
        DRIVER: ("unknown", "version_not_read"),
        SHARING: NO_COMPUTE,
        VIRTUAL: NONE_OFFERED,
        DRA: PASSED,
        ACCESS: PASSED,
    },
    "amd": {
        DRIVER: PASSED,
        SHARING: ("unknown", "no_parent"),
        VIRTUAL: NOT_KNOWN,
        DRA: PASSED,
        ACCESS: PASSED,
    },
    "intel-gpu": {DRIVER: NO_VERSIONS, SHARING: NO_COMPUTE, VIRTUAL: NONE_OFFERED, DRA: PASSED, ACCESS: PASSED},
    "intel-gaudi": {
        DRIVER: NO_VERSIONS,
        SHARING: ("not_applicable", ""),
        VIRTUAL: NOT_KNOWN,
        DRA: PASSED,
        ACCESS: PASSED,
    },
    "google-tpu": {
        DRIVER: WHOLE_NODE,
        SHARING: ("not_applicable", ""),
        VIRTUAL: NOT_KNOWN,
        DRA: PASSED,
        ACCESS: WHOLE_NODE,
    },
    "aws-neuron": {DRIVER: NO_VERSIONS, SHARING: NO_COMPUTE, VIRTUAL: NOT_KNOWN, DRA: PASSED, ACCESS: PASSED},
    "huawei-ascend": {
        DRIVER: NO_VERSIONS,
        SHARING: ("unknown", "no_parent"),
        VIRTUAL: NO_COMPUTE,
        DRA: PASSED,
        ACCESS: PASSED,
    },
    "example": {DRIVER: NO_NODE, SHARING: NO_NODE, VIRTUAL: NOT_KNOWN, DRA: PASSED, ACCESS: NO_NODE},
}


def _demo(out: Path, world: str) -> dict[str, Any]:
    """Results of the accelerator checks on a world, by a run in a process of its own."""
    command = [sys.executable, "-m", "conformance", "demo", "--world", world, "--out", str(out), *ASKED]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "KUBE"))}
    ended = subprocess.run(
        command, check=False, capture_output=True, stdin=subprocess.DEVNULL, env=environment, text=True
    )
    assert "Traceback" not in ended.stderr
    document: dict[str, Any] = results.read(out)
    assert (document["complete"], document["leftovers"]) == (True, [])
    return document


@pytest.mark.parametrize("world", WORLDS)
def test_vendor_is_judged_as_far_as_a_probe_can_see(tmp_path: Path, world: str) -> None:
    judged = [entry for entry in _demo(tmp_path, world)["requirements"] if entry["id"] in ASKED]
    assert {entry["id"]: (entry["verdict"], entry["code"]) for entry in judged} == WORLDS[world]
    records = [record for entry in judged for record in entry["checks"]]
    failed = {record["code"] for record in records if record["verdict"] == "failed"}
    assert failed == {code for verdict, code in WORLDS[world].values() if verdict == "failed"}
    assert all(record["reason"] for record in records if record["verdict"] != "passed")


def test_every_descriptor_is_tried() -> None:
    assert {descriptor.id for descriptor in descriptors.load()} - {"simulated"} == WORLDS.keys()
