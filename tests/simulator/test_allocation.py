"""Claims are made, allocated, reserved and released by the rules of DRA."""

from typing import Any

from tests.simulator.client import CLAIMS, PODS, Client, claim, pod

CLASSES = "/apis/resource.k8s.io/v1/deviceclasses"
STAY = "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()"
FIRST = "device.attributes['accel.sim.dev'].index == 0"


def holder(name: str, claim_name: str, script: str = STAY, **spec: Any) -> dict[str, Any]:
    main = {"resources": {"claims": [{"name": "acc"}]}}
    return pod(name, script, container=main, resourceClaims=[{"name": "acc", "resourceClaimName": claim_name}], **spec)


def devices(obj: dict[str, Any]) -> list[str]:
    return [result["device"] for result in obj["status"]["allocation"]["devices"]["results"]]


def refused(obj: dict[str, Any]) -> str:
    return "".join(c.get("message", "") for c in obj["status"].get("conditions", []) if c["status"] == "False")


def test_claim_is_allocated_reserved_and_protected_while_its_pod_runs(client: Client, namespace: str) -> None:
    path = f"{CLAIMS.format(namespace)}/a"
    client.create(CLAIMS.format(namespace), claim("a", selectors=[{"cel": {"expression": FIRST}}]))
    client.create(PODS.format(namespace), holder("p", "a"))
    running = client.until(f"{PODS.format(namespace)}/p", lambda obj: obj["status"]["phase"] == "Running")
    held = client.get(path)
    assert devices(held) == ["accel-0"]
    assert held["status"]["reservedFor"] == [{"resource": "pods", "name": "p", "uid": running["metadata"]["uid"]}]
    assert held["metadata"]["finalizers"] == ["resource.kubernetes.io/delete-protection"]
    shown = running["status"]["containerStatuses"][0]["allocatedResourcesStatus"]
    assert (shown[0]["name"], shown[0]["resources"][0]["health"]) == ("claim:acc", "Healthy")
    client.call("DELETE", f"{PODS.format(namespace)}/p")
    free = client.until(path, lambda obj: not obj["metadata"].get("finalizers"))
    assert free["status"] == {}


def test_finished_pod_releases_its_claim(client: Client, namespace: str) -> None:
    client.create(CLAIMS.format(namespace), claim("a"))
    client.create(PODS.format(namespace), holder("p", "a", "print('done')"))
    client.until(f"{PODS.format(namespace)}/p", lambda obj: obj["status"]["phase"] == "Succeeded")
    client.until(f"{CLAIMS.format(namespace)}/a", lambda obj: not obj["status"].get("allocation"))


def test_claim_for_more_than_there_is_stays_pending(client: Client, namespace: str) -> None:
    client.create(CLAIMS.format(namespace), claim("a", count=9))
    client.create(PODS.format(namespace), holder("p", "a"))
    waiting = client.until(f"{PODS.format(namespace)}/p", lambda obj: "allocate" in refused(obj))
    assert refused(waiting).startswith("0/2 nodes are available: 2 cannot allocate all claims.")
    assert client.get(f"{CLAIMS.format(namespace)}/a")["status"] == {}


def test_waiting_pod_gets_the_device_that_is_freed(client: Client, namespace: str) -> None:
    wanted = [{"cel": {"expression": FIRST}}]
    for name in ("a", "b"):
        client.create(CLAIMS.format(namespace), claim(name, selectors=wanted))
    client.create(PODS.format(namespace), holder("p", "a"))
    client.until(f"{PODS.format(namespace)}/p", lambda obj: obj["status"]["phase"] == "Running")
    client.create(PODS.format(namespace), holder("q", "b"))
    client.until(f"{PODS.format(namespace)}/q", lambda obj: "allocate" in refused(obj))
    client.call("DELETE", f"{PODS.format(namespace)}/p")
    client.until(f"{PODS.format(namespace)}/q", lambda obj: obj["status"]["phase"] == "Running")


def test_selector_that_fails_aborts_scheduling(client: Client, namespace: str) -> None:
    client.create(
        CLAIMS.format(namespace), claim("a", selectors=[{"cel": {"expression": "device.attributes['x'].y == 1"}}])
    )
    client.create(PODS.format(namespace), holder("p", "a"))
    waiting = client.until(f"{PODS.format(namespace)}/p", lambda obj: bool(refused(obj)))
    assert waiting["status"]["conditions"][0]["reason"] == "SchedulerError"


