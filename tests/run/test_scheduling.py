"""Checks that hold the same accelerators follow each other on one worker; a check that killed its worker is not tried twice."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from conformance.catalogue import CheckInfo
from conformance.declaration import CheckSpec
from conformance.inventory import Inventory, Kind, NodeShare
from conformance.run.plan import expand
from conformance.run.scheduling import Scheduling
from conformance.verdicts import Decides

SHARE = (NodeShare(name="node-a", devices=2, free=2),)
KINDS = tuple(
    Kind(id=name, way="dra", name="x.dev", model="S1", pool="", descriptor=None, device_class=None, nodes=SHARE)
    for name in ("k1", "k2")
)


def _check(name: str, longest: float, accelerators: int) -> CheckInfo:
    spec = CheckSpec(
        decides=Decides.PROGRAMME,
        needs=("get pods",),
        longest=longest,
        why_longest="",
        accelerators=accelerators,
        variants="kinds" if accelerators else None,
    )
    return CheckInfo(requirement="r", name=name, section="s", path=Path("s/test_r.py"), title="", text="", spec=spec)


PLAN = {
    entry.id: entry
    for entry in expand([_check("a", 30, 1), _check("b", 20, 1), _check("c", 10, 0)], Inventory(KINDS, "v1", (), 1, ()))
}
NODES = [f"s/test_r.py::test_{id_.partition('/')[2]}" for id_ in PLAN]


class Worker:
    """A worker that only keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        self.told += indices

    def shutdown(self) -> None:
        self.shutting_down = True


def _begin(workers: int) -> tuple[Scheduling, list[Worker]]:
    scheduling = Scheduling(PLAN, workers)
    nodes = [Worker() for _ in range(workers)]
    for node in nodes:
        scheduling.add_node(node)
        scheduling.add_node_collection(node, NODES)
    scheduling.schedule()
    return scheduling, nodes


def _names(worker: Worker) -> list[str]:
    return [NODES[index].partition("test_r.py::test_")[2] for index in worker.told]


def _run_all(scheduling: Scheduling, nodes: list[Worker]) -> None:
    """Run items in turns, the oldest of each worker first, until nothing is left."""
    done = dict.fromkeys(map(id, nodes), 0)
    while any(done[id(node)] < len(node.told) for node in nodes):
        for node in nodes:
            if done[id(node)] < len(node.told):
                scheduling.mark_test_complete(node, node.told[done[id(node)]])
                done[id(node)] += 1


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_everything_runs_once_and_every_worker_is_told_the_end(workers: int) -> None:
    scheduling, nodes = _begin(workers)

    _run_all(scheduling, nodes)

    assert sorted(index for node in nodes for index in node.told) == list(range(len(NODES)))
    assert all(node.shutting_down for node in nodes)
    assert scheduling.tests_finished
    assert not scheduling.has_pending


def test_checks_of_one_kind_follow_each_other_on_one_worker() -> None:
    scheduling, nodes = _begin(2)

    _run_all(scheduling, nodes)

    assert _names(nodes[0])[:2] == ["a[k1]", "b[k1]"]
    assert _names(nodes[1])[:2] == ["a[k2]", "b[k2]"]


def test_a_check_that_killed_its_worker_is_named_and_the_rest_goes_to_the_next_one() -> None:
    scheduling, nodes = _begin(1)
    assert scheduling.remove_node(nodes[0]) == NODES[nodes[0].told[0]]

    late = Worker()
    scheduling.add_node(late)
    scheduling.add_node_collection(late, NODES)
    scheduling.schedule()
    _run_all(scheduling, [late])

    assert sorted(late.told) == sorted(set(range(len(NODES))) - {nodes[0].told[0]})


def test_a_worker_that_collected_something_else_gets_nothing() -> None:
    scheduling, _ = _begin(1)
    stranger = Worker()
    scheduling.add_node(stranger)
    scheduling.add_node_collection(stranger, NODES[:2])
    scheduling.schedule()

    assert stranger.told == []


def test_workers_that_disagree_from_the_start_are_an_error() -> None:
    scheduling = Scheduling(PLAN, 2)
    for part in (NODES, NODES[:2]):
        worker = Worker()
        scheduling.add_node(worker)
        scheduling.add_node_collection(worker, part)

    with pytest.raises(RuntimeError, match="different checks"):
        scheduling.schedule()
