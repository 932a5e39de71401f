"""What others take or give back while a check runs is their right: nothing fails by it; shares of a device are told apart."""

from typing import Any

import pytest

from conformance.inventory import descriptors, take
from conformance.probes import names
from conformance.probes.allocation import Allocation, Running
from conformance.probes.dra import alternatives, capacity
from conformance.verdicts import Failure, Unverified
from tests.inventory.fakes import FakeCluster, bare_node, cluster
from tests.probes.test_dra_choice import DRIVER, device
from tests.probes.test_dra_trial import SomeTrial

Object = dict[str, Any]
NODE = bare_node()


def published(*found: str, everywhere: bool = False) -> Object:
    where = {"allNodes": True} if everywhere else {"nodeName": "n"}
    pool = {"name": "far" if everywhere else "n", "generation": 1, "resourceSliceCount": 1}
    return {"metadata": {}, "spec": {"driver": DRIVER, **where, "pool": pool, "devices": [{"name": n} for n in found]}}


def claim(*held: str, own: bool = False) -> Object:
    results = [{"request": "accelerator", "driver": DRIVER, "pool": "n", "device": name} for name in held]
    labels = {names.SANDBOX_LABEL: "mine" if own else "other"}
    status = {"allocation": {"devices": {"results": results}}} if held else {}
    return {"metadata": {"name": "c", "labels": labels}, "spec": {}, "status": status}


class OneNode(FakeCluster):
    """The lists of a cluster, its one node, and the claim and the pod of the check."""

    own: Object

    def get(self, path: str, **query: Any) -> Object:
        if path.startswith("/api/v1/nodes/"):
            return NODE
        if path.endswith("/pod"):
            return {"metadata": {"name": "pod"}, "spec": {}}
        return self.own if path.endswith("/c") else super().get(path, **query)


class FakeSandbox:
    """As much of a sandbox as counting needs."""

    own = "mine"

    def __init__(self, api: OneNode) -> None:
        self.api = api

    def path(self, plural: str, *, group_version: str = "") -> str:
        return f"/apis/{group_version}/namespaces/x/{plural}"

    def name(self, name: str) -> str:
        return name

    def create(self, _plural: str, body: Object, **_more: object) -> Object:
        return body


def bench(*slices: Object, claims: tuple[Object, ...] = ()) -> Any:
    lists = cluster(NODE, slices=slices, claims=claims, classes=(DRIVER,)).lists
    (kind,) = take(cluster(NODE, slices=slices, classes=(DRIVER,)), descriptors.load()).kinds
    known = next(d for d in descriptors.load() if DRIVER in d.drivers)
    more = {"kind": kind, "descriptor": known, "group_version": "resource.k8s.io/v1", "version": "v1", "node": "n"}
    spec = {"claim_spec": lambda _self, count, *_extra: {"count": count}, "sandbox": FakeSandbox(OneNode(lists))}
    return type("B", (), {**more, **spec})()


def allocated(allocation: Allocation, made: Any, *claims: Object) -> None:
    """The claim for one device too many is found allocated; these are the claims of the cluster by then."""
    api = made.sandbox.api
    api.lists["/apis/resource.k8s.io/v1/resourceclaims"] = list(claims)
    api.own = claims[0]
    allocation.still_held_back({"metadata": {"name": "pod"}}, {"metadata": {"name": "c"}})


def test_a_claim_that_is_met_because_somebody_gave_a_device_back_proves_nothing() -> None:
    made = bench(published("a", "b"), claims=(claim("b"),))
    allocation = Allocation(made)
    assert allocation.free() == 1
    assert allocation.one_too_many("c", 1)["spec"] == {"count": 2}
    with pytest.raises(Unverified, match="changed from 1 to 2"):
        allocated(allocation, made, claim("a", "b", own=True))


def test_a_claim_that_is_given_what_others_hold_fails() -> None:
    made = bench(published("a", "b"), claims=(claim("b"),))
    allocation = Allocation(made)
    allocation.one_too_many("c", allocation.free())
    with pytest.raises(Failure, match="unsatisfiable_claim_allocated"):
        allocated(allocation, made, claim("a", "b", own=True), claim("b"))


def test_devices_that_every_node_reaches_can_be_given_to_a_claim_on_the_node_too() -> None:
    assert Allocation(bench(published("a"), published("x", "y", everywhere=True))).free() == 3


@pytest.mark.parametrize(("free", "error"), [(False, Unverified), (True, Failure)])
def test_the_second_alternative_is_wrong_only_where_nobody_took_the_first(free: bool, error: type[Exception]) -> None:
    trial = SomeTrial("takes-first-0", free=free)
    trial.asked = trial.means = lambda *_a, **_k: {}  # type: ignore[assignment,method-assign]
    trial.rivals = lambda *_a: []  # type: ignore[method-assign]
    trial.get = lambda *_a, **_k: Running({}, claim("b"), 0.1)  # type: ignore[method-assign]
    with pytest.raises(error):
        alternatives.takes_the_first(trial, device("a"))


def share(**result: object) -> Running:
    given = claim("a")
    given["status"]["allocation"]["devices"]["results"][0] |= result
    return Running({}, given, 0.1)


class Given:
    """Claims as they come to be allocated."""

    def __init__(self, *shares: Running) -> None:
        self.shares = list(shares)

    def get(self, *_a: object, **_k: object) -> Running:
        return self.shares.pop(0)

    def must_mean(self, *_a: object) -> None:
        pass


@pytest.mark.parametrize(
    "second",
    [{}, {"shareID": "two"}, {"shareID": "one", "consumedCapacity": {"memory": "1Gi"}}],
    ids=["tells nothing", "no amount", "the same share"],
)
def test_claims_that_do_not_tell_their_own_share_cannot_be_counted_by_anybody(second: Object) -> None:
    one = {"shareID": "one", "consumedCapacity": {"memory": "1Gi"}}
    divided = capacity.Divided(device("a"), {}, 2)
    with pytest.raises(Failure, match="device_not_shared"):
        divided.all_held(Given(share(**one), share(**second)))  # type: ignore[arg-type]
    assert len(divided.all_held(Given(share(**one), share(**one | {"shareID": "two"})))) == 2  # type: ignore[arg-type]
