"""What the API server takes, drops and refuses in objects of resource.k8s.io."""

from pathlib import Path
from typing import Any

import pytest

from conformance import simulator
from conformance.simulator.switches import Switches
from tests.simulator.client import CLAIMS, Client
from tests.simulator.dra import CLASS, CLASSES, DRA, SLICES, TEMPLATES, Maker, asking, slice_of

CHOICE = {"name": "acc", "firstAvailable": [{"name": "any", "deviceClassName": CLASS}]}


def test_request_without_a_form_is_refused_where_prioritized_lists_are_off(
    client: Client, namespace: str, switches: Switches
) -> None:
    path, body = CLAIMS.format(namespace), asking("a", CHOICE)
    assert client.call("POST", f"{path}?dryRun=All", body).status == 201
    switches.dra.prioritized_list = False
    answer = client.call("POST", path, body)
    assert (answer.status, answer.body["details"]["causes"][0]["field"]) == (422, "spec.devices.requests[0]")


@pytest.mark.parametrize(
    ("gate", "form"),
    [
        ("admin_access", {"adminAccess": True}),
        ("device_taints", {"tolerations": [{"key": "a", "operator": "Exists"}]}),
        ("consumable_capacity", {"capacity": {"requests": {"memory": "1Gi"}}}),
    ],
)
def test_field_of_a_request_is_dropped_where_its_gate_is_off(
    client: Client, switches: Switches, gate: str, form: dict[str, Any]
) -> None:
    space = client.namespace(f"gated-{gate.replace('_', '-')}", **{"resource.kubernetes.io/admin-access": "true"})
    (field,) = form
    path = CLAIMS.format(space)
    kept = client.create(path, asking("on", **form))
    assert field in kept["spec"]["devices"]["requests"][0]["exactly"]
    setattr(switches.dra, gate, False)
    dropped = client.create(path, asking("off", **form))
    assert field not in dropped["spec"]["devices"]["requests"][0]["exactly"]
    template = client.create(
        TEMPLATES.format(space), {"metadata": {"name": "t"}, "spec": {"spec": asking("x", **form)["spec"]}}
    )
    assert field not in template["spec"]["spec"]["devices"]["requests"][0]["exactly"]
    client.call("DELETE", f"/api/v1/namespaces/{space}")


def test_field_stays_in_an_object_that_had_it_before_its_gate_was_off(
    made: Maker, client: Client, switches: Switches
) -> None:
    taints = [{"key": "a", "effect": "NoSchedule"}]
    made(SLICES, slice_of("had", {"name": "d", "taints": taints}))
    made(SLICES, slice_of("had-not", {"name": "d"}))
    switches.dra.device_taints = False
    for name, there in (("had", True), ("had-not", False)):
        body = client.get(f"{SLICES}/{name}")
        body["spec"]["devices"].append({"name": "e", "taints": taints})
        answer = client.call("PUT", f"{SLICES}/{name}", body).body
        assert ["taints" in device for device in answer["spec"]["devices"]] == [there, there]


def test_fields_of_slices_and_classes_are_dropped_where_their_gate_is_off(made: Maker, switches: Switches) -> None:
    switches.dra.partitionable_devices = switches.dra.consumable_capacity = switches.dra.extended_resource = False
    device = {
        "name": "d",
        "allowMultipleAllocations": True,
        "consumesCounters": [{"counterSet": "c", "counters": {"m": {"value": "1"}}}],
    }
    (kept,) = made(SLICES, slice_of("gated", device))["spec"]["devices"]
    assert kept == {"name": "d"}
    assert (
        "extendedResourceName"
        not in made(CLASSES, {"metadata": {"name": "gated"}, "spec": {"extendedResourceName": "a.b/c"}})["spec"]
    )


def test_expression_about_shared_devices_compiles_only_with_their_gate(
    client: Client, namespace: str, switches: Switches
) -> None:
    body = asking("a", selectors=[{"cel": {"expression": "!device.allowMultipleAllocations"}}])
    path = f"{CLAIMS.format(namespace)}?dryRun=All"
    assert client.call("POST", path, body).status == 201
    switches.dra.consumable_capacity = False
    answer = client.call("POST", path, body)
    (cause,) = answer.body["details"]["causes"]
    assert (answer.status, "undefined field 'allowMultipleAllocations'" in cause["message"]) == (422, True)


