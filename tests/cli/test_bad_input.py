"""Whatever is wrong with what the user gave is one line that says the cure, with the right exit code and no traceback."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable

    from conformance.simulator import Running
    from tests.cli.conftest import Command

USAGE, NO_CLUSTER = 2, 3


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("chekcs",), "did you mean 'checks'?"),
        (("run", "--wat"), "unrecognized arguments: --wat"),
        (("run", "--timeout-scale", "0"), "is not a number above 0"),
        (("run", "--workers", "many"), "invalid"),
        (("run", "--impact", "all"), "invalid choice"),
        (("run", "--kubeconfig", "nowhere"), "kubeconfig nowhere cannot be read"),
        (("run",), "name one with --kubeconfig, or try `ai-conformance demo`"),
        (("run", "secure_accelerator_acces"), "did you mean 'secure_accelerator_access'?"),
        (("run", "-k", "("), "a word is wanted"),
        (("run", "--profile", "cncf-1.3"), "did you mean 'cncf-1.3"),
        (("run", "--profile", "mine.yaml"), "mine.yaml: cannot be read"),
        (("run", "--descriptor", "mine.yaml"), "mine.yaml: cannot be read"),
        (("run", "--out", "/dev/null/x"), "is no folder"),
        (("plan", "--profile", "cncf-9"), "unknown profile 'cncf-9'"),
        (("demo", "--world", "conformnt"), "did you mean 'conformant'?"),
        (("demo", "--fault", "no_drivr"), "did you mean 'no_driver'?"),
        (("cluster", "up", "--world", "w", "--kubeconfig", "k"), "world 'w' is not known"),
        (("explain", "own_device"), "no check or requirement 'own_device'"),
        (("self-test", "dra_suport"), "did you mean 'dra_support'?"),
        (("rbac", "dra_suport"), "did you mean 'dra_support'?"),
        (("report", "nowhere.json"), "nowhere.json: cannot be read"),
        (("sweep", "--kubeconfig", "nowhere"), "kubeconfig nowhere cannot be read"),
    ],
)
def test_wrong_words_are_usage_errors(command: "Command", words: tuple[str, ...], complaint: str) -> None:
    said = command(*words)

    assert said.code == USAGE
    assert complaint in said.error()
    assert not list(Path.cwd().iterdir()), "a mistake leaves no folder behind"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "not a usable kubeconfig"),
        ("", "not a usable kubeconfig"),
        ("- 1", "not a usable kubeconfig"),
        ("apiVersion: v1\nkind: Config\n", "not a usable kubeconfig"),
        ("contexts: {a: b}", "not a usable kubeconfig"),
    ],
)
def test_a_broken_kubeconfig_is_named(command: "Command", content: str, complaint: str) -> None:
    Path("config").write_text(content)

    said = command("run", "--kubeconfig", "config")

    assert said.code == USAGE
    assert complaint in said.error()


def test_an_unknown_context_is_answered_with_the_known_ones(command: "Command", cluster: "Running") -> None:
    said = command("run", "--kubeconfig", cluster.kubeconfig, "--context", "nope")

    assert said.code == USAGE
    assert "no context 'nope'; it has simulated" in said.error()


def _changed(cluster: "Running", change: "Callable[[dict[str, Any]], None]") -> None:
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    change(config)
    Path("config").write_text(yaml.safe_dump(config))


def test_an_unreachable_server_is_exit_3_and_old_results_do_not_stay(
    command: "Command", cluster: "Running", results: "Callable[[Path], dict[str, Any]]"
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    _changed(cluster, lambda config: config["clusters"][0]["cluster"].update(server=f"https://127.0.0.1:{port}"))
    Path("out").mkdir()
    Path("out/conformance.json").write_text('{"outcome": "conformant"}')

    said = command("run", "--kubeconfig", "config", "--out", "out")

    assert said.code == NO_CLUSTER
    assert "is not reachable" in said.error()
    found = results(Path("out"))
    assert (found["complete"], found["outcome"]) == (False, "inconclusive")


def test_an_expired_token_is_exit_3(command: "Command", cluster: "Running") -> None:
    def expire(config: dict[str, Any]) -> None:
        for user in config["users"]:
            user["user"]["token"] = "expired"

    _changed(cluster, expire)

    said = command("run", "--kubeconfig", "config")

    assert said.code == NO_CLUSTER
    assert "renew the token" in said.error()


def test_a_namespace_that_is_not_there_is_said_before_anything_is_made(command: "Command", cluster: "Running") -> None:
    said = command("run", "--kubeconfig", cluster.kubeconfig, "--namespace", "nope")

    assert said.code == USAGE
    assert "no such namespace" in said.error()


def test_a_malformed_profile_is_named_with_its_place(command: "Command") -> None:
    Path("mine.yaml").write_text("id: mine\ntitle: Mine\nextends: cncf-1.37\nad: []\n")

    said = command("run", "--profile", "mine.yaml")

    assert said.code == USAGE
    assert said.error().partition("mine.yaml:4: ad: ")[2].endswith("did you mean 'add'?")


def test_a_malformed_descriptor_is_named_with_its_place(command: "Command") -> None:
    Path("mine.yaml").write_text("id: mine\n")

    said = command("plan", "--descriptor", "mine.yaml")

    assert said.code == USAGE
    assert "mine.yaml:1: " in said.error()


def test_results_of_another_schema_are_refused_by_their_version(command: "Command") -> None:
    Path("old.json").write_text('{"schema_version": 99}')

    said = command("report", "old.json")

    assert said.code == USAGE
    assert "schema_version: is 99, this suite reads 1" in said.error()


def test_a_kubeconfig_of_somebody_else_is_never_overwritten(command: "Command") -> None:
    Path("config").write_text("mine")

    said = command("cluster", "up", "--world", "no-dra", "--kubeconfig", "config")

    assert said.code == USAGE
    assert "was not written by a simulated cluster" in said.error()
    assert Path("config").read_text() == "mine"
