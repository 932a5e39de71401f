"""The suite on a real cluster: it passes what works, leaves nothing, and survives its own death."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.errors import ExitCode
from tests.cluster.ground import Ground

pytestmark = pytest.mark.cluster
BOTH = ("dra_support", "secure_accelerator_access")


# By the newer profile everything is asked for, by the older one these two requirements.
@pytest.mark.parametrize(("profile", "words"), [("cncf-1.35", BOTH), ("cncf-1.37", ())])
def test_both_requirements_pass_with_controls_by_both_ways_and_nothing_is_left(
    testbed: Ground, tmp_path: Path, profile: str, words: tuple[str, ...]
) -> None:
    code, document = testbed.run(tmp_path, "--profile", profile, *words)

    found = {r["id"]: (r["verdict"], r["grade"]) for r in document["requirements"] if r["id"] in BOTH}
    assert found == dict.fromkeys(BOTH, ("passed", "controlled"))
    checks = [c for r in document["requirements"] if r["id"] == "secure_accelerator_access" for c in r["checks"]]
    assert {c["variant"] for c in checks} == {
        f"{way}-t1000@{node}" for way in ("dra", "device-plugin") for node in ("node-a", "node-b")
    }
    assert {c["verdict"] for c in checks} == {"passed"}
    assert (document["outcome"], document["leftovers"]) == ("inconclusive", [])
    assert code == (ExitCode.CONFORMANT if words else ExitCode.INCONCLUSIVE)
    assert testbed.leftovers() == []


def test_a_whole_run_is_not_conformant_while_requirements_have_no_check(ground: Ground, tmp_path: Path) -> None:
    if ground.state is not None:
        pytest.skip("shown above; this one is for a cluster that --kubeconfig names")
    code, document = ground.run(tmp_path)

    codes = {r["id"]: r["code"] for r in document["requirements"]}
    assert codes["robust_controller"] == "not_covered"
    assert code != ExitCode.CONFORMANT
    assert document["outcome"] != "conformant"
    assert ground.leftovers() == []


def test_without_the_driver_the_same_run_does_not_pass(testbed: Ground, tmp_path: Path) -> None:
    with testbed.fault("no_driver"):
        code, document = testbed.run(tmp_path, *BOTH)

    verdicts = {r["id"]: r["verdict"] for r in document["requirements"] if r["id"] in BOTH}
    assert verdicts == {"dra_support": "passed", "secure_accelerator_access": "unknown"}
    readiness = [
        c["verdict"] for r in document["requirements"] for c in r["checks"] if c["check"] == "claim_is_allocated"
    ]
    assert readiness == ["unknown"]
    assert code == ExitCode.INCONCLUSIVE


def test_a_run_killed_with_sigkill_leaves_no_verdict_and_one_sweep_leaves_nothing(
    testbed: Ground, tmp_path: Path
) -> None:
    command = testbed.command(tmp_path, "secure_accelerator_access")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as run:
        assert run.stderr is not None
        next(line for line in run.stderr if "[1/" in line)
        os.killpg(run.pid, signal.SIGKILL)

    assert '"complete": false' in (tmp_path / "conformance.json").read_text(encoding="utf-8")
    assert testbed.leftovers() != []
    testbed.expire_leases()
    sweep = [sys.executable, "-m", "conformance", "sweep", "--kubeconfig", str(testbed.kubeconfig)]
    assert subprocess.run(sweep, check=False).returncode == 0
    assert testbed.leftovers() == []
