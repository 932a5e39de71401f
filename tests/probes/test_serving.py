"""Servers as a Deployment, what they say about themselves, and what tells their accelerators apart."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.cluster import Settings
from conformance.evidence import Evidence
from conformance.inventory.descriptors import FOLDER, read
from conformance.probes import pods
from conformance.probes.reading import Node
from conformance.probes.sandbox import Sandbox
from conformance.probes.scaling import pace, serving, trial
from conformance.probes.scaling.fleet import among
from conformance.verdicts import Unverified

Object = dict[str, Any]
SIMULATED = read(Path(FOLDER / "simulated.yaml"))


class FakeApi:
    """Takes what is created and says where it is."""

    def __init__(self) -> None:
        self.made: dict[str, Object] = {}

    def create(self, path: str, body: Object) -> Object:
        meta = {**body["metadata"], "uid": str(len(self.made)), "namespace": "given", "resourceVersion": "1"}
        self.made[path.rpartition("/")[2]] = {**body, "metadata": meta}
        return self.made[path.rpartition("/")[2]]

    def pages(self, _path: str, **_query: str) -> Any:
        return iter([{"items": [{}]}])

    def get(self, path: str, **_query: Any) -> Object:
        place, _, name = path.rpartition("/")
        found = self.made.get(place.rpartition("/")[2], {})
        if found.get("metadata", {}).get("name") == name:
            return found
        return {"versions": [{"version": "v1"}]} if path.endswith("com") else {"resources": [MONITOR]}

    def list(self, _path: str, **_query: str) -> list[Object]:
        return []

    def delete(self, _path: str, **_options: Any) -> None:
        """What has a finalizer stays, and so does all else."""

    def on_wait(self, _what: str, _limit: float) -> None:
        """Nobody listens."""


MONITOR: Object = {"name": "podmonitors", "kind": "PodMonitor", "namespaced": True, "verbs": ["create"]}


@pytest.fixture
def made() -> dict[str, Object]:
    api: Any = FakeApi()
    settings = Settings(run_id="r", namespace="given")
    sandbox = Sandbox(api, run_id="r", check_id="c", settings=settings, evidence=Evidence())
    plan = pods.PodPlan(name="p", containers=[pods.Container(name="main", arguments=serving.SERVE)], node=None)
    pod = pods.manifest(plan, image="i", command=["python3"], labels=sandbox.labels)
    serving.Serving(sandbox, "server", pod).deploy()
    return dict(api.made)


def test_replicas_restart_and_have_no_deadline_as_a_deployment_demands(made: dict[str, Object]) -> None:
    spec = made["deployments"]["spec"]["template"]["spec"]
    assert not {"restartPolicy", "activeDeadlineSeconds"} & set(spec)
    assert spec["securityContext"]["runAsNonRoot"]


def test_replicas_know_their_address_and_are_ready_when_they_answer(made: dict[str, Object]) -> None:
    (main,) = made["deployments"]["spec"]["template"]["spec"]["containers"]
    assert {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}} in main["env"]
    assert main["readinessProbe"]["httpGet"] == {"path": "/health", "port": serving.PORT}


def test_replicas_ask_to_be_scraped_by_annotation_and_by_a_pod_monitor(made: dict[str, Object]) -> None:
    metadata = made["deployments"]["spec"]["template"]["metadata"]
    assert metadata["annotations"] == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "8000",
        "prometheus.io/path": "/metrics",
    }
    assert made["podmonitors"]["spec"]["selector"]["matchLabels"] == metadata["labels"]


def test_service_and_deployment_mean_the_same_pods_of_this_sandbox_alone(made: dict[str, Object]) -> None:
    labels = made["deployments"]["spec"]["template"]["metadata"]["labels"]
    assert made["services"]["spec"]["selector"] == made["deployments"]["spec"]["selector"]["matchLabels"] == labels
    assert {"kube-ai-conformance.dev/sandbox", serving.APP} < set(labels)


def _line(**told: Any) -> str:
    values = {"elapsed": 2.0, "waiting": 3, "generation_tokens": 48, **told}
    return json.dumps({"serving": values})


def test_a_server_says_what_waits_and_how_many_tokens_it_made() -> None:
    work = serving.parse(_line(), "serving")
    assert work == serving.Work(elapsed=2.0, tokens=48, waiting=3)


def test_other_lines_say_nothing() -> None:
    assert serving.parse('{"probe": "serve"}', "serving") is None
    assert serving.parse(_line(), "load") is None


@pytest.mark.parametrize("line", ['{"serving"', '{"serving": 7}', '{"serving": {}}', _line(elapsed="x")])
def test_a_line_that_makes_no_sense_is_unverified(line: str) -> None:
    with pytest.raises(Unverified) as raised:
        serving.parse(line, "serving")
    assert raised.value.code == "probe_unreadable"


def test_tokens_per_second_are_those_between_two_moments() -> None:
    earlier, later = serving.Work(elapsed=1.0, tokens=10), serving.Work(elapsed=3.0, tokens=110)
    assert later.rate(earlier) == 50
    assert later.rate(later) == 0


@pytest.mark.parametrize(
    ("status", "deleted", "ready"), [("True", None, True), ("False", None, False), ("True", "now", False)]
)
def test_a_pod_that_goes_away_is_not_ready(status: str, deleted: str | None, ready: bool) -> None:
    pod = {
        "metadata": {"deletionTimestamp": deleted} if deleted else {},
        "status": {"conditions": [{"type": "Ready", "status": status}]},
    }
    assert serving.is_ready(pod) is ready


def test_each_node_is_a_term_of_its_own_in_an_affinity() -> None:
    required = among(["a", "b"])["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert [term["matchFields"][0]["values"] for term in required["nodeSelectorTerms"]] == [["a"], ["b"]]


def test_pods_that_are_not_made_are_missing_for_the_reason_that_the_deployment_gives() -> None:
    api: Any = FakeApi()
    sandbox = Sandbox(
        api, run_id="r", check_id="c", settings=Settings(run_id="r", namespace="given"), evidence=Evidence()
    )
    plan = pods.PodPlan(name="p", containers=[pods.Container(name="main", arguments=serving.SERVE)], node=None)
    servers = serving.Serving(sandbox, "server", pods.manifest(plan, image="i", command=["python3"], labels={}))
    servers.deploy(listens=False)
    failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: few"}
    api.made["deployments"] |= {"spec": {"replicas": 3}, "status": {"conditions": [failed]}}
    ready = {"metadata": {}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    raised = servers.not_ready({"a": ready}, 5.0)
    assert isinstance(raised, Unverified)
    assert (raised.code, "wants 3 pods and has 1 (FailedCreate: exceeded quota: few)" in raised.reason) == (
        "no_pods",
        True,
    )


def _node(number: int, content: str) -> Node:
    return Node(f"/dev/x{number}", "c", 240, number, opened=True, refusal="", content=content)


def test_the_same_number_on_two_nodes_is_two_devices() -> None:
    first = trial.devices("a", [_node(3, "")], SIMULATED)
    assert not first & trial.devices("b", [_node(3, "")], SIMULATED)
    assert first & trial.devices("a", [_node(3, "")], SIMULATED)


@pytest.mark.parametrize(
    ("opened", "enough"),
    [
        ([{"a"}, {"b"}, {"c"}], True),
        ([{"a"}, {"a"}], False),
        ([{"a"}, {"a", "b"}], True),
        ([{"a", "b"}, {"a", "b"}, {"a", "b"}], False),
        ([{"a", "b", "c"}] * 3, True),
        ([{"a"}, set()], False),
    ],
)
def test_each_pod_needs_an_accelerator_that_no_other_needs(opened: list[set[str]], enough: bool) -> None:
    assert trial.each_has_own([{("node", name) for name in names} for names in opened]) is enough


def test_a_live_cluster_is_given_minutes_and_a_simulated_one_seconds() -> None:
    live, quick = (pace.of(Settings(run_id="r", window_seconds=w)) for w in (10.0, 2.0))
    assert (live.idle, live.rate, live.calm) == (30.0, 120, 5)
    assert all(getattr(quick, name) < value for name, value in vars(live).items())


def test_a_scaled_object_whose_operator_is_dead_is_named_as_left_behind_and_nothing_hangs() -> None:
    api: Any = FakeApi()
    settings = Settings(run_id="r", timeout_scale=0.0)
    sandbox = Sandbox(api, run_id="r", check_id="c", settings=settings, evidence=Evidence())
    body = {"kind": "ScaledObject", "metadata": {"name": "server", "finalizers": ["finalizer.keda.sh"]}}
    sandbox.create("scaledobjects", body, group_version="keda.sh/v1alpha1")
    sandbox.clean()
    (left,) = sandbox.leftovers
    assert left.startswith("ScaledObject server")
    assert "finalizer.keda.sh" in left
