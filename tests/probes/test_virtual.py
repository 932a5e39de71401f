"""What a bench makes of virtual devices that are not offered, that are whole ones, and of loads that came out wrong."""

from typing import Any

import pytest

from conformance.inventory import Kind, NodeShare
from conformance.inventory.descriptors import Descriptor, parse
from conformance.probes import computing, injection
from conformance.probes.answers import Burn, Burned
from conformance.probes.ask import Ask, burning
from conformance.probes.bench import Bench
from conformance.probes.reading import Node, Report
from conformance.probes.tenants import Tenant
from conformance.probes.virtual import Virtual
from conformance.verdicts import Failure, Grade, NotApplicable, Outcome, Unknown, Unverified
from tests.inventory.fakes import cluster
from tests.probes.test_bench import FakeSandbox

GIB = 1 << 30
DOCUMENT: dict[str, Any] = {
    "id": "x",
    "title": "X",
    "dra": {
        "drivers": ["x.dev"],
        "device_classes": ["x.dev"],
        "whole": {"attribute": "type", "equals": "gpu"},
        "identity": {"attribute": "uuid"},
    },
    "device_plugin": {"resources": ["x.dev/accel"], "identity": {"plugin_id": r"^(?P<id>\S+)$"}},
    "device_nodes": {
        "accelerators": ["/dev/x[0-9]*"],
        "identity": {"content": r"uuid=(?P<id>\S+)"},
        "memory": {"content": r"memory=(?P<id>\S+)"},
    },
    "virtualization": {"can": True, "device": {"attribute": "type", "equals": "vf"}},
    "compute": {"by": "read"},
}


def _kind(strategy: str = "", way: str = "device-plugin", devices: int = 2) -> Kind:
    name = "x.dev/accel" if way == "device-plugin" else "x.dev"
    node = NodeShare(name="n", devices=devices, free=devices)
    return Kind(
        id="x",
        way=way,
        name=name,
        model="",
        pool="",
        descriptor="x",
        device_class="x.dev",
        nodes=(node,),
        strategy=strategy,
    )


def _slice(*, count: int = 1) -> dict[str, Any]:
    pool = {"name": "n", "generation": 1, "resourceSliceCount": count}
    device = {"name": "gpu-0", "attributes": {"type": {"string": "gpu"}}, "capacity": {"memory": {"value": "16Gi"}}}
    spec = {"driver": "x.dev", "nodeName": "n", "pool": pool, "devices": [device]}
    return {"metadata": {"name": "n"}, "spec": spec}


def _virtual(kind: Kind, document: dict[str, Any] | None = None, *slices: dict[str, Any]) -> Virtual:
    sandbox = FakeSandbox()
    sandbox.api = cluster(slices=slices)  # type: ignore[assignment]
    made = Virtual(sandbox, kind, (_descriptor(document),), "v1")  # type: ignore[arg-type]
    made._node = {"metadata": {"name": "n"}}
    return made


def _descriptor(document: dict[str, Any] | None = None) -> Descriptor:
    return parse(document or DOCUMENT)


def _node(content: str = "uuid=A memory=4Gi", minor: int = 0) -> Node:
    return Node(path=f"/dev/x{minor}", kind="c", major=9, minor=minor, opened=True, refusal="", content=content)


def _tenant(*nodes: Node, burn: Burn | None = None, allocated: str = "A") -> Tenant:
    report = Report(nodes=nodes or (_node(),), others=(), made=(), complete=True, identity={}, burn=burn)
    told = [{"name": "x.dev/accel", "resources": [{"resourceID": allocated}]}]
    status = {"containerStatuses": [{"name": "main", "allocatedResourcesStatus": told}]}
    return Tenant(
        {"metadata": {"name": "p", "namespace": "ns", "uid": "u"}, "spec": {}, "status": status}, {"main": report}
    )


def _burn(*devices: Burned, by: str = "read", problem: str = "") -> Burn:
    return Burn(by, 0.5, devices, problem)


def _load(name: str = "/dev/x0", *, verified: bool = True, memory: int | None = None) -> Burned:
    return Burned(name, verified, 9, memory, "" if verified else "read 3 failed")


@pytest.mark.parametrize(
    ("virtualization", "outcome", "code"),
    [
        (None, Unknown, "virtualization_not_known"),
        ({"can": False}, NotApplicable, "cannot_be_virtualized"),
    ],
)
def test_what_is_not_known_or_cannot_be_is_no_failure(
    virtualization: dict[str, Any] | None, outcome: type[Outcome], code: str
) -> None:
    document = {key: value for key, value in DOCUMENT.items() if key != "virtualization"}
    document |= {"virtualization": virtualization} if virtualization else {}
    with pytest.raises(outcome) as raised:
        _virtual(_kind(), document).must_be_offered()
    assert raised.value.code == code


def test_none_offered_fails_and_says_where_was_looked() -> None:
    with pytest.raises(Failure, match="looked for devices with type=vf") as failure:
        _virtual(_kind(), None, _slice()).must_be_offered()
    assert failure.value.code == "no_virtual_device"


def test_devices_in_a_pool_that_cannot_be_read_whole_are_not_absent() -> None:
    with pytest.raises(Unknown, match="incomplete") as outcome:
        _virtual(_kind(), None, _slice(count=2)).must_be_offered()
    assert outcome.value.code == "not_seen"


def test_two_cannot_be_apart_where_each_node_has_one() -> None:
    with pytest.raises(NotApplicable, match="n: 1"):
        _virtual(_kind("virtual", devices=1)).must_be_offered(2)


