"""A real cluster for the tests: a testbed, brought up once for each worker of pytest, or the cluster of ``--kubeconfig``.

Where the testbed cannot run, the tests are skipped with the reason in one line, unless AI_CONFORMANCE_CLUSTER=required.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.ground import DESCRIPTOR, IMAGE, TESTBED, Ground

ADD_ONS = "karpenter,keda,prometheus"
OPTIONS = ("--descriptor", str(DESCRIPTOR), "--probe-image", IMAGE)


SCHEDULING = ("test_scheduling_ground.py", "test_pod_autoscaling.py", "test_cluster_autoscaling.py")
"""Files whose tests share the testbed with add-ons."""
SPREAD = ("test_faults.py",)
"""Files whose tests may run on any worker."""


def place(nodeid: str) -> str:
    """What has to run on the same worker: each more is one more testbed on the machine."""
    file = nodeid.partition("::")[0].rpartition("/")[2]
    if file in SCHEDULING:
        return "scheduling"
    return nodeid if file in SPREAD else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One worker for all tests of a file, because the groups of xdist are not heeded by every pytest."""
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - only where workers are wanted

    class ByPlace(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return place(nodeid)

    return ByPlace(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tests of a cluster that is there already."""
    parser.addoption("--kubeconfig", metavar="FILE", help="run against this cluster instead of a testbed")
    parser.addoption(
        "--state", metavar="DIR", help="state folder, if the cluster of --kubeconfig is a testbed that runs already"
    )


@pytest.fixture(scope="session")
def ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """The real cluster."""
    given = _given(request.config)
    if given:
        yield given
        return
    with _brought_up(tmp_path_factory.mktemp("testbed")) as testbed:
        yield testbed


@pytest.fixture(scope="session")
def scheduling_ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A testbed with Prometheus, KEDA and Karpenter; tests that want it share one worker, as it is one more testbed."""
    given = _given(request.config)
    if not given:
        with _brought_up(tmp_path_factory.mktemp("scheduling"), "--with", ADD_ONS) as testbed:
            yield testbed
        return
    if given.state is None or (given.state / "add-ons").read_text(encoding="utf-8").split() != ADD_ONS.split(","):
        pytest.skip(f"the cluster of --kubeconfig is no testbed that was brought up `--with {ADD_ONS}`")
    yield given


@pytest.fixture(scope="module")
def sharing_ground(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A testbed with shared devices, for the one module that wants it: it goes before the worker gets another one."""
    given = _given(request.config)
    if not given:
        with _brought_up(tmp_path_factory.mktemp("sharing"), "--with", "sharing") as testbed:
            yield testbed
        return
    if given.state is None or "sharing" not in (given.state / "add-ons").read_text(encoding="utf-8").split():
        pytest.skip("the cluster of --kubeconfig is no testbed that was brought up `--with sharing`")
    yield given


def _given(config: pytest.Config) -> Ground | None:
    """The cluster of --kubeconfig, if there is one."""
    given, state = config.getoption("--kubeconfig"), config.getoption("--state")
    if not given:
        return None
    kubeconfig = Path(given).resolve()
    return Ground(kubeconfig, Path(state).resolve(), OPTIONS) if state else Ground(kubeconfig, None, ())


@contextmanager
def _brought_up(folder: Path, *words: str) -> Iterator[Ground]:
    """A testbed of the tests' own."""
    _require()
    kubeconfig, state = folder / "kubeconfig", folder / "state"
    command = [sys.executable, str(TESTBED), "up", "--kubeconfig", str(kubeconfig), "--state", str(state), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as testbed:
        try:
            _await_ready(testbed)
            yield Ground(kubeconfig, state, OPTIONS)
        finally:
            testbed.kill()
            subprocess.run([sys.executable, str(TESTBED), "down", "--state", str(state)], check=False)


def _require() -> None:
    """Skip, or fail where the machine must be able to."""
    asked = subprocess.run([sys.executable, str(TESTBED), "check"], capture_output=True, text=True, check=False)
    if asked.returncode == 0:
        return
    reason = (asked.stdout + asked.stderr).strip()
    if os.environ.get("AI_CONFORMANCE_CLUSTER") == "required":
        pytest.fail(f"{reason}; AI_CONFORMANCE_CLUSTER=required", pytrace=False)
    pytest.skip(f"{reason}; --kubeconfig FILE takes any cluster")


def _await_ready(testbed: "subprocess.Popen[str]") -> None:
    """Pass on what the testbed says until it is ready."""
    assert testbed.stdout is not None
    for line in testbed.stdout:
        sys.stderr.write(line)
        sys.stderr.flush()
        if line.startswith("ready:"):
            return
    pytest.fail(f"the testbed ended with {testbed.wait()} before it was ready", pytrace=False)


@pytest.fixture(scope="session")
def testbed_ground(ground: Ground) -> Ground:
    """The testbed, for tests that need to know what is in it."""
    if ground.state is None:
        pytest.skip("only the testbed has the objects that the simulated cluster is compared with")
    return ground


@pytest.fixture
def testbed(ground: Ground) -> Ground:
    """The testbed, for tests that break it on purpose."""
    if ground.state is None:
        pytest.skip("faults are planted in the testbed only, not in a cluster that --kubeconfig names")
    return ground
