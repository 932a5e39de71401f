"""Gangs of the real scheduler: few accelerators of real nodes by both ways, and a pool of fake nodes at size."""

from pathlib import Path
from typing import Any

import pytest

from conformance.errors import ExitCode
from conformance.run import proof
from tests.cluster.fake_nodes import fake_nodes
from tests.cluster.ground import Ground, real_faults

pytestmark = pytest.mark.cluster
REQUIREMENT = "gang_scheduling"
CHECKS = {
    "fitting_gang_starts_and_finishes",
    "gang_that_does_not_fit_holds_nothing",
    "waiting_gang_starts_when_room_appears",
    "two_gangs_do_not_deadlock",
    "deleted_gang_frees_its_devices",
}
FAULTS = real_faults(REQUIREMENT)
TRIED = (
    "gang_starts_in_part",
    "gang_admitted_beyond_capacity",
    "scheduler_stopped",
    "claim_never_released",
    "prepare_fails",
    "no_driver",
)
SCALE = {"scheduler_stopped": 0.05, "claim_never_released": 0.1, "prepare_fails": 0.1}
"""Factor on every limit, where checks run into them; the rest of the gangs must start within it."""
PODGROUPS = "/apis/scheduling.k8s.io/v1beta1/podgroups"
Record = dict[str, Any]


def records(document: dict[str, Any]) -> list[Record]:
    (found,) = [entry for entry in document["requirements"] if entry["id"] == REQUIREMENT]
    return list(found["checks"])


def facts(found: list[Record], check: str, action: str) -> dict[str, Any]:
    (record,) = [entry for entry in found if entry["check"] == check]
    (step,) = [step for step in record["steps"] if step["action"] == action]
    return dict(step["facts"])


def test_native_gangs_pass_by_both_ways_with_controls_and_nothing_is_left(testbed: Ground, tmp_path: Path) -> None:
    code, document = testbed.run(tmp_path, REQUIREMENT)

    found = records(document)
    assert {(r["check"], r["variant"]) for r in found} == {
        (check, f"{way}-t1000+native") for check in CHECKS for way in ("dra", "device-plugin")
    }
    assert {(r["id"], r["verdict"], r["grade"]) for r in found} == {(r["id"], "passed", "controlled") for r in found}
    assert (code, document["leftovers"]) == (ExitCode.CONFORMANT, [])
    assert testbed.leftovers() == []
    assert testbed.api().list(PODGROUPS) == []


def test_a_gang_of_one_more_than_a_hundred_accelerators_holds_nothing(testbed: Ground, tmp_path: Path) -> None:
    words = ("--gang-nodes", "all", "--variant", "device-plugin-kwok-h100+native", REQUIREMENT)
    with fake_nodes(testbed.api()):
        _, document = testbed.run(tmp_path, *words)

    found = records(document)
    assert {r["check"]: (r["verdict"], r["grade"]) for r in found} == dict.fromkeys(CHECKS, ("passed", "controlled"))
    window = facts(found, "gang_that_does_not_fit_holds_nothing", "watched the gang")
    assert (window["free"], window["asked"]) == (104, 104), "one is held by a pod in no gang"
    contest = facts(found, "two_gangs_do_not_deadlock", "two gangs of more than half of the devices each")
    assert (contest["gang_size"], contest["devices"]) == (53, 104)
    assert document["leftovers"] == []


@pytest.mark.parametrize("name", TRIED)
def test_the_real_scheduler_with_a_fault_gets_the_verdicts_that_the_simulated_one_gets(
    testbed: Ground, tmp_path: Path, name: str
) -> None:
    fault = FAULTS[name]
    with testbed.fault(name):
        _, document = testbed.run(tmp_path, "--timeout-scale", str(SCALE.get(name, 0.5)), REQUIREMENT)

    found = proof.verdicts(document)
    wanted = {record: fault.wanted(record) or ("passed", "") for record in found}
    assert {record for record in found if fault.wanted(record)}
    assert found == wanted
