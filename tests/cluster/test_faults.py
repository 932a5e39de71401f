"""Every fault that the testbed can have: the same verdicts and codes as on the simulated cluster, and no other change."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.run import proof
from tests.cluster.ground import Ground, real_faults

pytestmark = pytest.mark.cluster
BOTH = ("dra_support", "secure_accelerator_access")
REAL = real_faults(*BOTH)
SCALE = 1 / 3
"""Factor on every limit: nothing has to be pulled here, and a pod starts within a second."""


@pytest.fixture(scope="module", autouse=True)
def one_node(ground: Ground) -> Iterator[None]:
    """One schedulable node: a fault shows on one as on two, and half of the pods are enough."""
    if ground.state is None:
        yield
        return
    path = "/api/v1/nodes/node-a"
    ground.api().patch(path, {"spec": {"unschedulable": True}})
    yield
    ground.api().patch(path, {"spec": {"unschedulable": None}})


@pytest.fixture(scope="module")
def right(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> proof.Verdicts:
    """Verdicts of the cluster as it is."""
    _, document = ground.run(tmp_path_factory.mktemp("right"), *BOTH)
    return proof.verdicts(document)


@pytest.mark.parametrize("name", REAL)
def test_fault_is_caught_by_exactly_the_checks_that_its_file_lists(
    testbed: Ground, right: proof.Verdicts, tmp_path: Path, name: str
) -> None:
    fault = REAL[name]
    with testbed.fault(name):
        _, document = testbed.run(tmp_path, "--timeout-scale", f"{fault.limits * SCALE:.2f}", *BOTH)

    checks = {check for check in fault.checks() if check.startswith(BOTH)}
    rows = proof.compare(fault, right, proof.verdicts(document), checks)
    assert rows
    missed = {row.check: (row.found, row.problems) for row in rows if not row.caught}
    assert not missed, json.dumps(missed, indent=2)


def test_at_least_five_faults_are_planted_on_real_parts() -> None:
    assert len(REAL) >= 5
