"""What goes over the wire: authentication, discovery, versions of objects, lists, Tables, deletion."""

import pytest

from conformance import simulator
from tests.simulator.client import PODS, Client

MAPS = "/api/v1/namespaces/{}/configmaps"


def test_unknown_token_is_refused(client: Client) -> None:
    client.token = "nobody's"
    answer = client.call("GET", "/api/v1/nodes")
    assert (answer.status, answer.body["reason"], answer.body["kind"]) == (401, "Unauthorized", "Status")


def test_denied_verb_is_forbidden_with_the_words_of_the_real_server(viewer: Client) -> None:
    answer = viewer.call("POST", PODS.format("default"), {"metadata": {"name": "x"}})
    assert answer.status == 403
    assert answer.body["message"] == (
        'pods is forbidden: User "viewer" cannot create resource "pods" in API group "" in the namespace "default"'
    )
    assert answer.body["details"] == {"kind": "pods"}


@pytest.mark.parametrize(("verb", "allowed"), [("get", True), ("create", False)])
def test_access_review_says_what_a_user_may_do(viewer: Client, verb: str, allowed: bool) -> None:
    body = {"spec": {"resourceAttributes": {"verb": verb, "resource": "pods", "namespace": "default"}}}
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert viewer.create(path, body)["status"]["allowed"] is allowed


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/apis/nowhere.example.com/v1/things", 404),
        ("GET", "/api/v1/namespaces/default/nothings", 404),
        ("GET", "/api/v1/namespaces/default/pods/none", 404),
        ("PUT", "/api/v1/pods", 405),
        ("POST", "/api/v1/pods", 405),
        ("GET", "/api/v1/namespaces/default/pods?fieldSelector=spec.colour=red", 400),
        ("GET", "/api/v1/namespaces/default/pods?labelSelector=a+b", 400),
    ],
)
def test_refusals_are_status_objects(client: Client, method: str, path: str, status: int) -> None:
    answer = client.call(method, path)
    assert (answer.status, answer.body["kind"], answer.body["status"], answer.body["code"]) == (
        status,
        "Status",
        "Failure",
        status,
    )


def test_both_forms_of_discovery_name_the_same_resources(client: Client) -> None:
    form = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    groups = client.get("/apis", Accept=form)["items"]
    new = next(group for group in groups if group["metadata"]["name"] == "resource.k8s.io")["versions"][0]
    old = client.get("/apis/resource.k8s.io/v1")
    assert new["version"] == "v1"
    plain = [entry["name"] for entry in old["resources"] if "/" not in entry["name"]]
    assert sorted(entry["resource"] for entry in new["resources"]) == sorted(plain)
    assert client.get("/api")["versions"] == ["v1"]
    assert "resource.k8s.io" in [group["name"] for group in client.get("/apis")["groups"]]


def test_withheld_group_is_not_served() -> None:
    with simulator.start("device-plugin-only") as cluster:
        client = Client(cluster.kubeconfig)
        assert client.call("GET", "/apis/resource.k8s.io/v1").status == 404
        assert "resource.k8s.io" not in [group["name"] for group in client.get("/apis")["groups"]]


def test_openapi_documents_name_field_validation(client: Client) -> None:
    document = client.get("/openapi/v3/apis/resource.k8s.io/v1")
    patch = document["paths"]["/apis/resource.k8s.io/v1/deviceclasses/{name}"]["patch"]
    assert "fieldValidation" in [parameter["name"] for parameter in patch["parameters"]]
    assert "io.k8s.api.resource.v1.DeviceClass" in document["components"]["schemas"]


def test_stale_update_is_a_conflict(client: Client, namespace: str) -> None:
    path = MAPS.format(namespace)
    made = client.create(path, {"metadata": {"name": "a"}, "data": {"k": "1"}})
    assert client.call("PUT", f"{path}/a", {**made, "data": {"k": "2"}}).status == 200
    answer = client.call("PUT", f"{path}/a", {**made, "data": {"k": "3"}})
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")


def test_same_name_again_is_already_exists(client: Client, namespace: str) -> None:
    path = MAPS.format(namespace)
    client.create(path, {"metadata": {"name": "a"}})
    answer = client.call("POST", path, {"metadata": {"name": "a"}})
    assert (answer.status, answer.body["reason"]) == (409, "AlreadyExists")


def test_update_without_change_keeps_the_version(client: Client, namespace: str) -> None:
    path = MAPS.format(namespace)
    made = client.create(path, {"metadata": {"name": "a"}, "data": {"k": "1"}})
    assert client.call("PUT", f"{path}/a", made).body["metadata"] == made["metadata"]


def test_generated_names_differ(client: Client, namespace: str) -> None:
    made = [client.create(MAPS.format(namespace), {"metadata": {"generateName": "a-"}}) for _ in range(2)]
    names = {obj["metadata"]["name"] for obj in made}
    assert len(names) == 2
    assert all(len(name) == 7 for name in names)


def test_dry_run_leaves_nothing(client: Client, namespace: str) -> None:
    path = MAPS.format(namespace)
    answer = client.call("POST", f"{path}?dryRun=All", {"metadata": {"name": "a"}})
    assert answer.status == 201
    assert client.call("GET", f"{path}/a").status == 404