def test_a_virtual_device_that_is_another_fails() -> None:
    virtual = _virtual(_kind("virtual"))
    assert virtual.opens_one(_tenant()).minor == 0
    with pytest.raises(Failure) as failure:
        virtual.opens_one(_tenant(_node("uuid=WHOLE memory=16Gi")))
    assert failure.value.code == "virtual_device_is_another"


def test_a_virtual_device_beside_others_fails() -> None:
    with pytest.raises(Failure) as failure:
        _virtual(_kind("virtual")).opens_one(_tenant(_node(), _node("uuid=WHOLE", 1)))
    assert failure.value.code == "foreign_device_opened"


@pytest.mark.parametrize(
    ("content", "load"), [("uuid=A memory=16Gi", None), ("uuid=A memory=4Gi", _load(memory=16 * GIB))]
)
def test_a_virtual_device_with_the_whole_memory_fails(content: str, load: Burned | None) -> None:
    virtual = _virtual(_kind("virtual", "dra"), None, _slice())
    with pytest.raises(Failure) as failure:
        virtual.must_be_smaller(_tenant(), _node(content), load)
    assert failure.value.code == "sees_whole_memory"


def test_less_memory_or_memory_that_nobody_tells_is_no_failure() -> None:
    _virtual(_kind("virtual", "dra"), None, _slice()).must_be_smaller(_tenant(), _node(), None)
    unseen = _virtual(_kind("virtual", "dra"), None, _slice())
    unseen.must_be_smaller(_tenant(), _node("uuid=A"), None)
    untold = _virtual(_kind("virtual"))
    untold.must_be_smaller(_tenant(), _node("uuid=A memory=16Gi"), None)
    (step,) = untold.sandbox.evidence.steps
    assert step["expected"] == "less than an amount that nobody tells"


def test_what_nothing_tells_from_a_whole_device_has_a_lower_grade() -> None:
    silent = _tenant()
    silent.pod["status"] = {}
    unknown_size = _node("uuid=A memory=16Gi")
    assert _virtual(_kind("virtual")).must_be_smaller(_tenant(), unknown_size, None) == Grade.CONTROLLED
    assert _virtual(_kind("virtual")).must_be_smaller(silent, unknown_size, None) == Grade.BEHAVIOURAL
    published = _virtual(_kind("virtual", "dra"), None, _slice())
    assert published.must_be_smaller(silent, _node(), None) == Grade.CONTROLLED


@pytest.fixture
def bench() -> Bench:
    return _virtual(_kind())


def test_a_right_load_is_that_of_the_one_device(bench: Bench) -> None:
    burn = _burn(_load("/dev/ctl"), _load())
    assert computing.must_compute(bench, _tenant(burn=burn), _node()).id == "/dev/x0"


@pytest.mark.parametrize(
    ("burn", "code"),
    [
        (_burn(_load(verified=False)), "does_not_compute"),
        (_burn(_load("GPU-1"), _load("GPU-2"), by="cuda"), "foreign_device_opened"),
        (_burn(_load("GPU-1", verified=False), by="cuda"), "does_not_compute"),
    ],
)
def test_a_wrong_load_or_one_on_two_devices_fails(bench: Bench, burn: Burn, code: str) -> None:
    with pytest.raises(Failure) as failure:
        computing.must_compute(bench, _tenant(burn=burn), _node())
    assert failure.value.code == code


@pytest.mark.parametrize("burn", [_burn(problem="libcuda.so.1: not here"), _burn(_load("/dev/other"))])
def test_a_load_that_could_not_be_tried_is_unknown(bench: Bench, burn: Burn) -> None:
    with pytest.raises(Unknown) as outcome:
        computing.must_compute(bench, _tenant(burn=burn), _node())
    assert outcome.value.code == "no_compute"


def test_a_probe_that_says_nothing_of_its_load_is_unverified(bench: Bench) -> None:
    with pytest.raises(Unverified):
        computing.must_compute(bench, _tenant(), _node())


def test_a_device_that_was_not_allocated_is_not_its_own(bench: Bench) -> None:
    assert injection.opens_its_own(bench, _tenant()).path == "/dev/x0"
    with pytest.raises(Failure) as failure:
        injection.opens_its_own(bench, _tenant(allocated="B"))
    assert failure.value.code == "wrong_device"


def test_how_a_device_came_is_written_down(bench: Bench) -> None:
    injection.record_injection(bench, _tenant(), _node())
    step = bench.sandbox.evidence.steps[-1]
    told = step["facts"]
    assert told["allocated_resources_status"] == {"x.dev/accel": ["A"]}
    assert (told["runtime_class"], told["claim_devices"]) == ("the default", [])


def test_the_words_of_each_ask() -> None:
    load = burning(_descriptor())
    assert load.arguments() == ["--by", "read", "--seconds", "0.5"]
    assert (load.memory, load.busy_seconds) == (None, 0.5)
    told = Ask(command="nvml", files=("/a",), environment=("B",), libraries=("/c",))
    assert told.arguments() == ["--file", "/a", "--env", "B", "--library-path", "/c"]
    assert told.memory == "1Gi"
    assert Ask(libraries=("/c",)).arguments() == []


def test_a_load_without_a_way_to_put_it_is_unknown_with_the_cure() -> None:
    document = {key: value for key, value in DOCUMENT.items() if key != "compute"}
    with pytest.raises(Unknown, match="Add 'compute'"):
        burning(_descriptor(document))
