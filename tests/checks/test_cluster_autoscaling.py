"""Cluster autoscaling where there is none, where it does not show, where nobody allowed it, and where others are in the way."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance import content, results, simulator

pytestmark = pytest.mark.slow
Object = dict[str, Any]
NODE = {"name": "node-a", "devicePlugin": [0, 1]}
POOL = {
    "name": "accelerated",
    "autoscaler": "cluster-autoscaler",
    "min": 1,
    "max": 2,
    "nodes": ["node-a"],
    "template": {"devicePlugin": 2},
}


def judged(out: Path, *words: str) -> Object:
    """The one record of the requirement, of a run in a process of its own."""
    command = [sys.executable, "-m", "conformance", *words, "--out", str(out), "cluster_autoscaling"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "KUBE"))}
    ended = subprocess.run(
        command, check=False, capture_output=True, stdin=subprocess.DEVNULL, env=environment, text=True
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    document = results.read(out)
    assert (document["complete"], document["leftovers"]) == (True, [])
    (entry,) = [r for r in document["requirements"] if r["id"] == "cluster_autoscaling"]
    (record,) = entry["checks"]
    return dict(record)


def live(
    tmp_path: Path, world: Path | str, *words: str, faults: tuple[str, ...] = (), context: str = "simulated"
) -> Object:
    """The record of a run against a cluster that is not known to be simulated."""
    with simulator.start(world, faults, kubeconfig=tmp_path / "config") as cluster:
        asked = ("run", "--kubeconfig", str(cluster.kubeconfig), "--context", context, *words)
        record = judged(tmp_path / "out", *asked)
        assert cluster.crashes == []
    return record


def world(tmp_path: Path, **changed: Any) -> Path:
    """A world of one node in a pool, changed."""
    path = tmp_path / "world.yaml"
    path.write_text(json.dumps({"title": "t", "nodes": [NODE], "pools": [POOL], **changed}))
    return path


def ended(record: Object) -> tuple[str, str]:
    return record["verdict"], record["code"]


def test_without_leave_no_node_is_bought_and_the_verdict_is_skipped(tmp_path: Path) -> None:
    record = live(tmp_path, world(tmp_path))
    assert ended(record) == ("skipped", "scale_up_not_allowed")
    assert "--allow-scale-up" in record["reason"]
    assert not any("namespace" in step["action"] for step in record["steps"])


def test_fixed_pool_fails_before_anybody_is_asked_for_leave(tmp_path: Path) -> None:
    record = live(tmp_path, world(tmp_path), faults=("pool_is_fixed",))
    assert ended(record) == ("failed", "pool_fixed")
    assert "min 1, max 1" in record["observed"]


def test_managed_provider_without_a_sign_is_unknown_before_anybody_is_asked_for_leave(tmp_path: Path) -> None:
    assert ended(live(tmp_path, "managed")) == ("unknown", "autoscaler_not_visible")


def test_proven_absence_is_not_applicable(tmp_path: Path) -> None:
    record = live(tmp_path, "device-plugin-only")
    assert ended(record) == ("not_applicable", "no_autoscaler")


@pytest.mark.parametrize("rule", ["list deployments.apps", "list events", "get configmaps"])
def test_absence_is_not_proven_where_a_sign_must_not_be_read(tmp_path: Path, rule: str) -> None:
    users = {"blind": {"deny": [rule]}}
    path = world(tmp_path, pools=[], users=users)
    record = live(tmp_path, path, context="simulated-blind")
    assert ended(record) == ("unknown", "signs_not_readable")


def test_pool_of_claims_grows_for_a_pod_with_a_claim(tmp_path: Path) -> None:
    pool = {**POOL, "template": {"dra": 2}}
    path = world(tmp_path, nodes=[{"name": "node-a", "dra": [0, 1]}], pools=[pool])
    record = judged(tmp_path / "out", "demo", "--world", str(path))
    assert (*ended(record), record["grade"]) == ("passed", "", "controlled")
    assert any("by DRA" in step["observed"] for step in record["steps"])


def test_wrong_node_is_seen_where_drivers_publish_devices(tmp_path: Path) -> None:
    pool = {**POOL, "template": {"dra": 2}}
    nodes = [{"name": "node-a", "dra": [0, 1]}]
    path = world(tmp_path, nodes=nodes, pools=[pool], components={"pools": {"adds": "without_accelerators"}})
    assert ended(judged(tmp_path / "out", "demo", "--world", str(path))) == ("failed", "wrong_node_type")


def test_pool_that_the_user_names_is_taken(tmp_path: Path) -> None:
    other = {**POOL, "name": "other", "nodes": ["node-b"], "label": "sim.dev/pool=b"}
    path = world(tmp_path, nodes=[NODE, {"name": "node-b", "devicePlugin": [2]}], pools=[POOL, other])
    record = judged(tmp_path / "out", "demo", "--world", str(path), "--node-pool", "sim.dev/pool=b")
    assert record["verdict"] == "passed"
    assert any("sim.dev/pool=b (1 node)" in step["observed"] for step in record["steps"])


def test_label_that_no_accelerator_node_has_is_unknown(tmp_path: Path) -> None:
    record = judged(tmp_path / "out", "demo", "--world", str(world(tmp_path)), "--node-pool", "a=b")
    assert ended(record) == ("unknown", "no_pool")


def test_pool_at_its_maximum_is_unverified(tmp_path: Path) -> None:
    path = world(tmp_path, pools=[{**POOL, "min": 0, "max": 1}])
    assert ended(judged(tmp_path / "out", "demo", "--world", str(path))) == ("unverified", "pool_full")


def test_pod_of_others_that_waits_leaves_it_unverified(tmp_path: Path) -> None:
    container = {"name": "c", "image": "python:3", "resources": {"limits": {"sim.dev/accel": "9"}}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "foreign", "namespace": "default"},
        "spec": {"containers": [container]},
    }
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}}
    record = judged(tmp_path / "out", "demo", "--world", str(world(tmp_path, objects=[account, pod])))
    assert ended(record) == ("unverified", "competing_load")
    assert "default/foreign" in record["reason"]


def test_cluster_without_accelerators_has_no_pool_to_grow(tmp_path: Path) -> None:
    path = world(tmp_path, nodes=[{"name": "node-a"}])
    assert ended(judged(tmp_path / "out", "demo", "--world", str(path))) == ("unknown", "no_accelerator")


def test_faults_of_pools_belong_to_worlds_with_an_autoscaler() -> None:
    for path in sorted((content.FIXTURES / "faults").glob("*.yaml")):
        fault = yaml.safe_load(path.read_text())
        if "pools" in fault["change"]:
            assert "pools:" in (content.FIXTURES / "worlds" / f"{fault['world']}.yaml").read_text()