def test_missing_class_is_named(client: Client, namespace: str) -> None:
    client.create(CLAIMS.format(namespace), claim("a", deviceClassName="nobody.example.com"))
    client.create(PODS.format(namespace), holder("p", "a"))
    waiting = client.until(f"{PODS.format(namespace)}/p", lambda obj: bool(refused(obj)))
    assert "request acc: device class nobody.example.com does not exist" in refused(waiting)


def test_prioritized_list_takes_the_first_that_fits(client: Client, namespace: str) -> None:
    never = [{"cel": {"expression": "false"}}]
    choices = [
        {"name": "big", "deviceClassName": "accel.sim.dev", "selectors": never},
        {"name": "any", "deviceClassName": "accel.sim.dev"},
    ]
    body = {"metadata": {"name": "a"}, "spec": {"devices": {"requests": [{"name": "acc", "firstAvailable": choices}]}}}
    client.create(CLAIMS.format(namespace), body)
    client.create(PODS.format(namespace), holder("p", "a"))
    held = client.until(f"{CLAIMS.format(namespace)}/a", lambda obj: bool(obj["status"].get("allocation")))
    assert held["status"]["allocation"]["devices"]["results"][0]["request"] == "acc/any"


def test_mode_all_takes_every_device_of_a_node(client: Client, namespace: str) -> None:
    body = claim("a")
    body["spec"]["devices"]["requests"][0]["exactly"] = {"deviceClassName": "accel.sim.dev", "allocationMode": "All"}
    client.create(CLAIMS.format(namespace), body)
    client.create(PODS.format(namespace), holder("p", "a"))
    held = client.until(f"{CLAIMS.format(namespace)}/a", lambda obj: bool(obj["status"].get("allocation")))
    assert len(devices(held)) == 2


def test_template_makes_a_claim_that_goes_with_its_pod(client: Client, namespace: str) -> None:
    templates = f"/apis/resource.k8s.io/v1/namespaces/{namespace}/resourceclaimtemplates"
    client.create(templates, {"metadata": {"name": "t"}, "spec": {"spec": claim("x")["spec"]}})
    body = holder("p", "x")
    body["spec"]["resourceClaims"] = [{"name": "acc", "resourceClaimTemplateName": "t"}]
    client.create(PODS.format(namespace), body)
    running = client.until(f"{PODS.format(namespace)}/p", lambda obj: obj["status"]["phase"] == "Running")
    name = running["status"]["resourceClaimStatuses"][0]["resourceClaimName"]
    made = client.get(f"{CLAIMS.format(namespace)}/{name}")
    assert name.startswith("p-acc-")
    assert made["metadata"]["annotations"] == {"resource.kubernetes.io/pod-claim-name": "acc"}
    assert made["metadata"]["ownerReferences"][0]["uid"] == running["metadata"]["uid"]
    client.call("DELETE", f"{PODS.format(namespace)}/p")
    client.until_gone(f"{CLAIMS.format(namespace)}/{name}")


def test_device_plugin_gives_each_pod_its_own_device(client: Client, namespace: str) -> None:
    main = {"resources": {"limits": {"sim.dev/accel": "1"}}}
    pinned = {"kubernetes.io/hostname": "node-a"}
    seen = set()
    for name in ("p", "q"):
        client.create(PODS.format(namespace), pod(name, STAY, container=main, nodeSelector=pinned))
        running = client.until(f"{PODS.format(namespace)}/{name}", lambda obj: obj["status"]["phase"] == "Running")
        status = running["status"]["containerStatuses"][0]["allocatedResourcesStatus"][0]
        assert status["name"] == "sim.dev/accel"
        seen.add(status["resources"][0]["resourceID"])
    assert seen == {"SIM-0002", "SIM-0003"}
    client.create(PODS.format(namespace), pod("r", STAY, container=main, nodeSelector=pinned))
    waiting = client.until(f"{PODS.format(namespace)}/r", lambda obj: bool(refused(obj)))
    assert "1 Insufficient sim.dev/accel" in refused(waiting)
    client.call("DELETE", PODS.format(namespace))


def test_pod_whose_claim_does_not_exist_waits_until_it_does(client: Client, namespace: str) -> None:
    made = client.create(PODS.format(namespace), holder("p", "late"))
    assert "conditions" not in made["status"]
    client.create(CLAIMS.format(namespace), claim("late"))
    running = client.until(f"{PODS.format(namespace)}/p", lambda obj: obj["status"]["phase"] == "Running")
    assert refused(running) == ""


def test_class_with_a_name_in_use_is_refused(client: Client) -> None:
    assert client.call("POST", CLASSES, {"metadata": {"name": "accel.sim.dev"}, "spec": {}}).status == 409
