"""A pod that was changed on its way proves nothing about the one that was sent."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from conformance.probes import pods, sent

Object = dict[str, Any]


def _body(*, root: bool = False) -> Object:
    main = pods.Container(
        name="main", arguments=["devices"], claims=["c"], resources={"x.dev/y": 1}, environment={"ALL": "all"}
    )
    claims = [{"name": "c", "resourceClaimName": "claim"}]
    plan = pods.PodPlan(name="p", containers=[main], node="n", claims=claims, runtime_class="rc", root=root)
    return pods.manifest(plan, image="python:3", command=["python3"], labels={})


def _run(body: Object) -> Object:
    pod = copy.deepcopy(body)
    pod["spec"]["nodeName"] = "n"
    return pod


def _main(pod: Object) -> Object:
    found: Object = pod["spec"]["containers"][0]
    return found


CHANGES: dict[str, Callable[[Object], object]] = {
    "runs on": lambda p: p["spec"].update(nodeName="other"),
    "RuntimeClass": lambda p: p["spec"].pop("runtimeClassName"),
    "resourceClaims": lambda p: p["spec"].pop("resourceClaims"),
    "the command": lambda p: _main(p).update(command=["sh"]),
    "the environment": lambda p: _main(p).update(env=None),
    "what is asked for": lambda p: _main(p)["resources"].pop("claims"),
    "the user": lambda p: _main(p)["securityContext"].update(runAsUser=1000),
    "the capabilities": lambda p: _main(p)["securityContext"].update(capabilities={"drop": ["ALL"]}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_that_makes_another_proof_of_it_is_told(what: str) -> None:
    body = _body(root=True)
    pod = _run(body)
    CHANGES[what](pod)
    assert what in str(sent.difference(body, pod, "n"))


def test_an_extended_resource_that_was_added_is_told() -> None:
    pod = _run(_body())
    _main(pod)["resources"]["limits"]["nvidia.com/gpu"] = "1"
    assert "what is asked for" in str(sent.difference(_body(), pod, "n"))


def test_a_container_that_is_missing_is_told() -> None:
    pod = _run(_body())
    _main(pod)["name"] = "other"
    assert sent.difference(_body(), pod, "n")


def test_defaults_sidecars_and_further_rights_are_no_difference() -> None:
    pod = _run(_body())
    _main(pod)["securityContext"]["privileged"] = True
    _main(pod)["env"].append({"name": "PROXY", "value": "x"})
    pod["spec"]["containers"].append({"name": "mesh"})
    assert sent.difference(_body(), pod, "n") is None


SENT: Object = {"replicas": 1, "metrics": [{"target": "2"}]}


@pytest.mark.parametrize(
    ("there", "wrong"),
    [
        ({"replicas": 1, "metrics": [{"target": "2", "added": {}}], "more": 7}, None),
        ({"replicas": 3, "metrics": [{"target": "2"}]}, "spec.replicas is 3 and not 1"),
        ({"replicas": 1, "metrics": [{"target": "9"}]}, "spec.metrics[0].target is '9' and not '2'"),
        ({"replicas": 1, "metrics": [{"target": "2"}, {}]}, "spec.metrics has 2 entries and not 1"),
        ({"replicas": 1, "metrics": 7}, "spec.metrics has 0 entries and not 1"),
        (None, "spec.replicas is None and not 1"),
    ],
)
def test_an_object_is_what_was_sent_where_only_more_was_added(there: object, wrong: str | None) -> None:
    assert sent.changed(SENT, there, "spec") == wrong
