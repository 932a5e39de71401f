"""The commands that only speak: what they say, to people and to programs, and how little they load for it."""

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from conformance import __version__, catalogue, content, profiles

if TYPE_CHECKING:
    from conformance.simulator import Running
    from tests.cli.conftest import Command

HEAVY = ("kubernetes", "yaml", "jsonschema", "aiohttp", "tabulate", "pytest", "urllib3", "conformance.simulator")


@pytest.mark.parametrize("words", ["--help", "--version", "run --help"])
def test_help_and_version_load_nothing_heavy(words: str) -> None:
    program = f"""
import sys
from conformance.cli import main
try:
    main({words.split()!r})
except SystemExit as leaving:
    assert not leaving.code
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "[]"
    assert "ai-conformance" in done.stdout


def test_version_is_that_of_the_package(command: "Command") -> None:
    assert command("--version").out == f"ai-conformance {__version__}\n"


def test_path_is_the_folder_of_the_checks(command: "Command") -> None:
    assert command("path").out == f"{content.CHECKS}\n"


def test_checks_lists_every_check_once(command: "Command") -> None:
    listed = json.loads(command("checks", "--output", "json").out)

    assert [entry["id"] for entry in listed] == [info.id for info in catalogue.load()]
    assert all(entry["id"] in command("checks").out for entry in listed)


def test_explain_tells_the_checks_own_text(command: "Command") -> None:
    info = catalogue.load()[0]
    said = command("explain", info.id).out

    assert info.title in said
    assert info.text in said
    assert all(need in said for need in info.spec.needs)


def test_explain_of_a_requirement_tells_all_of_its_checks(command: "Command") -> None:
    told = json.loads(command("explain", "dra_support", "--output", "json").out)

    assert {entry["requirement"] for entry in told} == {"dra_support"}
    assert len(told) > 1


def test_profiles_lists_every_profile_with_its_requirements(command: "Command") -> None:
    listed = json.loads(command("profiles", "--output", "json").out)

    assert [entry["id"] for entry in listed] == list(profiles.names())
    assert all(entry["must"] + entry["should"] == len(entry["requirements"]) for entry in listed)


def test_rbac_grants_every_need_and_no_wildcard(command: "Command") -> None:
    (role,) = yaml.safe_load_all(command("rbac").out)
    granted = {
        f"{verb} {resource.partition('/')[0]}{'.' + group if group else ''}{resource.partition('/')[1]}{resource.partition('/')[2]}"
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }

    assert {need for info in catalogue.load() for need in info.spec.needs_for(None)} <= granted
    named = [rule["resourceNames"] for rule in role["rules"] if "resourceNames" in rule]
    assert named == [["cluster-autoscaler-status"]]
    assert "*" not in str(role)


def test_rbac_for_a_namespace_puts_only_cluster_scoped_rules_into_the_cluster_role(command: "Command") -> None:
    roles = {role["kind"]: role for role in yaml.safe_load_all(command("rbac", "--namespace", "shared").out)}

    resources = {kind: {name for rule in role["rules"] for name in rule["resources"]} for kind, role in roles.items()}
    assert "pods" in resources["Role"]
    assert "resourceslices" in resources["ClusterRole"]
    assert not resources["Role"] & {"nodes", "namespaces", "resourceslices"}
    assert roles["Role"]["metadata"]["namespace"] == "shared"


def test_plan_says_what_would_happen_and_touches_nothing(command: "Command", cluster: "Running") -> None:
    said = command("plan", "--kubeconfig", cluster.kubeconfig, "secure_accelerator_access")

    assert said.code == 0
    for word in (
        cluster.url,
        "Kubernetes v1.37",
        "cncf-1.37",
        "24 to run",
        "create pods",
        "python:3.13-slim",
        "accelerator-minutes",
    ):
        assert word in said.out


def test_plan_shows_what_a_viewer_may_not_do(command: "Command", cluster: "Running") -> None:
    said = command("plan", "--kubeconfig", cluster.kubeconfig, "--context", "simulated-viewer")

    assert re.search(r"\b\d+ to run, \d+ unknown without running", said.out)
    used = said.out.partition("permissions:\n")[2].split("\n")
    assert {line.split()[0] for line in used if line} <= {"get", "list"}, "what runs only reads"
    assert "may not create pods" in said.out
