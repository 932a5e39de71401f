"""Cluster autoscaling on the real thing: Karpenter adds and removes nodes, which kwok keeps alive."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.run import proof
from tests.cluster.ground import Ground, real_faults

pytestmark = pytest.mark.cluster
Object = dict[str, Any]
REQUIREMENT = "cluster_autoscaling"
REAL = {name: fault for name, fault in real_faults(REQUIREMENT).items() if name != "plugin_injects_nothing"}
"""Pods on fake nodes open nothing, with this fault or without."""
SCALE = 0.08
"""Factor on every limit: a node comes within seconds and goes within a minute."""


def _run(ground: Ground, out: Path, *words: str) -> Object:
    _, document = ground.run(out, "--timeout-scale", f"{SCALE:.2f}", *words, REQUIREMENT)
    return document


def _record(document: Object) -> Object:
    (found,) = [entry for entry in document["requirements"] if entry["id"] == REQUIREMENT]
    (record,) = found["checks"]
    return dict(record)


@pytest.fixture(scope="module")
def right(scheduling_ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Object:
    """Results of the cluster as it is."""
    return _run(scheduling_ground, tmp_path_factory.mktemp("right"), "--allow-scale-up")


def test_karpenter_adds_a_node_for_the_pod_that_waits_and_takes_it_away(
    scheduling_ground: Ground, right: Object
) -> None:
    record = _record(right)
    assert (record["variant"], record["verdict"], record["grade"]) == ("karpenter", "passed", "behavioural")
    assert (right["leftovers"], scheduling_ground.leftovers()) == ([], [])


def test_without_leave_nothing_is_created(scheduling_ground: Ground, tmp_path: Path) -> None:
    record = _record(_run(scheduling_ground, tmp_path))
    assert (record["verdict"], record["code"]) == ("skipped", "scale_up_not_allowed")


@pytest.mark.parametrize("name", REAL)
def test_fault_is_caught_as_on_the_simulated_cluster(
    scheduling_ground: Ground, right: Object, tmp_path: Path, name: str
) -> None:
    with scheduling_ground.fault(name):
        document = _run(scheduling_ground, tmp_path, "--allow-scale-up")

    before, after = (
        {key: ended for key, ended in proof.verdicts(found).items() if key.startswith(f"{REQUIREMENT}/")}
        for found in (right, document)
    )
    rows = proof.compare(REAL[name], before, after, REAL[name].checks())
    assert rows
    missed = {row.check: (row.found, row.problems) for row in rows if not row.caught}
    assert not missed, json.dumps(missed, indent=2)
