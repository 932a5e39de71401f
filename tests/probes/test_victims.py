"""Nobody loses a device to a pod of ours that does not fit."""

from typing import Any, cast

import pytest

from conformance.cluster import errors
from conformance.probes import victims

Object = dict[str, Any]
RESOURCE = "x.dev/accel"


class FakeApi:
    """Pods of one node, and priority classes that may be read or not."""

    def __init__(self, pods: list[Object], classes: list[Object] | None = None) -> None:
        self.pods, self.classes = pods, classes

    def list(self, path: str, **_query: str) -> list[Object]:
        if path != victims.CLASSES:
            return self.pods
        if self.classes is None:
            raise errors.Forbidden(403, "Forbidden", path)
        return self.classes


def pod(priority: int, *, count: str = "1", phase: str = "Running") -> Object:
    spec = {"nodeName": "n", "priority": priority, "containers": [{"resources": {"limits": {RESOURCE: count}}}]}
    return {"metadata": {"name": "p", "namespace": "d"}, "spec": spec, "status": {"phase": phase}}


def usual(value: int, policy: str = "PreemptLowerPriority") -> list[Object]:
    return [{"globalDefault": True, "value": value, "preemptionPolicy": policy}]


@pytest.mark.parametrize(
    ("there", "classes", "lost"),
    [
        (pod(-10), None, True),
        (pod(-10), [], True),
        (pod(0), [], False),
        (pod(0), usual(100), True),
        (pod(0), usual(100, "Never"), False),
        (pod(-10, count="0"), [], False),
        (pod(-10, phase="Succeeded"), [], False),
    ],
)
def test_pods_of_lower_priority_that_hold_a_device_are_known(
    there: Object, classes: list[Object] | None, lost: bool
) -> None:
    found = victims.by_node(cast("Any", FakeApi([there], classes)), ["n"], RESOURCE)
    assert found == ({"n": ["d/p"]} if lost else {})
