"""Pods run as processes: with their own environment and files, with real output, exit codes and signals."""

import json
import os
from pathlib import Path

import pytest

from conformance import simulator
from tests.simulator.client import PODS, Client, pod

STAY = "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); print('up', flush=True); signal.pause()"


def test_exit_code_decides_the_phase(client: Client, namespace: str) -> None:
    assert client.run(namespace, "good", "print('done')")["status"]["phase"] == "Succeeded"
    ended = client.run(namespace, "bad", "raise SystemExit(3)")["status"]
    assert (ended["phase"], ended["containerStatuses"][0]["state"]["terminated"]["exitCode"]) == ("Failed", 3)


def test_output_is_the_log(client: Client, namespace: str) -> None:
    client.run(namespace, "a", "import sys; print('one'); print('two', flush=True); print('three', file=sys.stderr)")
    assert client.log(namespace, "a") == "one\ntwo\nthree\n"
    assert client.log(namespace, "a", "tailLines=1") == "three\n"
    assert client.log(namespace, "a", "limitBytes=5") == "one\nt"
    assert client.call("GET", f"{PODS.format(namespace)}/a/log?container=other").status == 400


def test_environment_is_the_container_s_alone(client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_THE_HOST", "secret")
    env = [
        {"name": "OWN", "value": "x$(HOSTNAME)"},
        {"name": "WHERE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ]
    client.run(namespace, "a", "import os, json; print(json.dumps(dict(os.environ)))", container={
        "name": "main", "image": "python:3", "env": env,
        "command": ["python3", "-c", "import os, json; print(json.dumps(dict(os.environ)))"],
    })  # fmt: skip
    seen = json.loads(client.log(namespace, "a"))
    assert (seen["OWN"], seen["WHERE"][:5], "OF_THE_HOST" in seen) == ("xa", "node-", False)


def test_config_map_is_a_file_and_a_script_runs_from_it(client: Client, namespace: str) -> None:
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    client.create(maps, {"metadata": {"name": "m"}, "data": {"run.py": "print(open('/opt/own/run.py').read()[:5])"}})
    volume = {"name": "v", "configMap": {"name": "m"}}
    main = {"command": ["python3", "/opt/own/run.py"], "volumeMounts": [{"name": "v", "mountPath": "/opt/own"}]}
    client.run(namespace, "a", "", container=main, volumes=[volume])
    assert client.log(namespace, "a") == "print\n"


def test_containers_share_an_empty_directory_and_init_containers_run_first(client: Client, namespace: str) -> None:
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/data"}]}
    first = {
        "name": "first",
        "image": "python:3",
        "command": ["python3", "-c", "open('/data/f', 'w').write('hello')"],
        **mount,
    }
    client.run(
        namespace,
        "a",
        "print(open('/data/f').read())",
        container=mount,
        initContainers=[first],
        volumes=[{"name": "v", "emptyDir": {}}],
    )
    assert client.log(namespace, "a", "container=main") == "hello\n"


def test_failed_init_container_fails_the_pod(client: Client, namespace: str) -> None:
    first = {"name": "first", "image": "python:3", "command": ["python3", "-c", "raise SystemExit(1)"]}
    ended = client.run(namespace, "a", "print('never')", initContainers=[first])
    assert (ended["status"]["phase"], ended["status"]["containerStatuses"][0]["state"]) == (
        "Failed",
        {"waiting": {"reason": "PodInitializing"}},
    )


def test_deleted_pod_is_told_to_stop_and_goes(client: Client, namespace: str) -> None:
    path = f"{PODS.format(namespace)}/a"
    client.create(PODS.format(namespace), pod("a", STAY, terminationGracePeriodSeconds=20))
    client.until(path, lambda obj: obj["status"]["phase"] == "Running")
    connection, log = client.open("GET", f"{path}/log?follow=true")
    assert log.readline() == b"up\n"
    assert client.call("DELETE", path).body["metadata"]["deletionGracePeriodSeconds"] == 20
    assert log.read() == b""
    connection.close()
    client.until_gone(path)


def test_pod_that_ignores_the_signal_is_killed(client: Client, namespace: str) -> None:
    path = f"{PODS.format(namespace)}/a"
    script = (
        "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True); [signal.pause() for _ in range(9)]"
    )
    client.create(PODS.format(namespace), pod("a", script))
    client.until(path, lambda obj: obj["status"]["phase"] == "Running")
    client.call("DELETE", f"{path}?gracePeriodSeconds=0")
    client.until_gone(path)


def test_deadline_ends_a_pod(client: Client, namespace: str) -> None:
    ended = client.run(namespace, "a", STAY, activeDeadlineSeconds=1)
    assert (ended["status"]["phase"], ended["status"]["reason"]) == ("Failed", "DeadlineExceeded")


def test_failing_container_is_started_again_and_its_log_kept(client: Client, namespace: str) -> None:
    path = f"{PODS.format(namespace)}/a"
    client.create(PODS.format(namespace), pod("a", "print('first'); raise SystemExit(1)", restartPolicy="OnFailure"))
    seen = client.until(path, lambda obj: obj["status"].get("containerStatuses", [{}])[0].get("restartCount", 0) >= 2)
    assert seen["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"] == 1
    assert client.log(namespace, "a", "previous=true") == "first\n"


def test_unknown_image_is_not_pulled(client: Client, namespace: str) -> None:
    path = f"{PODS.format(namespace)}/a"
    client.create(PODS.format(namespace), pod("a", "", container={"image": "registry.example.com/other:1"}))

    def waits(obj: dict[str, object]) -> bool:
        status: dict[str, object] = obj["status"]  # type: ignore[assignment]
        return "ErrImagePull" in json.dumps(status)

    assert client.until(path, waits)["status"]["phase"] == "Pending"


def test_program_that_is_not_there_cannot_start(client: Client, namespace: str) -> None:
    ended = client.run(namespace, "a", "", container={"command": ["/no/such/program"]})
    assert ended["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] == "StartError"


def test_missing_config_map_keeps_the_pod_waiting_and_says_why(client: Client, namespace: str) -> None:
    volume = {"name": "v", "configMap": {"name": "none"}}
    client.create(PODS.format(namespace), pod("a", "", volumes=[volume]))
    events = f"/api/v1/namespaces/{namespace}/events?watch=1&timeoutSeconds=20&fieldSelector=reason=FailedMount"
    assert 'configmap "none" not found' in next(client.watch(events))["object"]["message"]


def test_identity_is_that_of_the_security_context(client: Client, namespace: str) -> None:
    script = "import os; print(os.getuid(), os.getgid(), sorted(os.getgroups()))"
    client.run(namespace, "a", script, securityContext={"runAsUser": 1000, "runAsGroup": 7, "supplementalGroups": [44]})
    assert client.log(namespace, "a") == "1000 7 [7, 44]\n"


def test_paths_are_the_container_s_own(client: Client, namespace: str) -> None:
    script = "import os, pathlib; pathlib.Path('/tmp/own').write_text('x'); print(sorted(os.listdir('/tmp')), os.path.exists('/opt/own'))"
    client.run(namespace, "a", script)
    assert client.log(namespace, "a") == "['own'] False\n"
    assert not Path("/tmp/own").exists()


def test_unschedulable_pod_says_why_in_the_scheduler_s_words(client: Client, namespace: str) -> None:
    path = f"{PODS.format(namespace)}/a"
    client.create(PODS.format(namespace), pod("a", "", nodeSelector={"kubernetes.io/hostname": "none"}))
    seen = client.until(path, lambda obj: bool(obj["status"].get("conditions")))["status"]["conditions"][0]
    assert (seen["type"], seen["status"], seen["reason"]) == ("PodScheduled", "False", "Unschedulable")
    assert seen["message"].startswith("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.")


def test_affinity_by_name_pins_a_pod(client: Client, namespace: str) -> None:
    field = {"key": "metadata.name", "operator": "In", "values": ["node-b"]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchFields": [field]}]}}
    assert client.run(namespace, "a", "", affinity={"nodeAffinity": required})["spec"]["nodeName"] == "node-b"


def test_stopped_cluster_leaves_no_process_and_no_file() -> None:
    with simulator.start("no-accelerator") as cluster:
        client = Client(cluster.kubeconfig)
        space = client.namespace("a")
        script = f"import os; print(os.getpid(), flush=True); {STAY}"
        client.create(PODS.format(space), pod("a", script))
        client.until(f"{PODS.format(space)}/a", lambda obj: obj["status"]["phase"] == "Running")
        connection, log = client.open("GET", f"{PODS.format(space)}/a/log?follow=true")
        number = int(log.readline())
        connection.close()
        folder = cluster._cluster.folder
        os.kill(number, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)
    assert not folder.exists()
    assert not cluster.kubeconfig.exists()
