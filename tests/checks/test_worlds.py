"""The checks on clusters that lack something, and by accounts that may little: what cannot be judged never passes."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance import results, simulator
from conformance.cluster import Api, connect

pytestmark = pytest.mark.slow
Object = dict[str, Any]
Judged = tuple[str, str]
"""Verdict and code."""
DRA, ACCESS = "dra_support", "secure_accelerator_access"
USABLE, ADMIN = "type_is_usable", "admin_access_needs_the_label"
CHOICE = {"selector_chooses_the_device", "prioritized_list_falls_back", "constraint_holds", "tainted_device_is_kept"}
SHARES = {"partitions_exclude_the_whole", "capacity_is_counted"}
EXTENDED = "extended_resource_by_dra"
ALLOCATION = {"claim_is_allocated", "unsatisfiable_claim_waits", "claim_is_released", *CHOICE, *SHARES, EXTENDED}
NO_ACCELERATOR = ("unknown", "no_accelerator")
PASSED = ("passed", "")
NAMESPACE = "given"
RUN = "kube-ai-conformance.dev/run"


def _suite(out: Path, *words: str) -> tuple[int, Object]:
    """Exit code and results of a run in a process of its own."""
    command = [sys.executable, "-m", "conformance", *words, "--out", str(out), DRA, ACCESS]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "KUBE"))}
    ended = subprocess.run(
        command, check=False, capture_output=True, stdin=subprocess.DEVNULL, env=environment, text=True
    )
    assert "Traceback" not in ended.stderr
    return ended.returncode, results.read(out)


def _demo(out: Path, world: str) -> Object:
    code, document = _suite(out, "demo", "--world", world)
    assert (code, document["complete"], document["leftovers"]) == (0, True, [])
    assert document["outcome"] == "inconclusive"
    return document


def _requirement(document: Object, name: str) -> Object:
    (found,) = [entry for entry in document["requirements"] if entry["id"] == name]
    return dict(found)


def _judged(document: Object, requirement: str) -> dict[str, set[Judged]]:
    """What the variants of each check of a requirement came to."""
    found: dict[str, set[Judged]] = {}
    for record in _requirement(document, requirement)["checks"]:
        found.setdefault(record["check"], set()).add((record["verdict"], record["code"]))
    assert found, "no check of the requirement was run"
    return found


def _kinds(requirement: Object) -> set[str]:
    """The kinds of accelerators that were judged, on whatever nodes."""
    return {record["variant"].partition("@")[0] for record in requirement["checks"]}


def _every(document: Object) -> set[Judged]:
    return set.union(*(seen for name in (DRA, ACCESS) for seen in _judged(document, name).values()))


@pytest.mark.parametrize("world", ["no-accelerator", "no-dra"])
def test_without_an_accelerator_only_the_api_is_judged(tmp_path: Path, world: str) -> None:
    document = _demo(tmp_path, world)
    access = _requirement(document, ACCESS)

    assert (access["verdict"], access["code"], access["grade"]) == (*NO_ACCELERATOR, None)
    assert set.union(*_judged(document, ACCESS).values()) == {NO_ACCELERATOR}
    api = {USABLE: {PASSED}, ADMIN: {PASSED}}
    assert _judged(document, DRA) == api | {check: {NO_ACCELERATOR} for check in ALLOCATION}


def test_without_dra_the_types_fail_allocation_is_unknown_and_the_device_plugin_is_judged(tmp_path: Path) -> None:
    document = _demo(tmp_path, "device-plugin-only")
    access, dra = _requirement(document, ACCESS), _requirement(document, DRA)

    assert (dra["verdict"], dra["code"]) == ("failed", "type_not_served")
    api = {USABLE: {("failed", "type_not_served")}, ADMIN: {("not_applicable", "type_not_served")}}
    assert _judged(document, DRA) == api | {check: {NO_ACCELERATOR} for check in ALLOCATION}
    assert (access["verdict"], access["grade"]) == ("passed", "controlled")
    assert set.union(*_judged(document, ACCESS).values()) == {PASSED}
    assert _kinds(access) == {"device-plugin-s1"}


def test_where_all_is_well_both_requirements_pass_with_a_control(tmp_path: Path) -> None:
    document = _demo(tmp_path, "conformant")
    found = [_requirement(document, name) for name in (ACCESS, DRA)]

    assert [(entry["verdict"], entry["grade"]) for entry in found] == [("passed", "controlled")] * 2
    assert _every(document) == {
        PASSED,
        ("not_applicable", "no_partitions"),
        ("not_applicable", "no_consumable_capacity"),
    }
    assert _kinds(found[0]) == {"device-plugin-s1", "dra-s1"}


def test_where_dra_gives_shares_they_are_counted_and_the_whole_devices_pass_beside_them(tmp_path: Path) -> None:
    judged = _judged(_demo(tmp_path, "dra-shared"), DRA)

    assert set.union(*(judged[check] for check in (*CHOICE, *SHARES, EXTENDED))) == {PASSED}


def test_what_a_gate_takes_away_is_not_applicable_with_the_field_and_the_rest_is_judged(tmp_path: Path) -> None:
    document = _demo(tmp_path, "dra-gates-off")
    judged, records = _judged(document, DRA), _requirement(document, DRA)["checks"]
    told = {record["check"]: record["reason"] for record in records}

    field, taints = {("not_applicable", "field_not_served")}, {("not_applicable", "type_not_served")}
    assert judged["prioritized_list_falls_back"] == judged[ADMIN] == judged[EXTENDED] == field
    assert judged["tainted_device_is_kept"] == taints
    assert {code for check in SHARES for _, code in judged[check]} == {"no_partitions", "no_consumable_capacity"}
    assert judged["selector_chooses_the_device"] == judged["constraint_holds"] == {PASSED}
    assert "firstAvailable" in told["prioritized_list_falls_back"]
    assert "resource.k8s.io/v1 drops adminAccess" in told[ADMIN]
    assert "resource.k8s.io/v1 drops spec.extendedResourceName" in told[EXTENDED]


@pytest.fixture(scope="module")
def cluster() -> Iterator[simulator.Running]:
    """A simulated cluster in which all is well."""
    with simulator.start("conformant") as running:
        yield running


@pytest.fixture
def api(cluster: simulator.Running) -> Api:
    """The administrator's view of it."""
    return connect(str(cluster.kubeconfig))


