"""Every fault makes its component do the wrong thing, and nothing else wrong."""

import http.client
import json
import re
from pathlib import Path
from typing import Any

import pytest

from conformance import content, simulator
from conformance.simulator import world as worlds
from conformance.simulator.switches import Switches
from tests.simulator.client import CLAIMS, PODS, Client, claim, pod

PROBE = Path(content.FIXTURES / "probe")
ROOT = {"securityContext": {"runAsUser": 0, "capabilities": {"add": ["MKNOD"]}}}
LOOK = [
    "python3",
    "/opt/probe/probe.py",
    "devices",
    "--match",
    "/dev/simaccel*",
    "--make-own",
    "--env",
    "SIM_ACCELERATOR",
]
HOLD = [*LOOK, "--hold", "60"]
PINNED = {"kubernetes.io/hostname": "node-a"}


class Ground:
    """A cluster with a fault in it, and short ways to put pods on it."""

    def __init__(self, client: Client, namespace: str) -> None:
        self.client, self.namespace = client, namespace
        files = {file.name: file.read_text() for file in PROBE.glob("*.py")}
        client.create(f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": "probe"}, "data": files})

    def see(self, name: str, *, make: str = "", container: str = "main", **spec: Any) -> dict[str, Any]:
        """What the probe says in a container of a pod."""
        command = [*LOOK, "--make", make] if make else LOOK
        body = pod(name, "", container={"command": command, **ROOT}, nodeSelector=PINNED, volumes=[self.volume], **spec)
        for one in body["spec"]["containers"]:
            one["volumeMounts"] = [{"name": "probe", "mountPath": "/opt/probe"}]
        self.client.create(PODS.format(self.namespace), body)
        path = f"{PODS.format(self.namespace)}/{name}"
        self.client.until(path, lambda obj: obj["status"]["phase"] in ("Succeeded", "Failed"))
        answer: dict[str, Any] = json.loads(self.client.log(self.namespace, name, f"container={container}"))
        return answer

    @property
    def volume(self) -> dict[str, Any]:
        return {"name": "probe", "configMap": {"name": "probe"}}

    def claimed(self, name: str, **more: Any) -> dict[str, Any]:
        """What a container with a claim for one device sees."""
        self.client.create(CLAIMS.format(self.namespace), claim(name))
        main = {
            "name": "main",
            "image": "python:3",
            "command": LOOK,
            "resources": {"claims": [{"name": "acc"}]},
            **ROOT,
        }
        claims = [{"name": "acc", "resourceClaimName": name}]
        return self.see(name, containers=[main, *more.pop("beside", [])], resourceClaims=claims, **more)

    def plugged(self, name: str) -> dict[str, Any]:
        """What a container with a device of the device plugin sees."""
        main = {"name": "main", "image": "python:3", "command": LOOK, "resources": {"limits": {"sim.dev/accel": "1"}}}
        return self.see(name, containers=[main])


def opened(answer: dict[str, Any]) -> list[str]:
    """Identities of the devices that a probe opened."""
    contents = [node.get("content", "") for node in answer["nodes"] if node["open"] == "ok"]
    return sorted(match[1] for text in contents if (match := re.search(r"uuid=(\S+)", text)))


def allocated(answer: dict[str, Any]) -> list[str]:
    """Identities that the environment names."""
    return [word for word in answer["environment"].get("SIM_ACCELERATOR", "").split(",") if word]


EVERY = ["SIM-0000", "SIM-0001", "SIM-0002", "SIM-0003"]


@pytest.fixture
def ground(client: Client, namespace: str, switches: Switches, request: pytest.FixtureRequest) -> Ground:
    """The shared cluster with the fault of the test's parameter in it."""
    ready = Ground(client, namespace)
    if getattr(request, "param", ""):
        worlds.apply(worlds.fault(request.param), switches)
    return ready


def fault(name: str) -> pytest.MarkDecorator:
    """Run a test with a fault."""
    return pytest.mark.parametrize("ground", [name], indirect=True)


def test_without_a_fault_a_container_sees_what_it_holds_and_nothing_else(ground: Ground) -> None:
    own = ground.claimed("a")
    assert opened(own) == allocated(own)
    assert len(opened(own)) == 1
    assert [made["open"] for made in own["made"]] == ["ok"]
    plugged = ground.plugged("b")
    assert opened(plugged) == allocated(plugged)
    assert ground.see("c", make="c:240:0")["nodes"] == []
    assert [made["open"] for made in ground.see("d", make="c:240:0")["made"]] == ["EPERM"]


def test_mknod_needs_the_capability(ground: Ground) -> None:
    dropped = {"securityContext": {"capabilities": {"drop": ["ALL"]}}}
    command = [*LOOK, "--make", "c:240:0"]
    main = {"name": "main", "image": "python:3", "command": command, **dropped}
    assert ground.see("a", containers=[main])["made"][0]["mknod"] == "EPERM"


@fault("every_device_in_every_container")
def test_every_container_opens_every_device(ground: Ground) -> None:
    assert opened(ground.see("a")) == opened(ground.claimed("b")) == EVERY


@fault("unclaimed_pod_sees_devices")
def test_pod_without_a_device_opens_every_one(ground: Ground) -> None:
    assert opened(ground.see("a")) == EVERY
    assert len(opened(ground.claimed("b"))) == 1


@fault("sibling_sees_devices")
def test_container_beside_a_claim_opens_every_device(ground: Ground) -> None:
    beside = {"name": "beside", "image": "python:3", "command": LOOK}
    assert opened(ground.claimed("a", beside=[beside], container="beside")) == EVERY
    assert ground.see("b")["nodes"] == []


@fault("environment_opens_all")
def test_variable_opens_every_device(ground: Ground) -> None:
    asking = {
        "name": "main",
        "image": "python:3",
        "command": LOOK,
        "env": [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}],
    }
    assert opened(ground.see("a", containers=[asking])) == EVERY
    assert ground.see("b")["nodes"] == []


