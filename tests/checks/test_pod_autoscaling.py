"""Autoscaling on clusters that lack something: what cannot be judged never passes, and says why."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conformance import results

pytestmark = pytest.mark.slow
Object = dict[str, Any]
ONE_EACH = """
title: One accelerator, and an adapter of custom metrics
nodes:
  - {name: node-a, devicePlugin: [0]}
metrics: {custom: true}
"""


def _demo(out: Path, world: str, *words: str) -> set[tuple[str, str, str]]:
    """Check, verdict and code of every record of the requirement."""
    command = [sys.executable, "-m", "conformance", "demo", "--world", world, "--out", str(out), *words]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "KUBE"))}
    ended = subprocess.run(
        command, check=False, capture_output=True, stdin=subprocess.DEVNULL, env=environment, text=True
    )
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False)
    document = results.read(out)
    (found,) = [entry for entry in document["requirements"] if entry["id"] == "pod_autoscaling"]
    records = [record for record in found["checks"] if record["code"] != "not_selected"]
    assert (document["complete"], document["leftovers"]) == (True, [])
    return {(record["check"], record["verdict"], record["code"]) for record in records}


def _world(folder: Path, text: str) -> str:
    path = folder / "world.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


CHECKS = ("scales_on_queue_depth", "scales_on_token_rate", "unreadable_metric_is_shown")


def test_without_an_adapter_nothing_is_known(tmp_path: Path) -> None:
    found = _demo(tmp_path / "out", "no-metrics-adapter", "pod_autoscaling")
    assert found == {(check, "unknown", "no_metrics_solution") for check in CHECKS}


def test_without_autoscalers_the_requirement_does_not_apply(tmp_path: Path) -> None:
    world = _world(tmp_path, f"withhold: [autoscaling]{ONE_EACH}")
    found = _demo(tmp_path / "out", world, "pod_autoscaling")
    assert found == {(check, "not_applicable", "no_hpa_api") for check in CHECKS}


def test_with_one_accelerator_there_is_none_for_a_second_replica(tmp_path: Path) -> None:
    found = _demo(tmp_path / "out", _world(tmp_path, ONE_EACH), "pod_autoscaling")
    assert found == {
        *((check, "unknown", "too_few_free") for check in CHECKS[:2]),
        (CHECKS[2], "passed", ""),
    }