def _objects(api: Api, namespace: str) -> dict[str, set[str]]:
    """Names of what may be left in a namespace, and of what carries a run's label outside of any."""
    core, dra = f"/api/v1/namespaces/{namespace}", "/apis/resource.k8s.io/v1"
    inside = [f"{core}/{plural}" for plural in ("pods", "configmaps", "secrets", "serviceaccounts", "resourcequotas")]
    inside += [f"{dra}/namespaces/{namespace}/{plural}" for plural in ("resourceclaims", "resourceclaimtemplates")]
    inside += [f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"]
    found = {path: api.list(path) for path in inside}
    outside = [
        "/api/v1/namespaces",
        *(f"{dra}/{plural}" for plural in ("deviceclasses", "resourceslices", "devicetaintrules")),
    ]
    found |= {path: api.list(path, label_selector=RUN) for path in outside}
    return {path: {obj["metadata"]["name"] for obj in objects} for path, objects in found.items()}


@pytest.mark.parametrize("user", ["nobody", "viewer"])
def test_an_account_that_may_not_create_is_told_forbidden_by_every_check(
    cluster: simulator.Running, api: Api, tmp_path: Path, user: str
) -> None:
    before = _objects(api, "default")
    code, document = _suite(
        tmp_path, "run", "--yes", "--kubeconfig", str(cluster.kubeconfig), "--context", f"simulated-{user}"
    )

    assert code == 4
    assert _every(document) == {("unknown", "forbidden")}
    assert [_requirement(document, name)["verdict"] for name in (DRA, ACCESS)] == ["unknown"] * 2
    assert (document["complete"], document["outcome"], document["leftovers"]) == (True, "inconclusive", [])
    assert _objects(api, "default") == before


def test_in_a_namespace_that_was_given_checks_pass_and_nothing_is_left(
    cluster: simulator.Running, api: Api, tmp_path: Path
) -> None:
    api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    code, document = _suite(tmp_path, "run", "--yes", "--kubeconfig", str(cluster.kubeconfig), "--namespace", NAMESPACE)

    assert code == 0
    assert {verdict for verdict, _ in _every(document)} <= {"passed", "unknown", "not_applicable"}
    assert _judged(document, DRA)[ADMIN] == {PASSED}, "refused, and no labelled namespace to compare with"
    assert _judged(document, ACCESS)["own_device_only"] == {PASSED}
    assert _judged(document, DRA)[USABLE] == {PASSED}
    assert document["leftovers"] == []
    left = set.union(*_objects(api, NAMESPACE).values())
    assert left <= {"kube-root-ca.crt", "default"}, "what the cluster itself puts into each namespace"
