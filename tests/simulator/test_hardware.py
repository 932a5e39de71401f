"""Makes of accelerators load, say what is wrong with them, and show in containers as the real ones do."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance import simulator
from conformance.simulator import devices, hardware
from conformance.simulator import world as worlds
from conformance.simulator.machines import NodeSpec
from conformance.simulator.places import read
from conformance.simulator.shares import Sliced
from tests.simulator.client import CLAIMS, PODS, Client, claim
from tests.simulator.client import pod as pod_of

WHOLE: dict[str, Any] = {"uuid": "u{index}", "name": "d-{index}"}
GOOD = {"title": "t", "models": {"m": "1Gi"}, "driver": "1", "whole": WHOLE}
NODE = "title: t\nnodes: [{{name: a, {}}}]\n"


def made(folder: Path, **more: Any) -> hardware.Make:
    file = folder / "made.yaml"
    file.write_text(yaml.safe_dump({**GOOD, **more}))
    return hardware.parse("made", read(file))


@pytest.mark.parametrize("name", hardware.known())
def test_every_make_names_its_devices_apart(name: str) -> None:
    make = hardware.make(name)
    whole = [devices.device(make, n) for n in range(4)]
    parts = [
        devices.partition(one, profile, n)
        for one in whole
        for profile in make.forms.get("partition", make.forms["whole"]).profiles
        for n in range(2)
    ]
    for found in (whole, parts[:2], parts[-2:]):
        assert len({one.uuid for one in found}) == len({one.name for one in found}) == len(found)
    assert all(node.path.startswith("/dev/") for one in (*whole, *parts) for node in (*one.nodes, *one.control))


@pytest.mark.parametrize(
    ("more", "place", "words"),
    [
        ({"colour": "red"}, "", "'colour' is not known here"),
        ({"models": {}}, ": models", "at least one model"),
        ({"labels": {"a": "{cuont}"}}, ": labels.a", "names in braces are"),
        ({"labels": {"a{": "x"}}, ": labels.a{", "is no template"),
        ({"whole": {"name": "d"}}, ": whole", "'uuid' is missing"),
        ({"whole": {**WHOLE, "nodes": [{"path": "/dev/x"}]}}, ": whole.nodes[0]", "'major' is missing"),
        ({"whole": {**WHOLE, "attributes": {"a": {"text": "x"}}}}, ": whole.attributes.a", "'text'"),
        ({"plugin": {"whole_node": "yes"}}, ": plugin.whole_node", "want true or false"),
    ],
)
def test_bad_make_is_refused_with_its_place(tmp_path: Path, more: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(simulator.WorldError) as raised:
        made(tmp_path, **more)
    assert str(raised.value).startswith(f"{tmp_path / 'made.yaml'}{place}: ")
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("node", "place", "words"),
    [
        ("make: nvida", ".make", "did you mean 'nvidia'"),
        ("make: nvidia, model: H100", ".model", "no model of nvidia"),
        ("timeSliced: {devices: [0]}", ".timeSliced", "'replicas' is missing"),
        ("timeSliced: {devices: [0], replicas: 0}", ".timeSliced.replicas", "at least 1"),
        ("make: amd, timeSliced: {devices: [0], replicas: 2}", ".timeSliced", "renamed: false"),
        ("partitioned: {devices: [0], profile: 3g, each: 1}", ".partitioned.profile", "no profile of simulated"),
        ("partitioned: {devices: [0], profile: 1g, each: 11}", ".partitioned.each", "at most 10"),
        ("make: example, partitioned: {devices: [0], profile: 1g, each: 1}", ".partitioned", "no partition devices"),
        ("dra: [0], devicePlugin: [0]", "", "device 0 is handed out in two ways"),
        ("devicePlugin: [0], timeSliced: {devices: [1], replicas: 2, renamed: false}", "", "have one resource"),
    ],
)
def test_node_with_impossible_devices_is_refused(tmp_path: Path, node: str, place: str, words: str) -> None:
    file = tmp_path / "w.yaml"
    file.write_text(NODE.format(node))
    with pytest.raises(simulator.WorldError) as raised:
        worlds.world(file)
    assert str(raised.value).startswith(f"{file}: nodes[0]{place}: ")
    assert words in str(raised.value)


def test_neighbours_lie_on_two_roots_in_one_block_of_four_and_on_one_in_the_next() -> None:
    roots = [devices.device(hardware.make(), n).root for n in range(9)]
    assert roots == [f"pci0000:{n:02x}" for n in (0, 0x80, 0, 0x80, 0, 0, 0, 0, 0)]
    parent = devices.device(hardware.make(), 1)
    assert devices.partition(parent, "1g", 0).root == parent.root


def test_shared_units_under_the_name_of_whole_ones_change_the_product() -> None:
    gpus = tuple(devices.device(hardware.make("nvidia"), n) for n in range(2))
    node = NodeSpec(name="a", make=gpus[0].make, sliced=Sliced(gpus, 2, renamed=False))
    (resource,) = node.resources
    assert (resource.name, len(resource.units)) == ("nvidia.com/gpu", 4)
    assert node.discovered()["nvidia.com/gpu.product"] == "NVIDIA-A100-SXM4-40GB-SHARED"


FILE = "import json; print(json.dumps(open({!r}).read()))"


@pytest.mark.parametrize(
    ("name", "path", "says"),
    [("nvidia", "/proc/driver/nvidia/version", "550.54.15"), ("amd", "/sys/module/amdgpu/version", "6.19.14.31400000")],
)
def test_kernel_tells_its_driver_in_every_container_of_the_node(name: str, path: str, says: str) -> None:
    with simulator.start(name) as running:
        client = Client(running.kubeconfig)
        space = client.namespace("a")
        client.run(space, "p", FILE.format(path), nodeName="node-a")
        assert says in json.loads(client.log(space, "p"))


def ask(client: Client, space: str, count: int) -> dict[str, Any]:
    """The pod of a claim for some TPU chips, once it runs or does not."""
    wanted = claim(f"c{count}", count, deviceClassName="tpu.google.com")
    client.create(CLAIMS.format(space), wanted)
    main = {"resources": {"claims": [{"name": "acc"}]}}
    claims = [{"name": "acc", "resourceClaimName": f"c{count}"}]
    client.create(PODS.format(space), pod_of(f"p{count}", "print(1)", container=main, resourceClaims=claims))
    events = f"/api/v1/namespaces/{space}/events?watch=1&timeoutSeconds=20&fieldSelector=reason"
    reason = "FailedPrepareDynamicResources" if count < 4 else "Started"
    event: dict[str, Any] = next(client.watch(f"{events}={reason}"))["object"]
    client.call("DELETE", f"{PODS.format(space)}/p{count}?gracePeriodSeconds=0")
    client.until_gone(f"{PODS.format(space)}/p{count}")
    return event


def test_chips_of_a_node_are_handed_out_all_or_none() -> None:
    with simulator.start("google-tpu") as running:
        client = Client(running.kubeconfig)
        space = client.namespace("a")
        assert "all 4 chips" in ask(client, space, 2)["message"]
        assert ask(client, space, 4)["type"] == "Normal"
        for count, phase in (("2", "Failed"), ("4", "Succeeded")):
            main = {"resources": {"limits": {"google.com/tpu": count}}}
            ended = client.run(space, f"plugin-{count}", "print(1)", container=main)
            assert ended["status"]["phase"] == phase