@pytest.mark.parametrize(
    ("device", "field"),
    [
        (
            {"capacity": {"memory": {"value": "1Gi", "requestPolicy": {"default": "1Gi"}}}},
            "capacity[memory].requestPolicy",
        ),
        ({"nodeName": "a"}, ""),
        ({"consumesCounters": [{"counterSet": "c", "counters": {}}]}, "consumesCounters[0].counters"),
        ({"attributes": {"a-b": {"int": 1}}}, "attributes"),
        ({"taints": [{"key": "a b", "effect": "NoSchedule"}]}, "taints[0].key"),
    ],
)
def test_device_that_says_what_cannot_be_is_refused(client: Client, device: dict[str, Any], field: str) -> None:
    answer = client.call("POST", f"{SLICES}?dryRun=All", slice_of("x", {"name": "d", **device}))
    (cause,) = answer.body["details"]["causes"]
    assert (answer.status, cause["field"]) == (422, f"spec.devices[0].{field}".rstrip("."))


def test_slice_has_counters_or_devices(client: Client) -> None:
    counters = [{"name": "c", "counters": {"m": {"value": "1"}}}]
    assert client.call("POST", f"{SLICES}?dryRun=All", slice_of("x", sharedCounters=counters)).status == 201
    answer = client.call("POST", f"{SLICES}?dryRun=All", slice_of("x", {"name": "d"}, sharedCounters=counters))
    assert (answer.status, "only one of" in answer.body["message"]) == (422, True)


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"validRange": {"min": "1Gi"}}, "default"),
        ({"default": "1Gi", "validRange": {}}, "validRange.min"),
        ({"default": "1Gi", "validRange": {"min": "1Gi", "max": "2Ti"}}, "validRange.max"),
        ({"default": "1500Mi", "validRange": {"min": "1Gi", "step": "1Gi"}}, "validRange.step"),
        ({"default": "1Gi", "validValues": ["2Gi"]}, "validValues"),
        ({"default": "2Gi", "validValues": ["2Gi", "1Gi"]}, "validValues[1]"),
        ({"default": "1Gi", "validValues": ["1Gi"], "validRange": {"min": "1Gi"}}, ""),
    ],
)
def test_policy_of_a_capacity_must_make_sense(client: Client, policy: dict[str, Any], field: str) -> None:
    capacity = {"memory": {"value": "10Gi", "requestPolicy": policy}}
    device = {"name": "d", "allowMultipleAllocations": True, "capacity": capacity}
    answer = client.call("POST", f"{SLICES}?dryRun=All", slice_of("x", device))
    (cause,) = answer.body["details"]["causes"]
    path = f"spec.devices[0].capacity[memory].requestPolicy.{field}".rstrip(".")
    assert (answer.status, cause["field"]) == (422, path)


@pytest.mark.parametrize(
    "name", ["gpu", "kubernetes.io/gpu", "deviceclass.resource.kubernetes.io/a", "requests.a.b/gpu"]
)
def test_class_cannot_stand_for_such_a_resource(client: Client, name: str) -> None:
    body = {"metadata": {"name": "x"}, "spec": {"extendedResourceName": name}}
    answer = client.call("POST", f"{CLASSES}?dryRun=All", body)
    assert (answer.status, answer.body["details"]["causes"][0]["field"]) == (422, "spec.extendedResourceName")


def test_list_attributes_are_alpha_and_their_slice_is_refused_without_them(client: Client, switches: Switches) -> None:
    body = slice_of("lists", {"name": "d", "attributes": {"numa": {"ints": [0, 1]}}})
    assert client.call("POST", f"{SLICES}?dryRun=All", body).status == 422
    switches.dra.list_type_attributes = True
    assert client.call("POST", f"{SLICES}?dryRun=All", body).status == 201


def test_world_without_taint_rules_does_not_serve_them(client: Client, tmp_path: Path) -> None:
    world = tmp_path / "older.yaml"
    world.write_text("title: t\nnodes: [{name: node-a}]\ncomponents: {dra: {serves_device_taint_rules: false}}\n")
    path = f"{DRA}/devicetaintrules"
    assert client.call("GET", path).status == 200
    with simulator.start(world) as cluster:
        assert Client(cluster.kubeconfig).call("GET", path).status == 404


def test_admin_access_needs_a_labelled_namespace_and_with_the_fault_none(
    client: Client, namespace: str, switches: Switches
) -> None:
    path, body = CLAIMS.format(namespace), asking("a", adminAccess=True)
    template = {"metadata": {"name": "t"}, "spec": {"spec": body["spec"]}}
    for folder, wrong in ((path, body), (TEMPLATES.format(namespace), template)):
        answer = client.call("POST", folder, wrong)
        assert answer.status == 422
        (cause,) = answer.body["details"]["causes"]
        assert cause["field"] == "spec.devices.requests[0].adminAccess"
        assert "`resource.kubernetes.io/admin-access: true` label on the containing namespace" in cause["message"]
    switches.dra.admin_access_anywhere = True
    assert client.call("POST", path, body).status == 201
    assert client.call("POST", TEMPLATES.format(namespace), template).status == 201
