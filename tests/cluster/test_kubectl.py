"""kubectl says the same on the real and on the simulated cluster: exit code, columns, headings and field paths."""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator

import pytest

from conformance import simulator
from tests.cluster import kubectl
from tests.cluster.ground import TESTBED, Ground
from tests.cluster.kubectl import Side

pytestmark = pytest.mark.cluster
Sides = tuple[Side, Side]

TABLES = ("", "--output=wide", "--selector=app=parity", "--selector=app!=parity", "--show-labels", "--all-namespaces")
NAMESPACED = ("pods", "configmaps", "resourceclaims", "resourceclaimtemplates")
CLUSTER = ("nodes", "deviceclasses", "resourceslices", "namespaces")
DESCRIBED = (
    *(f"pod {name}" for name in ("runs", "claims", "asks", "succeeds", "fails", "waits")),
    *("configmap words", "resourceclaim own", "resourceclaim too-many", "resourceclaimtemplate template"),
    *("deviceclass", "resourceslice", f"namespace {kubectl.NAMESPACE}", "node node-a"),
)
# Answers that are the same word for word.
SAID = (
    "get pods --no-headers --sort-by=.metadata.name",
    "get pods --output=name",
    "get pods runs --output=jsonpath={.metadata.name}/{.status.phase}/{.spec.containers[0].image}",
    "get pods --field-selector=status.phase=Running --output=name",
    "get pods --selector=app=parity --output=name",
    "get pods --selector=app!=parity --output=name",
    "get pods --field-selector=spec.unknown=1",
    "get resourceclaims own too-many",
    "get configmap words --output=jsonpath={.data.greeting}",
    "get nodes --output=name",
    "get nothing",
    "get pods missing",
    "get deviceclass missing",
    "describe pod missing",
    "logs runs",
    "logs runs --tail=1",
    "logs runs --container=missing",
    "logs runs --previous",
    "logs succeeds",
    "logs waits",
    "logs missing",
    "wait --for=condition=Ready pod/runs --timeout=5s",
    "wait --for=condition=Ready pod/waits --timeout=1s",
    "wait --for=jsonpath={.status.phase}=Failed pod/fails --timeout=5s",
    "wait --for=condition=Ready pod/missing --timeout=1s",
    f"create namespace {kubectl.NAMESPACE}",
    "delete pod missing",
    "delete deviceclass missing",
    "auth can-i create pods",
    "auth can-i list resourceslices.resource.k8s.io",
    "auth can-i create unknown",
    "auth can-i get /healthz",
    "api-resources --api-group=unknown.example.com",
)
# Groups of add-ons that the simulated cluster always has, and the testbed where it is asked for them.
ADD_ONS = (" external.metrics.k8s.io/", " keda.sh/")
# Field paths that only a real machine has, or only the simulated one, and why.
ALLOWED = {
    "nodes": {
        r"\.status\.images\b": "images that lie on a machine; the simulated node has none",
        r"\.labels\.vendor/pool$": "a label of the testbed's own, by which nodes are chosen",
        r"\.(allocatable|capacity)\.vendor/virtual$": "virtual devices, which the testbed's accelerators have none of",
        r"^\.spec(\.providerID)?$": "the simulated node is a machine of a provider, as autoscalers want it; a real one may have no spec at all",
        r"/scale-down-disabled$": "the simulated node is kept from its autoscaler",
    },
    "pod": {
        r"^\.status\.resources\b": "the kubelet reads it back from the control group a moment later; with cgroup v1 no limit is a number",
    },
    "deviceclasses": {
        r"last-applied-configuration$": "the testbed makes its class with kubectl apply",
    },
}


