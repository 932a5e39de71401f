"""Faults that leave everything as it looks: a device opens, a claim is allocated, and yet something is wrong."""

from typing import Any

from conformance import simulator
from conformance.simulator.switches import Switches
from tests.simulator.client import CLAIMS, PODS, Client
from tests.simulator.test_dra_faults import faulty, given, holder, one, waits
from tests.simulator.test_faults import LOOK, ROOT, Ground, allocated, fault, ground, opened

__all__ = ["ground"]

SLICES = "/apis/resource.k8s.io/v1/resourceslices"


def numbered(ground: Ground, name: str, value: str) -> dict[str, Any]:
    """What a pod without a device sees that sets the variable."""
    env = [{"name": "SIM_VISIBLE_DEVICES", "value": value}]
    main = {"name": "main", "image": "python:3", "command": LOOK, "env": env, **ROOT}
    return ground.see(name, containers=[main])


@fault("environment_opens_numbered")
def test_a_number_in_the_environment_opens_its_device_and_all_opens_none(ground: Ground) -> None:
    assert opened(numbered(ground, "a", "0")) == ["SIM-0000"]
    assert opened(numbered(ground, "b", "1")) == ["SIM-0001"]
    assert opened(numbered(ground, "c", "all")) == []


@fault("device_is_read_only")
def test_a_device_opens_to_read_and_is_refused_to_write(ground: Ground) -> None:
    own = ground.claimed("a")
    assert opened(own) == allocated(own)
    assert [(node["mode"], node["write"]) for node in own["nodes"]] == [("r", "EPERM")]
    assert [node["mode"] for node in ground.plugged("b")["nodes"]] == ["r"]
    assert ground.see("c")["nodes"] == []


def test_without_the_fault_a_device_opens_to_write(ground: Ground) -> None:
    assert [(node["mode"], "write" in node) for node in ground.claimed("a")["nodes"]] == [("rw", False)]


def test_a_pair_without_the_attribute_meets_the_constraint(client: Client, namespace: str, switches: Switches) -> None:
    pair = [{**one(), "name": name} for name in ("one", "other")]
    same = [{"matchAttribute": "accel.sim.dev/nobody"}]
    assert waits(client, holder(client, namespace, "right", *pair, constraints=same))
    with faulty(switches, "missing_attribute_matches"):
        differs = [{"matchAttribute": "accel.sim.dev/uuid"}]
        assert waits(client, holder(client, namespace, "still-right", *pair, constraints=differs))
        assert len(given(client, holder(client, namespace, "wrong", *pair, constraints=same))) == 2


@fault("claim_prepared_once")
def test_a_claim_that_is_used_again_gives_the_device_of_before(ground: Ground) -> None:
    client, space = ground.client, ground.namespace
    first = ground.claimed("a")
    assert opened(first) == allocated(first) == ["SIM-0000"]
    client.call("DELETE", f"{PODS.format(space)}/a")
    client.until(f"{CLAIMS.format(space)}/a", lambda obj: not obj["status"].get("allocation"))
    between = holder(client, space, "between", one())
    assert given(client, between) == ["accel-0"]
    main = {"name": "main", "image": "python:3", "command": LOOK, "resources": {"claims": [{"name": "acc"}]}, **ROOT}
    again = ground.see("again", containers=[main], resourceClaims=[{"name": "acc", "resourceClaimName": "a"}])
    assert opened(again) == ["SIM-0000"]


def test_a_device_is_published_twice_and_given_to_two() -> None:
    with simulator.start("conformant", ["device_published_twice"]) as cluster:
        ground = Ground(client := Client(cluster.kubeconfig), client.namespace("a"))
        entries = [d for item in client.get(SLICES)["items"] for d in item["spec"]["devices"]]
        uuids = {d["name"]: d["attributes"]["uuid"]["string"] for d in entries}
        assert uuids["accel-0"] == uuids["accel-0-again"] != uuids["accel-1"]
        paths = [holder(client, "a", name, one()) for name in ("p", "q", "r")]
        assert sorted(given(client, path)[0] for path in paths) == ["accel-0", "accel-0-again", "accel-1"]
        assert ground.see("bystander")["nodes"] == []