def test_pages_together_are_the_whole_list(client: Client, namespace: str) -> None:
    path = MAPS.format(namespace)
    for name in "abcde":
        client.create(path, {"metadata": {"name": name, "labels": {"own": "yes"}}})
    names, token, pages = [], "", 0
    while pages == 0 or token:
        page = client.get(f"{path}?labelSelector=own=yes&limit=2&continue={token}")
        names += [obj["metadata"]["name"] for obj in page["items"]]
        token, pages = page["metadata"].get("continue", ""), pages + 1
    assert (names, pages) == (list("abcde"), 3)


@pytest.mark.parametrize(
    ("selector", "names"),
    [("c=red", "a"), ("c!=red", "bd"), ("c in (red,blue)", "ab"), ("c notin (red)", "bd"), ("c", "ab"), ("!c", "d")],
)
def test_label_selectors(client: Client, namespace: str, selector: str, names: str) -> None:
    path = MAPS.format(namespace)
    for name, labels in (("a", {"c": "red"}), ("b", {"c": "blue"}), ("d", {})):
        client.create(path, {"metadata": {"name": name, "labels": {"t": "x", **labels}}})
    query = f"{path}?labelSelector=t=x,{selector}".replace(" ", "%20")
    assert "".join(obj["metadata"]["name"] for obj in client.get(query)["items"]) == names


def test_table_has_the_columns_of_the_kind(client: Client) -> None:
    form = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    table = client.get("/api/v1/nodes", Accept=form)
    shown = [column["name"] for column in table["columnDefinitions"] if not column["priority"]]
    assert (table["kind"], shown) == ("Table", ["Name", "Status", "Roles", "Age", "Version"])
    assert [row["cells"][:2] for row in table["rows"]] == [["node-a", "Ready"], ["node-b", "Ready"]]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


def test_finalizer_holds_an_object_until_it_is_taken_off(client: Client, namespace: str) -> None:
    path = MAPS.format(namespace)
    client.create(path, {"metadata": {"name": "a", "finalizers": ["example.com/hold"]}})
    assert client.call("DELETE", f"{path}/a").status == 200
    held = client.get(f"{path}/a")
    assert held["metadata"]["deletionTimestamp"]
    held["metadata"]["finalizers"] = []
    assert client.call("PUT", f"{path}/a", held).status == 200
    assert client.call("GET", f"{path}/a").status == 404


def test_delete_of_another_uid_is_a_conflict(client: Client, namespace: str) -> None:
    path = MAPS.format(namespace)
    client.create(path, {"metadata": {"name": "a"}})
    answer = client.call("DELETE", f"{path}/a", {"preconditions": {"uid": "other"}})
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")


def test_delete_collection_takes_the_selected_ones(client: Client, namespace: str) -> None:
    path = MAPS.format(namespace)
    for name in "ab":
        client.create(path, {"metadata": {"name": name, "labels": {"n": name}}})
    assert client.call("DELETE", f"{path}?labelSelector=n=a").status == 200
    assert [obj["metadata"]["name"] for obj in client.get(path)["items"]] == ["b", "kube-root-ca.crt"]


def test_dependents_go_with_their_owner(client: Client, namespace: str) -> None:
    path = MAPS.format(namespace)
    owner = client.create(path, {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    client.create(path, {"metadata": {"name": "child", "ownerReferences": [reference]}})
    client.call("DELETE", f"{path}/owner")
    client.until_gone(f"{path}/child")


def test_orphans_stay_without_their_owner(client: Client, namespace: str) -> None:
    path = MAPS.format(namespace)
    owner = client.create(path, {"metadata": {"name": "owner"}})
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    client.create(path, {"metadata": {"name": "child", "ownerReferences": [reference]}})
    client.call("DELETE", f"{path}/owner?propagationPolicy=Orphan")
    client.until_gone(f"{path}/owner")
    assert not client.get(f"{path}/child")["metadata"].get("ownerReferences")


def test_deleted_namespace_takes_its_content_and_refuses_more(client: Client, namespace: str) -> None:
    path = MAPS.format(namespace)
    client.create(path, {"metadata": {"name": "a", "finalizers": ["example.com/hold"]}})
    client.call("DELETE", f"/api/v1/namespaces/{namespace}")
    answer = client.call("POST", path, {"metadata": {"name": "b"}})
    assert (answer.status, answer.body["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    left = client.until(
        f"/api/v1/namespaces/{namespace}",
        lambda obj: any(c["type"] == "NamespaceFinalizersRemaining" for c in obj["status"].get("conditions", [])),
    )
    assert left["status"]["phase"] == "Terminating"
    client.call("PATCH", f"{path}/a", {"metadata": {"finalizers": None}}, "application/merge-patch+json")
    client.until_gone(f"/api/v1/namespaces/{namespace}")


def test_custom_resources_are_served_by_their_definition(client: Client, namespace: str) -> None:
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "widgets", "kind": "Widget"}
    group = f"{namespace}.example.com"
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    client.create(crds, {"metadata": {"name": f"widgets.{group}"}, "spec": spec})
    client.until(f"{crds}/widgets.{group}", lambda obj: bool(obj.get("status", {}).get("acceptedNames")))
    path = f"/apis/{group}/v1/namespaces/{namespace}/widgets"
    made = client.create(
        path, {"apiVersion": f"{group}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"size": 1}}
    )
    assert made["metadata"]["generation"] == 1
    wrong = {"metadata": {"name": "x"}, "spec": {"size": "big"}}
    assert client.call("POST", path, wrong).status == 400
    client.call("DELETE", f"{crds}/widgets.{group}")
    client.until_gone(f"{crds}/widgets.{group}")
    assert client.call("GET", path).status == 404
