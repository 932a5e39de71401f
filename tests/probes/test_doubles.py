"""One accelerator that is published twice is told from two, from shares and from parts of one."""

from types import SimpleNamespace
from typing import Any

import pytest

from conformance.evidence import Evidence
from conformance.inventory import Kind, NodeShare
from conformance.inventory.descriptors import parse
from conformance.probes.dra import doubles
from conformance.verdicts import Failure
from tests.inventory.fakes import bare_node

DRIVER = "x.dev"
DESCRIPTOR = parse({"id": "x", "title": "X", "dra": {"drivers": [DRIVER], "device_classes": [DRIVER]}})


def entry(name: str, uuid: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "attributes": {"uuid": {"string": uuid}}, **more}


def bench(*entries: dict[str, Any], way: str = "dra") -> Any:
    pool = {"name": "n", "generation": 1, "resourceSliceCount": 1}
    spec = {"driver": DRIVER, "nodeName": "n", "pool": pool, "devices": list(entries)}
    api = SimpleNamespace(
        list=lambda *_a, **_k: [{"metadata": {"name": "s"}, "spec": spec}], get=lambda _p: bare_node()
    )
    share = (NodeShare(name="n", devices=2, free=2),)
    kind = Kind(id="k", way=way, name=DRIVER, model="", pool="", descriptor="x", device_class=DRIVER, nodes=share)
    sandbox = SimpleNamespace(api=api, evidence=Evidence())
    return SimpleNamespace(
        kind=kind, node="n", descriptor=DESCRIPTOR, sandbox=sandbox, group_version="resource.k8s.io/v1"
    )


def test_two_names_of_one_identity_fail() -> None:
    with pytest.raises(Failure, match="a and b have uuid U") as failure:
        doubles.must_be_published_once(bench(entry("a", "U"), entry("b", "U"), entry("c", "V")))
    assert failure.value.code == "device_published_twice"


@pytest.mark.parametrize(
    "entries",
    [
        (entry("a", "U"), entry("b", "V")),
        (entry("a", "U", allowMultipleAllocations=True), entry("b", "U", allowMultipleAllocations=True)),
        (entry("a", "U"), entry("b", "U", consumesCounters=[{"counterSet": "s", "counters": {"m": {"value": "1"}}}])),
        (entry("a", "U"), entry("b", "U", taints=[{"key": "k", "effect": "NoSchedule"}])),
        ({"name": "a"}, {"name": "b"}),
    ],
)
def test_other_devices_shares_parts_and_closed_ones_do_not(entries: tuple[dict[str, Any], ...]) -> None:
    doubles.must_be_published_once(bench(*entries))


def test_a_device_plugin_publishes_nothing() -> None:
    doubles.must_be_published_once(bench(entry("a", "U"), entry("b", "U"), way="device-plugin"))