@fault("cgroup_allows_all")
def test_node_made_by_hand_opens_a_foreign_device(ground: Ground) -> None:
    seen = ground.see("a", make="c:240:1")
    assert (seen["nodes"], seen["made"][0]["content"]) == (
        [],
        "accelerator uuid=SIM-0001 model=S1 memory=16Gi driver=1.0.0",
    )


@fault("one_node_leaks")
@pytest.mark.parametrize(("node", "devices"), [("node-a", 4), ("node-b", 0)])
def test_only_one_node_gives_every_device(ground: Ground, node: str, devices: int) -> None:
    assert len(opened(ground.see("a", nodeName=node))) == devices


@fault("hidden_path")
def test_device_lies_where_nobody_looks(ground: Ground) -> None:
    assert ground.see("a")["others"] == [{"path": "/opt/hidden0", "kind": "c", "major": 240, "minor": 0}]


@fault("closed_folder")
@pytest.mark.parametrize(("user", "seen"), [(65534, 0), (0, len(EVERY))])
def test_devices_lie_in_a_folder_that_only_root_may_enter(ground: Ground, user: int, seen: int) -> None:
    main = {"name": "main", "image": "python:3", "command": LOOK, "securityContext": {"runAsUser": user}}
    assert len(ground.see("a", containers=[main])["others"]) == seen


@fault("claim_injects_every_device")
def test_claim_gives_every_device(ground: Ground) -> None:
    seen = ground.claimed("a")
    assert (opened(seen), len(allocated(seen))) == (EVERY, 1)


@fault("claim_injects_wrong_device")
def test_claim_gives_another_device(ground: Ground) -> None:
    seen = ground.claimed("a")
    assert (len(opened(seen)), opened(seen) == allocated(seen)) == (1, False)


@fault("claim_injects_nothing")
def test_claim_gives_nothing(ground: Ground) -> None:
    assert ground.claimed("a")["nodes"] == []


@fault("claimed_device_unusable")
def test_claimed_device_cannot_be_opened(ground: Ground) -> None:
    assert [node["open"] for node in ground.claimed("a")["nodes"]] == ["EPERM"]


@fault("two_claims_share_a_device")
def test_every_claim_gives_the_first_device(ground: Ground) -> None:
    for name in ("a", "b"):
        ground.client.create(CLAIMS.format(ground.namespace), claim(name))
    entries = [{"name": name, "resourceClaimName": name} for name in ("a", "b")]
    main = [
        {"name": n, "image": "python:3", "command": LOOK, "resources": {"claims": [{"name": n}]}} for n in ("a", "b")
    ]
    seen = ground.see("p", containers=main, resourceClaims=entries, container="a")
    other = json.loads(ground.client.log(ground.namespace, "p", "container=b"))
    assert opened(seen) == opened(other) == ["SIM-0000"]
    assert allocated(seen) != allocated(other)


@fault("prepare_fails")
def test_pod_with_a_claim_does_not_start_and_the_kubelet_says_so(ground: Ground) -> None:
    ground.client.create(CLAIMS.format(ground.namespace), claim("a"))
    main = {"resources": {"claims": [{"name": "acc"}]}}
    body = pod("p", "", container=main, resourceClaims=[{"name": "acc", "resourceClaimName": "a"}])
    ground.client.create(PODS.format(ground.namespace), body)
    events = f"/api/v1/namespaces/{ground.namespace}/events?watch=1&timeoutSeconds=20"
    reason = "fieldSelector=reason=FailedPrepareDynamicResources"
    assert next(ground.client.watch(f"{events}&{reason}"))["object"]["type"] == "Warning"
    assert ground.client.get(f"{PODS.format(ground.namespace)}/p")["status"]["phase"] == "Pending"


@fault("plugin_injects_every_device")
def test_plugin_gives_every_device(ground: Ground) -> None:
    seen = ground.plugged("a")
    assert (opened(seen), len(allocated(seen))) == (EVERY, 1)