@pytest.fixture(scope="module")
def sides(testbed_ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    """Both clusters with the same objects in them."""
    path = subprocess.run([sys.executable, str(TESTBED), "path", "kubectl"], capture_output=True, text=True, check=True)
    folder, program = tmp_path_factory.mktemp("kubectl"), path.stdout.strip()
    real = Side(program, testbed_ground.kubeconfig, folder / "real", "testbed.dev")
    with simulator.start("conformant", kubeconfig=folder / "kubeconfig") as running:
        simulated = Side(program, running.kubeconfig, folder / "simulated", "sim.dev")
        try:
            real.fill()
            simulated.fill()
            yield real, simulated
        finally:
            real.empty()


@pytest.mark.parametrize("option", TABLES)
@pytest.mark.parametrize("kind", [*NAMESPACED, *CLUSTER])
def test_tables_have_the_same_columns(sides: Sides, kind: str, option: str) -> None:
    real, simulated = (side("get", kind, *filter(None, [option])) for side in sides)

    assert simulated.code == real.code
    assert kubectl.columns(simulated) == kubectl.columns(real)


@pytest.mark.parametrize("words", SAID)
def test_answers_are_the_same_word_for_word(sides: Sides, words: str) -> None:
    real, simulated = (side(*words.split()) for side in sides)

    assert simulated == real


@pytest.mark.parametrize("what", DESCRIBED)
def test_descriptions_have_the_same_headings(sides: Sides, what: str) -> None:
    real, simulated = (side("describe", *what.split()) for side in sides)

    assert simulated.code == real.code
    # Whatever kubectl says about a provider, the testbed has none.
    assert kubectl.headings(simulated) - {"ProviderID"} == kubectl.headings(real)


@pytest.mark.parametrize("name", ["pod runs", "pod claims", "pod asks", "pod succeeds", "pod fails", "pod waits"])
@pytest.mark.parametrize("output", ["json", "yaml"])
def test_pods_have_the_same_field_paths(sides: Sides, name: str, output: str) -> None:
    real, simulated = (_allowed("pod", [side.document(*name.split(), output=output)]) for side in sides)

    assert sorted(simulated ^ real) == []


@pytest.mark.parametrize("kind", [*NAMESPACED[1:], *CLUSTER])
def test_objects_have_the_same_field_paths(sides: Sides, kind: str) -> None:
    real, simulated = (_paths(side, kind) for side in sides)

    assert sorted(simulated ^ real) == []


def _paths(side: Side, kind: str) -> set[str]:
    items = side.document(kind)["items"]
    if kind == "namespaces":
        items = [item for item in items if item["metadata"]["name"] == kubectl.NAMESPACE]
    return _allowed(kind, items)


def _allowed(kind: str, items: Iterable[object]) -> set[str]:
    found = {path for item in items for path in kubectl.paths(item)}
    return {path for path in found if not any(re.search(rule, path) for rule in ALLOWED.get(kind, ()))}


def test_api_resources_are_those_of_the_real_server(sides: Sides) -> None:
    real, simulated = (set(side("api-resources", "--no-headers").out.splitlines()) for side in sides)

    assert {line for line in simulated - real if not any(group in line for group in ADD_ONS)} == set()
    # The testbed switches every alpha version on, which a cluster does not do by itself.
    assert {line for line in real if " resource.k8s.io/" in line and "alpha" not in line} <= simulated


def test_own_rights_are_listed_in_the_same_columns(sides: Sides) -> None:
    real, simulated = (side("auth", "can-i", "--list") for side in sides)

    assert (simulated.code, kubectl.columns(simulated)) == (real.code, kubectl.columns(real))


def test_apply_change_refuse_and_delete_answer_the_same(sides: Sides) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: brief}\nspec: {containers: [{name: c, image: 'docker.io/local/python:1', command: [python3, -c, pass]}]}\n"
    steps = (
        (("apply", "--filename=-"), pod),
        (("apply", "--filename=-"), pod),
        (("apply", "--filename=-"), pod.replace("name: brief", "name: brief, labels: {a: b}")),
        (("apply", "--filename=-"), pod.replace("name: c,", "name: other,")),
        (("apply", "--filename=-"), pod.replace("name: brief", "name: Brief_")),
        (("apply", "--filename=-", "--dry-run=server"), pod.replace("name: brief", "name: never")),
        (("label", "pod", "brief", "c=d"), ""),
        (("annotate", "pod", "brief", "c=d"), ""),
        (("delete", "pod", "brief", "--grace-period=1"), ""),
        (("delete", "pod", "brief"), ""),
    )
    for words, text in steps:
        real, simulated = (side(*words, text=text) for side in sides)
        # Below its first line a refusal shows the server's own idea of both objects.
        assert _said(simulated) == _said(real), words


def _said(answer: kubectl.Answer) -> tuple[int, str, str]:
    return answer.code, answer.out, answer.err.partition("\n")[0]


def test_apply_refuses_an_unknown_field(sides: Sides) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: wrong}\nspec: {containers: [{name: c, image: python, hostname: x}]}\n"
    real, simulated = (side("apply", "--filename=-", text=pod) for side in sides)

    assert simulated == real
