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
ALWAYS = (
    "secure_accelerator_access",
    *(
        f"dra_support/{name}"
        for name in ("type_is_usable", "claim_is_allocated", "claim_is_released", "unsatisfiable_claim_waits")
    ),
)
"""What is run with every fault. Which device a claim is given takes long to try: that is run with the faults that list it."""
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
    _, document = ground.run(tmp_path_factory.mktemp("right"), *_asked(*REAL.values()))
    return proof.verdicts(document)


@pytest.mark.parametrize("name", REAL)
def test_fault_is_caught_by_exactly_the_checks_that_its_file_lists(
    testbed: Ground, right: proof.Verdicts, tmp_path: Path, name: str
) -> None:
    fault = REAL[name]
    with testbed.fault(name):
        _, document = testbed.run(tmp_path, "--timeout-scale", f"{fault.limits * SCALE:.2f}", *_asked(fault))

    checks = {check for check in fault.checks() if check.startswith(BOTH)}
    wrong = proof.verdicts(document)
    tried = {record: ended for record, ended in right.items() if _is_asked(record, fault)}
    rows = proof.compare(fault, tried, wrong, checks)
    assert rows
    missed = {row.check: (row.found, row.problems) for row in rows if not row.caught}
    assert not missed, json.dumps(missed, indent=2)


def _asked(*faults: proof.Fault) -> list[str]:
    """What is run with these faults."""
    listed = {check for fault in faults for check in fault.checks() if check.startswith(BOTH)}
    return [*ALWAYS, *sorted(listed - set(ALWAYS) - {c for c in listed if c.startswith("secure_accelerator_access/")})]


def _is_asked(record: str, fault: proof.Fault) -> bool:
    return record.startswith("secure_accelerator_access/") or proof.check_of(record) in _asked(fault)


def test_at_least_five_faults_are_planted_on_real_parts() -> None:
    assert len(REAL) >= 5
