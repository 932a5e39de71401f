"""Worlds and faults load, and what is wrong with one is said in one line with its place."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from conformance import simulator
from conformance.simulator import kubeconfig
from conformance.simulator import world as worlds
from conformance.simulator.switches import Switches

GOOD = "title: t\nnodes: [{name: a}]\n"
POOL = "name: p, autoscaler: karpenter, template: {}"


def refusal(path: Path, text: str) -> str:
    path.write_text(text)
    with pytest.raises(simulator.WorldError) as caught:
        worlds.world(path)
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{path}")


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("title: [", ", line 1, column 9", "not YAML"),
        ("[]", "", "want a mapping"),
        ("nodes: []", "", "'title' is missing"),
        ("title: t", "", "'nodes' is missing"),
        (GOOD + "node: 1", "", "did you mean 'nodes'?"),
        ("title: t\nnodes: [{}]", ": nodes[0]", "'name' is missing"),
        ("title: t\nnodes: [{name: a, dra: [x]}]", ": nodes[0].dra[0]", "want a whole number"),
        (GOOD + "components: {driver: {inject: all}}", ": components.driver", "did you mean 'injects'?"),
        (GOOD + "components: {driver: {injects: al}}", ": components.driver.injects", "want one of"),
        (GOOD + "components: {scheduler: {runs: 0}}", ": components.scheduler.runs", "want true or false"),
        (GOOD + "pools: [{name: p}]", ": pools[0]", "'autoscaler' is missing"),
        (
            GOOD + "pools: [{name: p, autoscaler: x, min: 0, max: 1, template: {}}]",
            ": pools[0].autoscaler",
            "karpenter",
        ),
        (GOOD + f"pools: [{{{POOL}, min: 2, max: 1}}]", ": pools[0]", "min <= max"),
        (GOOD + f"pools: [{{{POOL}, min: 0, max: 1, nodes: [b]}}]", ": pools[0].nodes", "no node of this world"),
        (GOOD + f"pools: [{{{POOL}, min: 0, max: 1, label: a}}]", ": pools[0].label", "LABEL=VALUE"),
        (GOOD + "users: {admin: {}}", ": users.admin", "take another"),
        (GOOD + "users: {u: {deny: [pods]}}", ": users.u.deny", "VERB RESOURCE"),
    ],
)
def test_bad_world_is_refused_with_its_place(tmp_path: Path, text: str, place: str, words: str) -> None:
    message = refusal(tmp_path / "w.yaml", text)
    assert message.startswith(f"{place}: ")
    assert words in message


@pytest.mark.parametrize("load", [worlds.world, worlds.fault])
def test_unknown_name_brings_the_nearest(load: object) -> None:
    with pytest.raises(simulator.WorldError, match=r"is not known.*there are"):
        load("nothing-like-it")  # type: ignore[operator]


@pytest.mark.parametrize(("name", "meant"), [("conformnt", "conformant"), ("no-dar", "no-dra")])
def test_misspelt_world_brings_the_meant_one(name: str, meant: str) -> None:
    with pytest.raises(simulator.WorldError, match=f"did you mean '{meant}'"):
        simulator.start(name)


def test_misspelt_fault_brings_the_meant_one() -> None:
    with pytest.raises(simulator.WorldError, match="did you mean 'no_driver'"):
        simulator.start("conformant", ["no_drver"])


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(simulator.WorldError, match="cannot be read"):
        worlds.world(tmp_path / "none.yaml")


@pytest.mark.parametrize("name", sorted(simulator.worlds()))
def test_every_world_starts(name: str) -> None:
    with simulator.start(name) as cluster:
        assert cluster.url.startswith("https://127.0.0.1:")
        assert cluster.crashes == []


@pytest.mark.parametrize("name", sorted(simulator.faults()))
def test_every_fault_changes_a_switch(name: str) -> None:
    found, switches = worlds.fault(name), Switches()
    worlds.apply(found, switches)
    assert switches != Switches()
    assert found.world in simulator.worlds()
    assert set(found.grounds) <= {"simulated", "real"}


def test_right_world_has_nothing_switched() -> None:
    assert worlds.world("conformant").switches == Switches()


def test_foreign_kubeconfig_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("apiVersion: v1\n")
    with pytest.raises(kubeconfig.NotOursError, match="was not written by a simulated cluster"):
        simulator.start("no-accelerator", kubeconfig=path)
    assert path.read_text() == "apiVersion: v1\n"


def test_own_kubeconfig_is_written_again_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config"
    for _ in range(2):
        with simulator.start("no-accelerator", kubeconfig=path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.exists()


def test_killed_simulator_leaves_no_process_of_its_pods(tmp_path: Path) -> None:
    program = f"""
import os, signal, sys
from pathlib import Path
from conformance import simulator
sys.path.append({str(Path(__file__).parents[2])!r})
from tests.simulator.client import PODS, Client, pod
cluster = simulator.start("no-accelerator", kubeconfig=Path({str(tmp_path / "config")!r}))
client = Client(cluster.kubeconfig)
client.namespace("a")
client.create(PODS.format("a"), pod("p", "import os, signal; print(os.getpid(), flush=True); signal.pause()"))
client.until(PODS.format("a") + "/p", lambda obj: obj["status"]["phase"] == "Running")
connection, log = client.open("GET", PODS.format("a") + "/p/log?follow=true")
print(int(log.readline()), cluster._cluster.folder, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    number, folder = done.stdout.split()
    # The watchdog has the program's output open until it has cleaned up, so it has done so when ``run`` comes back.
    state = subprocess.run(["ps", "-o", "stat=", "-p", number], capture_output=True, text=True, check=False).stdout
    assert state[:1] in ("", "Z")
    assert not Path(folder).exists()