@fault("plugin_shares_a_device")
def test_plugin_gives_its_first_device_to_everybody(ground: Ground) -> None:
    limits = {"resources": {"limits": {"sim.dev/accel": "1"}}}
    main = [{"name": name, "image": "python:3", "command": LOOK, **limits} for name in ("a", "b")]
    seen = ground.see("p", containers=main, container="a")
    other = json.loads(ground.client.log(ground.namespace, "p", "container=b"))
    assert opened(seen) == opened(other) == ["SIM-0002"]
    assert {*allocated(seen), *allocated(other)} == {"SIM-0002", "SIM-0003"}


@fault("plugin_injects_nothing")
def test_plugin_gives_nothing(ground: Ground) -> None:
    seen = ground.plugged("a")
    assert (seen["nodes"], len(allocated(seen))) == ([], 1)


@fault("unsatisfiable_claim_allocated")
def test_claim_for_too_many_is_allocated(ground: Ground) -> None:
    ground.client.create(CLAIMS.format(ground.namespace), claim("a", count=9))
    main = {"resources": {"claims": [{"name": "acc"}]}}
    body = pod("p", "print(1)", container=main, resourceClaims=[{"name": "acc", "resourceClaimName": "a"}])
    ground.client.create(PODS.format(ground.namespace), body)
    path = f"{PODS.format(ground.namespace)}/p"
    assert ground.client.until(path, lambda obj: obj["status"]["phase"] == "Succeeded")["spec"]["nodeName"]


def test_claim_stays_allocated_after_its_pod() -> None:
    with simulator.start("conformant", ["claim_never_released"]) as cluster:
        client = Client(cluster.kubeconfig)
        ground = Ground(client, client.namespace("a"))
        ground.claimed("c")
        client.call("DELETE", f"{PODS.format('a')}/c")
        client.until_gone(f"{PODS.format('a')}/c")
        assert client.get(f"{CLAIMS.format('a')}/c")["status"]["allocation"]


def test_no_driver_publishes_nothing_and_the_api_is_served() -> None:
    with simulator.start("conformant", ["no_driver"]) as cluster:
        client = Client(cluster.kubeconfig)
        assert client.get("/apis/resource.k8s.io/v1/resourceslices")["items"] == []
        assert len(client.get("/apis/resource.k8s.io/v1/deviceclasses")["items"]) == 1


@fault("scheduler_stopped")
def test_nobody_places_a_pod(ground: Ground) -> None:
    path = PODS.format(ground.namespace)
    made = ground.client.create(path, pod("p", ""))
    revision = made["metadata"]["resourceVersion"]
    assert list(ground.client.watch(f"{path}?watch=1&resourceVersion={revision}&timeoutSeconds=1")) == []


@pytest.mark.parametrize(("name", "status", "header"), [("api_500", 500, None), ("api_429", 429, "1")])
def test_some_requests_are_answered_with_an_error(name: str, status: int, header: str | None) -> None:
    with simulator.start("no-accelerator", [name]) as cluster:
        client = Client(cluster.kubeconfig)
        answers = [client.call("GET", "/api/v1/nodes") for _ in range(50)]
    bad = [answer for answer in answers if answer.status != 200]
    assert {answer.status for answer in bad} == {status}
    assert 3 < len(bad) < 10
    assert {answer.headers.get("Retry-After") for answer in bad} == {header}


@fault("dra_accepts_invalid")
def test_invalid_claim_is_taken(ground: Ground) -> None:
    wrong = {"metadata": {"name": "a"}, "spec": {"devices": {"requests": [{"name": "a"}]}}}
    assert ground.client.call("POST", CLAIMS.format(ground.namespace), wrong).status == 201
    maps = f"/api/v1/namespaces/{ground.namespace}/configmaps"
    assert ground.client.call("POST", maps, {"metadata": {"name": "Not a name"}}).status == 422


@fault("dra_loses_updates")
def test_change_of_a_claim_is_answered_and_lost(ground: Ground) -> None:
    path = CLAIMS.format(ground.namespace)
    ground.client.create(path, claim("a"))
    change = {"metadata": {"labels": {"a": "b"}}}
    answer = ground.client.call("PATCH", f"{path}/a", change, "application/merge-patch+json")
    assert (answer.status, answer.body["metadata"]["labels"]) == (200, {"a": "b"})
    assert "labels" not in ground.client.get(f"{path}/a")["metadata"]


def test_watch_breaks_without_an_ending() -> None:
    with simulator.start("conformant", ["watch_dropped"]) as cluster:
        client = Client(cluster.kubeconfig)
        connection, response = client.open("GET", "/api/v1/namespaces?watch=1&timeoutSeconds=20")
        with pytest.raises((http.client.IncompleteRead, OSError)):
            response.read()
        connection.close()
        seen = list(client.watch("/api/v1/namespaces?watch=1&timeoutSeconds=20"))
        assert [event["type"] for event in seen] == ["ADDED"] * 3


def test_every_fault_of_the_contract_has_a_test_here_or_beside() -> None:
    text = "".join(file.read_text() for file in Path(__file__).parent.rglob("test_*.py"))
    assert [name for name in simulator.faults() if f'"{name}"' not in text] == []
