"""What a bench makes of what its pods opened: no name, file mode or missing witness turns into a pass."""

from dataclasses import replace
from typing import Any

import pytest

from conformance.cluster import Settings
from conformance.evidence import Evidence
from conformance.inventory import Kind, NodeShare
from conformance.inventory.descriptors import parse
from conformance.inventory.vendor import Identity
from conformance.probes.bench import Bench
from conformance.probes.reading import Node, Report
from conformance.probes.tenants import Tenant
from conformance.verdicts import Failure, Unknown, Unverified

DESCRIPTOR = parse(
    {
        "id": "x",
        "title": "X",
        "device_plugin": {"resources": ["x.dev/accel"]},
        "device_nodes": {
            "accelerators": ["/dev/x[0-9]*"],
            "control": ["/dev/xctl*"],
            "beside": ["/dev/card*"],
            "identity": {"content": r"uuid=(?P<id>\S+)"},
        },
    }
)
KIND = Kind(
    id="p-x",
    way="device-plugin",
    name="x.dev/accel",
    model="",
    pool="",
    descriptor="x",
    device_class=None,
    nodes=(NodeShare(name="n", devices=2, free=2),),
)


class FakeApi:
    """Pods by name, all running unless told otherwise."""

    def __init__(self) -> None:
        self.phase = "Running"

    def get(self, path: str) -> dict[str, Any]:
        return {"metadata": {"name": path.rpartition("/")[2], "uid": "u"}, "status": {"phase": self.phase}}


class FakeSandbox:
    """As much of a sandbox as judging needs."""

    def __init__(self) -> None:
        self.api, self.evidence, self.settings = FakeApi(), Evidence(), Settings(run_id="r")

    def path(self, plural: str, *, namespace: str) -> str:
        return f"/api/v1/namespaces/{namespace}/{plural}"


def node(path: str, minor: int, *, opened: bool = True, refusal: str = "", uuid: str | None = None) -> Node:
    content = f"uuid={uuid}" if uuid else None
    return Node(path=path, kind="c", major=9, minor=minor, opened=opened, refusal=refusal, content=content)


def tenant(name: str, *nodes: Node) -> Tenant:
    report = Report(nodes=nodes, others=(), made=(), complete=True, identity={})
    return Tenant({"metadata": {"name": name, "namespace": "ns", "uid": "u"}}, {"main": report})


@pytest.fixture
def bench() -> Bench:
    made = Bench(FakeSandbox(), KIND, (DESCRIPTOR,), "v1")  # type: ignore[arg-type]
    made._node = {"metadata": {"name": "n"}}
    return made


def test_a_bystander_that_opens_a_witnessed_device_under_a_control_name_fails(bench: Bench) -> None:
    bench.opened_some(tenant("witness", node("/dev/x1", 1)))

    with pytest.raises(Failure, match="reached /dev/xctl7") as failure:
        bench.opened_none(tenant("bystander", node("/dev/xctl7", 1)), "reached")

    assert failure.value.code == "reached"


def test_a_device_that_only_a_file_mode_refuses_proves_no_isolation(bench: Bench) -> None:
    bench.opened_some(tenant("witness", node("/dev/x1", 1)))

    with pytest.raises(Unverified) as outcome:
        bench.opened_none(tenant("bystander", node("/dev/x1", 1, opened=False, refusal="EACCES")), "reached")

    assert outcome.value.code == "refused_by_file_mode"


def test_a_device_that_the_cgroup_refuses_counts_as_not_reached(bench: Bench) -> None:
    bench.opened_some(tenant("witness", node("/dev/x1", 1)))

    bench.opened_none(tenant("bystander", node("/dev/x1", 1, opened=False, refusal="EPERM")), "reached")


@pytest.mark.parametrize("refusal", ["EBUSY", "EAGAIN"])
def test_a_device_that_only_another_process_keeps_closed_is_reached(bench: Bench, refusal: str) -> None:
    busy = node("/dev/x2", 2, opened=False, refusal=refusal)
    bench.opened_some(tenant("witness", node("/dev/x1", 1)))

    with pytest.raises(Failure, match=refusal):
        bench.opened_none(tenant("bystander", busy), "reached")
    with pytest.raises(Failure) as failure:
        bench.opened_one(tenant("holder", node("/dev/x1", 1), busy))

    assert failure.value.code == "foreign_device_opened"


def test_two_holders_of_which_one_finds_the_others_device_busy_share_it(bench: Bench) -> None:
    second = tenant("second", node("/dev/x2", 2, uuid="B"), node("/dev/x1", 1, opened=False, refusal="EBUSY"))

    with pytest.raises(Failure) as failure:
        bench.different(tenant("first", node("/dev/x1", 1, uuid="A")), second)

    assert failure.value.code == "device_shared"


def test_a_further_node_of_a_device_is_no_device_of_its_holder_and_one_of_who_holds_none(bench: Bench) -> None:
    own = (node("/dev/x1", 1), node("/dev/card0", 100))

    assert bench.opened_one(tenant("holder", *own)).path == "/dev/x1"
    with pytest.raises(Failure, match="card0"):
        bench.opened_none(tenant("bystander", node("/dev/card0", 100)), "reached")
    with pytest.raises(Failure, match="card1"):
        bench.opened_one(tenant("holder", *own, node("/dev/card1", 101)))


