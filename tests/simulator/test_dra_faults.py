"""The faults of DRA beyond plain claims: each makes the allocator, the API server or the kubelet do the wrong thing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from conformance import simulator
from conformance.simulator import world as worlds
from conformance.simulator.switches import Switches
from tests.simulator.client import CLAIMS, PODS, Client, pod

DRA = "/apis/resource.k8s.io/v1"
CLASS = "accel.sim.dev"
NODE_A = {"nodeSelector": {"kubernetes.io/hostname": "node-a"}}
STAY = "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()"
NOBODY = "device.attributes['accel.sim.dev'].index == 99"


def asked(*selectors: str, **more: Any) -> dict[str, Any]:
    return {"deviceClassName": CLASS, "selectors": [{"cel": {"expression": s}} for s in selectors], **more}


def holder(client: Client, namespace: str, name: str, *requests: dict[str, Any], **devices: Any) -> str:
    """Create a claim of these requests and a pod with it on node-a; gives the path of the claim."""
    body = {"metadata": {"name": name}, "spec": {"devices": {"requests": list(requests), **devices}}}
    client.create(CLAIMS.format(namespace), body)
    main = {"resources": {"claims": [{"name": "acc"}]}}
    claims = [{"name": "acc", "resourceClaimName": name}]
    client.create(PODS.format(namespace), pod(name, STAY, container=main, resourceClaims=claims, **NODE_A))
    return f"{CLAIMS.format(namespace)}/{name}"


def one(*selectors: str, **more: Any) -> dict[str, Any]:
    return {"name": "acc", "exactly": asked(*selectors, **more)}


def given(client: Client, path: str) -> list[str]:
    """Devices that a claim was given, once it was given any."""
    found = client.until(path, lambda obj: bool(obj["status"].get("allocation")))
    return [result["device"] for result in found["status"]["allocation"]["devices"]["results"]]


def waits(client: Client, path: str) -> bool:
    """Whether the pod of a claim is refused, once the scheduler has decided."""
    where = path.replace("/apis/resource.k8s.io/v1/", "/api/v1/").replace("/resourceclaims/", "/pods/")
    seen = client.until(where, lambda obj: bool(obj["status"].get("conditions")))
    return any(c["type"] == "PodScheduled" and c["status"] == "False" for c in seen["status"]["conditions"])


@contextmanager
def faulty(switches: Switches, name: str) -> Iterator[None]:
    """The shared cluster with a fault."""
    worlds.apply(worlds.fault(name), switches)
    yield


def test_selectors_of_requests_are_ignored(client: Client, namespace: str, switches: Switches) -> None:
    assert waits(client, holder(client, namespace, "right", one(NOBODY)))
    with faulty(switches, "selector_ignored"):
        assert given(client, holder(client, namespace, "wrong", one(NOBODY))) == ["accel-0"]


def test_constraints_are_ignored(client: Client, namespace: str, switches: Switches) -> None:
    pair = [{**one(), "name": name} for name in ("one", "other")]
    same = [{"matchAttribute": "accel.sim.dev/uuid"}]
    assert waits(client, holder(client, namespace, "right", *pair, constraints=same))
    with faulty(switches, "constraint_ignored"):
        assert len(given(client, holder(client, namespace, "wrong", *pair, constraints=same))) == 2


def test_taints_are_ignored(client: Client, namespace: str, switches: Switches) -> None:
    taint = {"key": "test.sim.dev/closed", "effect": "NoSchedule"}
    rule = {"metadata": {"name": namespace}, "spec": {"deviceSelector": {"driver": "accel.sim.dev"}, "taint": taint}}
    client.create(f"{DRA}/devicetaintrules", rule)
    try:
        assert waits(client, holder(client, namespace, "right", one()))
        with faulty(switches, "taint_ignored"):
            assert given(client, holder(client, namespace, "wrong", one()))
    finally:
        client.call("DELETE", f"{DRA}/devicetaintrules/{namespace}")


def test_later_alternatives_are_never_tried(client: Client, namespace: str, switches: Switches) -> None:
    choice = [{"name": "none", **asked(NOBODY)}, {"name": "any", **asked()}]
    right = holder(client, namespace, "right", {"name": "acc", "firstAvailable": choice})
    assert given(client, right)
    with faulty(switches, "list_never_falls_back"):
        assert waits(client, holder(client, namespace, "wrong", {"name": "acc", "firstAvailable": choice}))


def test_alternatives_are_tried_in_any_order(client: Client, namespace: str, switches: Switches) -> None:
    choice = [{"name": "wanted", **asked()}, {"name": "otherwise", **asked()}]

    def alternatives() -> set[str]:
        paths = [holder(client, namespace, f"any-{n}", {"name": "acc", "firstAvailable": choice}) for n in (1, 2)]
        found = [client.until(path, lambda obj: bool(obj["status"].get("allocation"))) for path in paths]
        return {claim["status"]["allocation"]["devices"]["results"][0]["request"] for claim in found}

    with faulty(switches, "alternatives_in_any_order"):
        assert alternatives() == {"acc/wanted", "acc/otherwise"}


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Client, Switches]]:
    """The world with partitions and with devices that several claims may hold."""
    with simulator.start("dra-shared") as cluster:
        yield Client(cluster.kubeconfig), cluster._cluster.switches
        assert cluster.crashes == []


def test_counters_that_are_used_up_are_given_again(shared: tuple[Client, Switches]) -> None:
    client, switches = shared
    namespace = client.namespace("counters")
    part, whole = (f"device.attributes['accel.sim.dev'].type == '{kind}'" for kind in ("partition", "whole"))
    every = {"name": "acc", "exactly": asked(part, allocationMode="All")}
    assert len(given(client, holder(client, namespace, "parts", every))) == 4
    assert waits(client, holder(client, namespace, "right", one(whole)))
    with faulty(switches, "counters_ignored"):
        assert given(client, holder(client, namespace, "wrong", one(whole)))
    switches.allocator.heeds_counters = True


def test_capacity_that_is_used_up_is_given_again(shared: tuple[Client, Switches]) -> None:
    client, switches = shared
    namespace = client.namespace("capacity")
    main = {"resources": {"claims": [{"name": "acc"}]}}

    def ask(name: str, size: str) -> str:
        body = one("device.attributes['accel.sim.dev'].index == 4", capacity={"requests": {"memory": size}})
        spec = {"metadata": {"name": name}, "spec": {"devices": {"requests": [body]}}}
        client.create(CLAIMS.format(namespace), spec)
        claims = [{"name": "acc", "resourceClaimName": name}]
        client.create(PODS.format(namespace), pod(name, STAY, container=main, resourceClaims=claims))
        return f"{CLAIMS.format(namespace)}/{name}"

    assert given(client, ask("first", "10Gi")) == ["accel-4"]
    assert waits(client, ask("right", "10Gi"))
    with faulty(switches, "capacity_ignored"):
        assert given(client, ask("wrong", "10Gi")) == ["accel-4"]
    switches.allocator.heeds_capacity = True


def test_admin_access_is_granted_anywhere(client: Client, namespace: str, switches: Switches) -> None:
    body = {"metadata": {"name": "a"}, "spec": {"devices": {"requests": [one(adminAccess=True)]}}}
    path = f"{CLAIMS.format(namespace)}?dryRun=All"
    assert client.call("POST", path, body).status == 422
    with faulty(switches, "admin_access_granted"):
        answer = client.call("POST", path, body)
    assert answer.body["spec"]["devices"]["requests"][0]["exactly"]["adminAccess"] is True


@pytest.fixture
def resource(client: Client, namespace: str) -> Iterator[str]:
    """An extended resource that stands for the devices by DRA."""
    spec = {"extendedResourceName": f"test.sim.dev/{namespace}"}
    selectors = [{"cel": {"expression": "device.driver == 'accel.sim.dev'"}}]
    client.create(f"{DRA}/deviceclasses", {"metadata": {"name": namespace}, "spec": {**spec, "selectors": selectors}})
    yield spec["extendedResourceName"]
    client.call("DELETE", f"{DRA}/deviceclasses/{namespace}")


def asks(client: Client, namespace: str, name: str, resource: str) -> str:
    """A pod that asks for one of a resource and says which device its environment names."""
    main = {"resources": {"limits": {resource: "1"}}}
    script = "import os; print('device', os.environ.get('SIM_ACCELERATOR'))"
    client.create(PODS.format(namespace), pod(name, script, container=main, **NODE_A))
    return f"{PODS.format(namespace)}/{name}"


def test_an_extended_resource_is_promised_and_not_served(
    client: Client, namespace: str, switches: Switches, resource: str
) -> None:
    with faulty(switches, "extended_resource_not_served"):
        path = asks(client, namespace, "wrong", resource)
        seen = client.until(path, lambda obj: bool(obj["status"].get("conditions")))
    assert seen["status"]["conditions"][0]["reason"] == "Unschedulable"


def test_a_pod_with_an_extended_resource_gets_no_device(
    client: Client, namespace: str, switches: Switches, resource: str
) -> None:
    def ended(path: str) -> str:
        client.until(path, lambda obj: obj["status"].get("phase") == "Succeeded")
        return client.log(namespace, path.rpartition("/")[2])

    assert "SIM-" in ended(asks(client, namespace, "right", resource))
    with faulty(switches, "extended_resource_not_injected"):
        assert "None" in ended(asks(client, namespace, "wrong", resource))
