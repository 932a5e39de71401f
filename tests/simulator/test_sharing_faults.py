"""Each fault of sharing makes its component share wrongly, and only that."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from conformance import simulator
from conformance.simulator import world as worlds
from tests.simulator.client import CLAIMS, PODS, claim
from tests.simulator.client import pod as pod_of
from tests.simulator.test_faults import HOLD
from tests.simulator.test_shares import PART, SHARED, Shares, amount, seen, uuids

BURN = ["python3", "/opt/probe/probe.py", "burn", "--match", "/dev/simaccel*", "--seconds", "0.1", "--hold", "60"]

SECOND = {"cel": {"expression": "device.attributes['accel.sim.dev'].uuid == 'SIM-0004'"}}
"""Means the first device of the second node."""


class Users(Shares):
    """Pods that name claims."""

    def user(self, name: str, claim_name: str, command: list[str] = HOLD) -> dict[str, Any]:
        """What a pod on the first node sees that names this claim."""
        main = {
            "name": "main",
            "image": "python:3",
            "command": command,
            "resources": {"claims": [{"name": "acc"}]},
            "volumeMounts": [{"name": "probe", "mountPath": "/opt/probe"}],
        }
        named = [{"name": "acc", "resourceClaimName": claim_name}]
        body = pod_of(name, "", containers=[main], resourceClaims=named, volumes=[self.ground.volume])
        self.client.create(PODS.format(self.space), body)
        path = f"{PODS.format(self.space)}/{name}"
        self.client.until(path, lambda obj: obj["status"]["phase"] == "Running")
        return self.said(path)


@contextmanager
def planted(fault: str) -> Iterator[Users]:
    """The world of a fault with the fault in it."""
    told = yaml.safe_load((worlds.FAULTS / f"{fault}.yaml").read_text())
    with simulator.start(told["world"], [fault]) as running:
        yield Users(running)
        assert running.crashes == []


def test_replicas_are_never_shared() -> None:
    with planted("replicas_are_never_shared") as shares:
        assert uuids([shares.hold(name, SHARED) for name in ("p", "q")]) == ["SIM-0000", "SIM-0001"]
        assert "no device is free" in shares.refused("r", SHARED)


def test_share_beyond_the_limit() -> None:
    with planted("share_beyond_the_limit") as shares:
        assert amount(shares.node(), SHARED) == "4"
        assert len([shares.hold(f"p{n}", SHARED) for n in range(5)]) == 5


def test_fewer_shares_than_configured() -> None:
    with planted("fewer_shares_than_configured") as shares:
        node = shares.node()
        labels = node["metadata"]["labels"]
        assert (amount(node, SHARED), labels["sim.dev/count"], labels["sim.dev/replicas"]) == ("3", "2", "2")


def test_share_opens_every_device() -> None:
    with planted("share_opens_every_device") as shares:
        assert uuids([shares.hold("p", SHARED)]) == ["SIM-0000", "SIM-0001"]


def test_share_injects_nothing() -> None:
    with planted("share_injects_nothing") as shares:
        assert seen(shares.hold("p", SHARED)) == []
        assert len(seen(shares.hold("q", "sim.dev/accel", node="node-b"))) == 1


def test_device_serves_one_pod_only() -> None:
    with planted("device_serves_one_pod_only") as shares:
        answers = [_burnt(shares, name) for name in ("p", "q", "r")]
        assert [answer["burn"]["devices"][0]["verified"] for answer in answers] == [True, True, False]
        assert uuids(answers) == ["SIM-0000", "SIM-0001", "SIM-0000"]


def _burnt(shares: Shares, name: str) -> dict[str, Any]:
    main = {
        "name": "main",
        "image": "python:3",
        "command": BURN,
        "resources": {"limits": {SHARED: "1"}},
        "volumeMounts": [{"name": "probe", "mountPath": "/opt/probe"}],
    }
    body = pod_of(name, "", containers=[main], volumes=[shares.ground.volume])
    shares.client.create(PODS.format(shares.space), body)
    path = f"{PODS.format(shares.space)}/{name}"
    shares.client.until(path, lambda obj: obj["status"]["phase"] == "Running")
    return shares.said(path)


def test_partition_sees_whole_memory() -> None:
    with planted("partition_sees_whole_memory") as shares:
        (device,) = seen(shares.hold("p", PART))
        assert (device["uuid"], device["memory"]) == ("SIM-1000", "16Gi")


def test_partitions_are_one_device() -> None:
    with planted("partitions_are_one_device") as shares:
        assert uuids([shares.hold(name, PART) for name in ("p", "q")]) == ["SIM-1000", "SIM-1000"]


def test_capacity_ignored() -> None:
    with planted("capacity_ignored") as shares:
        wanted = {"cel": {"expression": "device.allowMultipleAllocations"}}
        for n in range(5):
            body = claim(f"c{n}", selectors=[wanted], capacity={"requests": {"memory": "4Gi"}})
            shares.client.create(CLAIMS.format(shares.space), body)
        assert uuids([shares.user(f"p{n}", f"c{n}") for n in range(5)]) == ["SIM-0004"] * 5


@pytest.mark.parametrize(
    ("fault", "found"),
    [("claim_users_get_two_devices", ["SIM-0004", "SIM-0005"]), ("claim_user_gets_nothing", ["SIM-0004"])],
)
def test_second_user_of_a_claim(fault: str, found: list[str]) -> None:
    with planted(fault) as shares:
        shares.client.create(CLAIMS.format(shares.space), claim("c", selectors=[SECOND]))
        assert uuids([shares.user("p", "c"), shares.user("q", "c")]) == found


def test_without_a_fault_two_pods_with_one_claim_have_one_device() -> None:
    with simulator.start("conformant") as running:
        users = Users(running)
        users.client.create(CLAIMS.format(users.space), claim("c", selectors=[SECOND]))
        assert uuids([users.user("p", "c"), users.user("q", "c")]) == ["SIM-0004"] * 2


def test_shares_are_of_the_first_device() -> None:
    with planted("shares_are_of_the_first_device") as shares:
        assert uuids([shares.hold(name, SHARED) for name in ("p", "q")]) == ["SIM-0000", "SIM-0000"]
