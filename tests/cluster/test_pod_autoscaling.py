"""Autoscaling on the real thing: the controller of Kubernetes, KEDA, Prometheus, and servers that hold accelerators."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.run import proof
from tests.cluster.ground import Ground, real_faults

pytestmark = pytest.mark.cluster
Object = dict[str, Any]
REQUIREMENT = "pod_autoscaling"
QUICK = ("scales_on_queue_depth", "unreadable_metric_is_shown")
"""What is tried with faults: the growth of a counter takes minutes to fall."""
REAL = {name: fault for name, fault in real_faults(REQUIREMENT).items() if fault.requirements() == {REQUIREMENT}}
"""Faults of autoscaling itself; those of accelerators are tried with the checks of accelerators."""
REAL_PODS = ("-k", "not kwok")
"""Karpenter's fake nodes are a pool, too; no probe runs there, so nothing is judged on it."""
ONE_KIND = ("-k", "not kwok and not dra")
"""With faults one kind of accelerator is enough: each fault lies beside the accelerators and takes minutes to show."""
SCALE = 1 / 2
"""Factor on every limit: nothing has to be pulled here, and Prometheus scrapes every other second."""


def _records(document: Object) -> list[Object]:
    (found,) = [entry for entry in document["requirements"] if entry["id"] == REQUIREMENT]
    return list(found["checks"])


def _rise(record: Object) -> Object:
    (step,) = [step for step in record["steps"] if step["action"] == "replicas rose with the load"]
    return dict(step["facts"])


@pytest.fixture(scope="module")
def right(scheduling_ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Object:
    """Results of the cluster as it is."""
    _, document = scheduling_ground.run(tmp_path_factory.mktemp("right"), "--workers", "3", *REAL_PODS, REQUIREMENT)
    return document


def test_pods_on_accelerators_are_scaled_through_keda_by_both_metrics(scheduling_ground: Ground, right: Object) -> None:
    records = _records(right)
    assert {(record["verdict"], record["grade"]) for record in records} == {("passed", "controlled")}
    scaled = {record["variant"] for record in records if record["check"] != "unreadable_metric_is_shown"}
    assert scaled == {"dra-t1000+keda", "device-plugin-t1000+keda"}
    assert (right["leftovers"], scheduling_ground.leftovers()) == ([], [])


def test_replicas_rise_and_tokens_are_counted_before_and_after(right: Object) -> None:
    rises = [_rise(record) for record in _records(right) if record["check"] != "unreadable_metric_is_shown"]
    assert len(rises) == 4
    assert all(rise["tokens_per_second_before"] > 0 < rise["tokens_per_second_after"] for rise in rises)
    assert all(max(ready for _, ready in rise["ready_replicas_over_time"]) > 1 for rise in rises)


@pytest.mark.parametrize("name", REAL)
def test_fault_is_caught_as_on_the_simulated_cluster(
    scheduling_ground: Ground, right: Object, tmp_path: Path, name: str
) -> None:
    fault, checks = REAL[name], [f"{REQUIREMENT}/{check}" for check in QUICK]
    with scheduling_ground.fault(name):
        scale = f"{fault.limits * SCALE:.2f}"
        _, document = scheduling_ground.run(tmp_path, "--timeout-scale", scale, "--workers", "3", *ONE_KIND, *checks)

    before, after = (
        {
            name: ended
            for name, ended in proof.verdicts(found).items()
            if proof.check_of(name) in checks and "[dra-" not in name
        }
        for found in (right, document)
    )
    rows = proof.compare(fault, before, after, checks)
    assert rows
    missed = {row.check: (row.found, row.problems) for row in rows if not row.caught}
    assert not missed, json.dumps(missed, indent=2)
