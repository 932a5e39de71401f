"""An API server that answers 500 or 429 or cuts watches never makes a verdict false: right or unverified, nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from conformance import results
from conformance.run import proof
from conformance.verdicts import Verdict

pytestmark = pytest.mark.slow
CHECKS = ("secure_accelerator_access/own_device_only", "dra_support/unsatisfiable_claim_waits")
TROUBLE = ("api_500", "api_429", "watch_dropped")


def _run(out: Path, *faults: str) -> proof.Verdicts:
    words = [word for fault in faults for word in ("--fault", fault)]
    command = [
        sys.executable,
        "-m",
        "conformance",
        "demo",
        "--out",
        str(out),
        "--timeout-scale",
        "0.3",
        *words,
        *CHECKS,
    ]
    subprocess.run(command, check=False, capture_output=True)
    return proof.verdicts(results.read(out))


@pytest.mark.parametrize("trouble", TROUBLE)
def test_a_right_cluster_behind_a_broken_api_never_fails(tmp_path: Path, trouble: str) -> None:
    found = _run(tmp_path, trouble)

    ways = {"dra": CHECKS, "device-plugin": CHECKS[:1]}
    nodes = ("node-a", "node-b")
    assert set(found) == {f"{check}[{way}-s1@{node}]" for way in ways for check in ways[way] for node in nodes}
    assert {verdict for verdict, _ in found.values()} <= {Verdict.PASSED, Verdict.UNVERIFIED}
    assert Verdict.PASSED in {verdict for verdict, _ in found.values()}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_a_wrong_cluster_behind_a_broken_api_never_passes(tmp_path: Path, trouble: str) -> None:
    found = _run(tmp_path, trouble, "every_device_in_every_container", "unsatisfiable_claim_allocated")

    assert {verdict for verdict, _ in found.values()} <= {Verdict.FAILED, Verdict.UNVERIFIED}
    assert Verdict.FAILED in {verdict for verdict, _ in found.values()}
