"""Queues that a solution has for everybody: one that is gone, closed or too small says nothing about gangs."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from conformance.cluster import errors
from conformance.inventory import Kind
from conformance.inventory.descriptors import parse
from conformance.inventory.solutions import GANG, Solution
from conformance.probes.gang import queues
from conformance.probes.gang.free_room import DeviceUnit, Room
from conformance.verdicts import Unknown

Object = dict[str, Any]
RESOURCE = "x.dev/accel"
KIND = Kind(id="p", way="device-plugin", name=RESOURCE, model="", pool="", descriptor="x", device_class=None, nodes=())


class FakeApi:
    """One group that serves queues, and one queue, none, or one that must not be read."""

    def __init__(self, queue: Object | type[errors.ApiError]) -> None:
        self.queue = queue

    def get(self, path: str) -> Object:
        if "/queues/" in path:
            if isinstance(self.queue, dict):
                return self.queue
            raise self.queue(404, "Reason", path)
        return {
            "versions": [{"version": "v1"}],
            "resources": [{"name": "queues", "kind": "Queue", "verbs": ["get"], "namespaced": False}],
        }


def prepared(name: str, queue: Object | type[errors.ApiError]) -> queues.Queue:
    unit = DeviceUnit(KIND, parse({"id": "x", "title": "X", "device_plugin": {"resources": [RESOURCE]}}), "v1")
    solution = Solution(family=GANG, id=name, title=name, seen="", alive=None)
    sandbox = cast("Any", SimpleNamespace(api=FakeApi(queue)))
    return queues.prepare(sandbox, solution, Room(unit, ("n",), 4))


@pytest.mark.parametrize(
    ("name", "queue", "code"),
    [
        ("kai", errors.NotFound, "no_queue"),
        ("kai", {"spec": {"resources": {"gpu": {"limit": 2}}}}, "queue_refuses"),
        ("volcano", errors.NotFound, "no_queue"),
        ("volcano", {"status": {"state": "Closed"}}, "no_queue"),
        ("volcano", {"spec": {"capability": {RESOURCE: "0"}}}, "queue_refuses"),
    ],
)
def test_a_queue_that_takes_no_gang_is_unknown(name: str, queue: Any, code: str) -> None:
    with pytest.raises(Unknown) as raised:
        prepared(name, queue)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("name", "queue"),
    [
        ("kai", errors.Forbidden),
        ("kai", {"spec": {"resources": {"gpu": {"limit": -1, "quota": 0}}}}),
        ("volcano", {"spec": {"weight": 1}, "status": {"state": "Open"}}),
        ("volcano", {"spec": {"capability": {"cpu": "1", RESOURCE: "4"}}}),
    ],
)
def test_a_queue_that_is_open_and_large_enough_is_used(name: str, queue: Any) -> None:
    assert prepared(name, queue) == queues.Queue()
