"""Behind an API server that answers 500 or 429 or cuts watches, versions and virtual devices are right or unverified."""

import subprocess
import sys
from pathlib import Path

import pytest

from conformance import results
from conformance.run import proof
from conformance.verdicts import Verdict

pytestmark = pytest.mark.slow
CHECKS = ("driver_runtime_management/versions_agree", "virtualized_accelerator/virtual_device_computes")
TROUBLE = ("api_500", "api_429", "watch_dropped")


def _verdicts(out: Path, *faults: str) -> set[Verdict]:
    words = [word for fault in faults for word in ("--fault", fault)]
    command = [sys.executable, "-m", "conformance", "demo", "--out", str(out), "--timeout-scale", "0.3", *words]
    subprocess.run([*command, *CHECKS], check=False, capture_output=True)
    return {Verdict(verdict) for verdict, _ in proof.verdicts(results.read(out)).values()}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_a_right_cluster_behind_a_broken_api_never_fails(tmp_path: Path, trouble: str) -> None:
    found = _verdicts(tmp_path, trouble)
    assert Verdict.PASSED in found
    assert found <= {Verdict.PASSED, Verdict.UNVERIFIED}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_a_wrong_cluster_behind_a_broken_api_never_passes(tmp_path: Path, trouble: str) -> None:
    found = _verdicts(tmp_path, trouble, "advertised_version_differs", "virtual_device_is_whole")
    assert Verdict.FAILED in found
    assert found <= {Verdict.FAILED, Verdict.UNVERIFIED}
