"""Probe pods meet Pod Security ``restricted``, rule by rule; claims select by guarded and quoted CEL."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.inventory.descriptors import FOLDER, read
from conformance.inventory.kinds import DRA, Kind
from conformance.probes import claims, names, pods, reading
from conformance.verdicts import Unverified

Object = dict[str, Any]


@pytest.fixture
def spec() -> Object:
    plan = pods.PodPlan(name="p", containers=[pods.Container(name="main", arguments=["devices"])], node="n")
    made: Object = pods.manifest(plan, image="i", command=["python3"], labels={})["spec"]
    return made


def test_a_probe_pod_runs_as_nobody_with_the_default_seccomp_profile(spec: Object) -> None:
    context = spec["securityContext"]
    assert context["runAsNonRoot"]
    assert context["runAsUser"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def test_a_probe_container_has_no_rights(spec: Object) -> None:
    context = spec["containers"][0]["securityContext"]
    assert context == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_a_probe_pod_shares_nothing_of_the_host(spec: Object) -> None:
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(spec)
    assert all(set(volume) == {"name", "configMap"} for volume in spec["volumes"])
    assert "ports" not in spec["containers"][0]


def test_a_probe_pod_has_no_token_and_ends_by_itself(spec: Object) -> None:
    assert spec["automountServiceAccountToken"] is False
    assert 0 < spec["activeDeadlineSeconds"] <= 600
    assert spec["restartPolicy"] == "Never"
    assert spec["containers"][0]["resources"]["limits"].keys() >= {"cpu", "memory"}


def test_an_attack_as_root_adds_only_what_baseline_allows() -> None:
    plan = pods.PodPlan(name="p", containers=[pods.Container(name="m", arguments=[])], node=None, root=True)
    context = pods.manifest(plan, image="i", command=[], labels={})["spec"]["containers"][0]["securityContext"]
    assert context["capabilities"] == {"drop": ["ALL"], "add": ["MKNOD"]}
    assert "privileged" not in context


def _kind(model: str) -> Kind:
    return Kind(
        id="k", way=DRA, name="gpu.nvidia.com", model=model, pool="", descriptor="nvidia", device_class="c", nodes=()
    )


@pytest.mark.parametrize("model", ['A "B" C', "back\\slash", "new\nline", "]) || true"])
def test_a_model_name_cannot_leave_its_quotes(model: str) -> None:
    selector = claims.selectors(_kind(model), read(FOLDER / "nvidia.yaml"))[0]
    guard, _, comparison = selector.partition(" && ")
    assert guard == '"productName" in device.attributes["gpu.nvidia.com"]'
    assert json.loads(comparison.partition(" == ")[2]) == model


def test_v1beta1_has_the_request_flat() -> None:
    assert claims.spec("v1beta1", "c")["devices"]["requests"][0]["deviceClassName"] == "c"
    assert claims.spec("v1", "c")["devices"]["requests"][0]["exactly"]["deviceClassName"] == "c"


def test_names_fit_a_label_whatever_the_check_is_called() -> None:
    name = names.check_namespace("run-abcdef12", "r/" + "x" * 300 + "[dra-a/b]", "baseline")
    assert len(name) <= 63
    assert len(names.labels("r", "r/" + "x" * 300)[names.CHECK_LABEL]) <= 63


GOOD = {"nodes": [], "others": [], "made": [], "complete": True, "identity": {}}


@pytest.mark.parametrize(
    "data",
    [
        {},
        GOOD | {"nodes": None},
        GOOD | {"nodes": ["x"]},
        GOOD | {"made": [3]},
        GOOD | {"nodes": [{"open": "ok", "kind": "c", "major": float("inf"), "minor": 0}]},
        GOOD | {"identity": 7},
    ],
)
def test_a_line_that_is_no_report_is_unverified(data: Object) -> None:
    with pytest.raises(Unverified) as raised:
        reading.parse(json.dumps({"probe": "devices", **data}), "p/main")
    assert raised.value.code == "probe_unreadable"


def test_a_line_that_is_nested_too_deep_is_unverified() -> None:
    with pytest.raises(Unverified):
        reading.parse('{"probe": ' + "[" * 200_000, "p/main")


def test_other_lines_are_no_report() -> None:
    assert reading.parse("Traceback\n[]\n{}", "p/main") is None


def test_control_nodes_are_no_accelerators() -> None:
    nvidia = read(Path(FOLDER / "nvidia.yaml"))
    entry = {"kind": "c", "major": 195, "minor": 255, "open": "ok"}
    nodes = [{**entry, "path": "/dev/nvidiactl"}, {**entry, "path": "/dev/nvidia0", "minor": 0}]
    report = reading.parse(json.dumps({"probe": "devices", **GOOD, "nodes": nodes}), "p/main")
    assert report is not None
    assert [node.path for node in report.opened(nvidia)] == ["/dev/nvidia0"]
