"""The suite on a real cluster: it passes what works, leaves nothing, and survives its own death."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.cluster import errors
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


POLICIES, RUN_LABEL = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies", "kube-ai-conformance.dev/run"


@pytest.fixture
def no_root(testbed: Ground) -> Iterator[None]:
    """A policy of the cluster that refuses the suite's pods where they run as root."""
    api, name = testbed.api(), "no-root.ai-conformance.test"
    root = "object.spec.containers.exists(c, c.?securityContext.?runAsUser.orValue(1) == 0)"
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    ours = {"matchExpressions": [{"key": RUN_LABEL, "operator": "Exists"}]}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [pods], "objectSelector": ours},
        "validations": [{"expression": f"!{root}", "message": "no pod runs as root here"}],
    }
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    bindings = POLICIES.replace("policies", "policybindings")
    api.create(POLICIES, {**head, "kind": "ValidatingAdmissionPolicy", "spec": spec})
    binding = {"policyName": name, "validationActions": ["Deny"]}
    api.create(bindings, {**head, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding})
    container = {"name": "main", "image": "none", "securityContext": {"runAsUser": 0}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "labels": {RUN_LABEL: "x"}}}
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                api.create(
                    "/api/v1/namespaces/default/pods", {**pod, "spec": {"containers": [container]}}, dry_run=True
                )
            except errors.Denied:
                break
        yield
    finally:
        api.delete(f"{bindings}/{name}")
        api.delete(f"{POLICIES}/{name}")


@pytest.mark.usefixtures("no_root")
def test_where_a_policy_refuses_pods_that_run_as_root_restricted_ones_are_tried(
    testbed: Ground, tmp_path: Path
) -> None:
    code, document = testbed.run(tmp_path, "secure_accelerator_access/own_device_only")

    records = [c for r in document["requirements"] for c in r["checks"] if c["check"] == "own_device_only"]
    assert {record["verdict"] for record in records} == {"passed"}
    told = [
        step["observed"] for record in records for step in record["steps"] if step["action"] == "tried a pod as root"
    ]
    assert len(told) == len(records)
    assert all("no pod runs as root here" in text for text in told)
    assert code == ExitCode.CONFORMANT