def test_a_control_beside_a_witness_that_has_ended_proves_nothing(bench: Bench) -> None:
    bench.opened_some(tenant("witness", node("/dev/x1", 1)))
    bench.sandbox.api.phase = "Failed"  # type: ignore[attr-defined]

    with pytest.raises(Unverified) as outcome:
        bench.opened_none(tenant("bystander"), "reached")

    assert outcome.value.code == "no_witness"


def test_a_holder_that_opened_nothing_is_no_witness(bench: Bench) -> None:
    with pytest.raises(Unverified, match="nothing is proven"):
        bench.opened_some(tenant("holder", node("/dev/x1", 1, opened=False, refusal="EPERM")))


@pytest.mark.parametrize(
    ("second", "why"),
    [(node("/dev/x1", 1, uuid="B"), "number"), (node("/dev/x2", 2, uuid="A"), "identity")],
)
def test_two_holders_that_share_a_number_or_an_identity_fail(bench: Bench, second: Node, why: str) -> None:
    with pytest.raises(Failure) as failure:
        bench.different(tenant("first", node("/dev/x1", 1, uuid="A")), tenant("second", second))

    assert (failure.value.code, why) == ("device_shared", why)


def test_two_holders_of_which_one_does_not_say_its_device_are_unverified(bench: Bench) -> None:
    with pytest.raises(Unverified) as outcome:
        bench.different(tenant("first", node("/dev/x1", 1, uuid="A")), tenant("second", node("/dev/x2", 2)))

    assert outcome.value.code == "no_identity"


def test_a_witness_runs_as_root_where_that_is_admitted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def hold_one(name: str, _ask: Any, how: Any) -> Tenant:
        """Device nodes of root and a group, as udev makes those of AMD and Intel GPUs."""
        return tenant(name, node("/dev/x1", 1, opened=how.ordinary, refusal="" if how.ordinary else "EACCES"))

    monkeypatch.setattr(bench, "_hold_one", hold_one)

    assert bench.opened_some(bench.witness("first"))


def test_where_no_pod_is_admitted_as_root_a_restricted_one_is_tried_and_said_so(bench: Bench) -> None:
    tried: list[bool] = []

    def start(as_root: bool) -> Tenant:
        tried.append(as_root)
        if as_root:
            raise Unknown("policy", code="admission_denied")
        return tenant("restricted")

    assert bench.ordinarily(start).name == "restricted"
    assert tried == [True, False]
    assert "restricted one is tried" in bench.sandbox.evidence.steps[-1]["observed"]


def test_in_a_namespace_that_admits_no_root_the_claim_of_the_refused_pod_is_used(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def create(_plural: str, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        assert body["metadata"]["name"] not in made, "AlreadyExists"
        made.append(body["metadata"]["name"])
        return body

    bench.sandbox.create, bench.sandbox.name = create, str  # type: ignore[method-assign, assignment]
    monkeypatch.setattr(bench, "claim_spec", lambda *_: {})

    def start(as_root: bool) -> Tenant:
        claim = bench.claim("holder", "given")
        if as_root:
            raise Unknown("policy", code="admission_denied")
        return tenant(claim["metadata"]["name"])

    assert bench.ordinarily(start).name == "holder"
    assert made == ["holder"]


def test_a_pod_that_does_not_start_as_root_for_another_reason_is_not_replaced(bench: Bench) -> None:
    def start(_as_root: bool) -> Tenant:
        raise Unknown("no room", code="too_few_free")

    with pytest.raises(Unknown, match="no room"):
        bench.ordinarily(start)


def test_an_identity_needs_the_group_that_names_it() -> None:
    assert Identity("path", r"^/dev/x(?P<id>\d+)$").of("/dev/y1") is None


@pytest.mark.parametrize(
    ("ids", "identified"),
    [(["A-1"], ["A-1"]), (["A-1::3"], ["A-1"]), (["A-1", "part of A-1"], None), (["another word"], None)],
)
def test_only_what_the_descriptor_can_read_identifies_what_was_allocated(
    bench: Bench, ids: list[str], identified: list[str] | None
) -> None:
    bench.descriptor = replace(DESCRIPTOR, plugin_identity=Identity("plugin_id", r"^(?P<id>A-\d+)(::\d+)?$"))
    told = [{"name": KIND.name, "resources": [{"resourceID": one} for one in ids]}]
    made = tenant("p", node("/dev/x1", 1))
    made.pod["status"] = {"containerStatuses": [{"name": "main", "allocatedResourcesStatus": told}]}
    assert bench.identified(made) == identified


def test_one_device_for_two_is_no_fault_where_nobody_tells_that_units_are_whole(bench: Bench) -> None:
    bench.kind = replace(KIND, untold=True)
    bench.still_run = lambda: None  # type: ignore[method-assign]
    pods = [tenant(name, node("/dev/x1", 1, uuid="A")) for name in ("p", "q")]
    with pytest.raises(Unknown) as raised:
        bench.different(*pods)
    assert raised.value.code == "sharing_not_told"
    bench.kind = KIND
    with pytest.raises(Failure):
        bench.different(*pods)


@pytest.mark.parametrize(("unwritable", "code"), [("EPERM", "device_unusable"), ("EACCES", ""), ("", "")])
def test_a_device_that_opens_to_read_only_is_of_no_use(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, unwritable: str, code: str
) -> None:
    own = replace(node("/dev/x1", 1), unwritable=unwritable)
    monkeypatch.setattr(bench, "hold", lambda *_a, **_k: tenant("holder", own))
    if not code:
        bench.must_hold("holder")
        return

    with pytest.raises(Failure, match="refused with EPERM to write") as failure:
        bench.must_hold("holder")

    assert failure.value.code == code
