"""Drivers, sharing and the deeper parts of DRA on a real cluster with shared devices: right verdicts, inventory, faults.

Faults that do not touch each other are planted together: each has to bring about its own verdicts all the same, and no other.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from conformance.declaration import WITH
from conformance.run import proof
from tests.cluster.ground import SHARED, Ground, faults_of

pytestmark = pytest.mark.cluster
REQUIREMENTS = ("driver_runtime_management", "gpu_sharing", "virtualized_accelerator")
CHOICE = (
    "admin_access_needs_the_label",
    "capacity_is_counted",
    "constraint_holds",
    "extended_resource_by_dra",
    "partitions_exclude_the_whole",
    "prioritized_list_falls_back",
    "selector_chooses_the_device",
    "tainted_device_is_kept",
)
"""Checks of DRA that are not tried with the other faults of the testbed."""
SLICED, CAPACITY = "device-plugin-t1000-accel-shared+time-slicing", "dra-t1000+consumable-capacity"
PLUGIN_PARTS, DRA_PARTS, CLAIM = (
    "device-plugin-t1000-part-1g+partitions",
    "dra-t1000-1mi+partitions",
    "dra-t1000+shared-claim",
)
NOT_APPLICABLE = {
    f"gpu_sharing/shares_end_at_the_limit[{CLAIM}]",
    *(f"gpu_sharing/partitions_see_their_part_only[{share}]" for share in (SLICED, CAPACITY, CLAIM)),
}
GROUPS = (
    ("selector_ignored", "replicas_are_never_shared", "extended_resource_not_injected", "admin_access_granted"),
    (
        "constraint_ignored",
        "taint_ignored",
        "capacity_ignored",
        "partition_sees_whole_memory",
        "share_opens_every_device",
    ),
    ("list_never_falls_back", "extended_resource_not_served"),
    ("counters_ignored", "partitions_are_one_device", "share_injects_nothing", "share_beyond_the_limit"),
    ("advertised_version_differs", "fewer_shares_than_configured", "alternatives_in_any_order"),
)
SCALE = 1 / 3
"""Factor on every limit: nothing has to be pulled here, and a pod starts within a second."""


@pytest.fixture(scope="module")
def both_nodes(sharing_ground: Ground) -> str:
    """What the command for the inventory prints while both nodes are there."""
    place = ["--kubeconfig", str(sharing_ground.kubeconfig), "--descriptor", sharing_ground.options[1]]
    command = [sys.executable, "-m", "conformance", "accelerators", *place]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def one_node(sharing_ground: Ground, both_nodes: str) -> Iterator[Ground]:
    """The node with shared devices alone: more nodes would only repeat what other tests show."""
    assert both_nodes
    path = "/api/v1/nodes/node-a"
    sharing_ground.api().patch(path, {"spec": {"unschedulable": True}})
    yield sharing_ground
    sharing_ground.api().patch(path, {"spec": {"unschedulable": None}})


@pytest.fixture(scope="module")
def right(one_node: Ground, tmp_path_factory: pytest.TempPathFactory) -> proof.Verdicts:
    """Verdicts of the cluster as it is."""
    checks = (f"dra_support/{name}" for name in CHOICE)
    _, document = one_node.run(tmp_path_factory.mktemp("right"), *REQUIREMENTS, *checks)
    assert document["leftovers"] == []
    return proof.verdicts(document)


def test_the_inventory_has_whole_devices_and_every_way_of_sharing(both_nodes: str) -> None:
    assert _by_node(both_nodes) == {
        ("node-a", "dra-t1000"): ("2", "0", "2"),
        ("node-a", "device-plugin-t1000"): ("2", "0", "2"),
        ("node-b", "dra-t1000"): ("3", "0", "3"),
        ("node-b", "device-plugin-t1000"): ("2", "0", "2"),
        ("node-b", CAPACITY): ("4", "0", "4", "1"),
        ("node-b", DRA_PARTS): ("2", "0", "2", "1"),
        ("node-b", SLICED): ("4", "0", "4", "2"),
        ("node-b", PLUGIN_PARTS): ("2", "0", "2"),
    }
    assert "Several pods may share a claim for a whole device of: dra-t1000" in both_nodes


def _by_node(printed: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """The last table: all, allocated, free, and devices behind shares, by node and kind."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    node = ""
    for line in printed.partition("\nBy node ")[2].splitlines()[2:]:
        words = line.split()
        if not line.startswith(" "):
            node = line
        elif words:
            found[node, words[0]] = tuple(words[1:])
    return found


def test_every_check_passes_for_every_way_of_sharing(right: proof.Verdicts) -> None:
    found = {record: ended for record, ended in right.items() if ended[0] != "passed"}
    virtual = {record: ended for record, ended in found.items() if record.startswith("virtualized_accelerator/")}
    assert set(virtual.values()) == {("not_applicable", "cannot_be_virtualized")}
    assert {record: verdict for record, (verdict, _) in found.items() if record not in virtual} == dict.fromkeys(
        NOT_APPLICABLE, "not_applicable"
    )
    shared = {record.partition("[")[2][:-1] for record in right if record.startswith("gpu_sharing/devices_are_shared[")}
    assert shared == {SLICED, CAPACITY, PLUGIN_PARTS, DRA_PARTS, CLAIM}


def test_every_fault_of_the_shared_devices_is_tried() -> None:
    assert {name for group in GROUPS for name in group} == set(SHARED)


@pytest.mark.parametrize("names", GROUPS, ids="+".join)
def test_faults_are_caught_by_exactly_the_checks_that_their_files_list(
    one_node: Ground, right: proof.Verdicts, tmp_path: Path, names: tuple[str, ...]
) -> None:
    planted = faults_of(names)
    limits = min(fault.limits for fault in planted)
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(one_node.fault(name))
        words = sorted({_asked(word) for fault in planted for word in fault.expected})
        _, document = one_node.run(tmp_path, "--timeout-scale", f"{max(limits * SCALE, 0.1):.2f}", *words)

    wrong = proof.verdicts(document)
    before = {record: ended for record, ended in right.items() if record in wrong}
    expected = {word: ended for fault in planted for word, ended in fault.expected.items()}
    together = proof.Fault(name="+".join(names), title="", world="", limits=1, expected=expected)
    rows = proof.compare(together, before, wrong, together.checks())
    assert {row.check for row in rows} == together.checks()
    missed = {row.check: (row.found, row.problems) for row in rows if not row.caught}
    assert not missed, json.dumps(missed, indent=2)


def _asked(word: str) -> str:
    """How a run is told to try what a word of a fault's file means: ``check[+partitions]`` is its variants of that strategy."""
    return word.replace(f"[{WITH}", "[")
