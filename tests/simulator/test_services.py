"""Services have addresses of their own, and real connections to them end at ready pods."""

import http.client
import socket
from typing import Any

import pytest

from tests.simulator.client import PODS, Client
from tests.simulator.servers import SERVICES, Servers

SLICES = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"


def service(name: str = "web", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 8080, "targetPort": "http"}], **spec},
    }


def ask(address: str, port: int) -> str:
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    finally:
        connection.close()


def until_addresses(client: Client, namespace: str, count: int) -> list[str]:
    def enough(obj: dict[str, Any]) -> bool:
        return sum(len(s.get("addresses", ())) for s in obj.get("subsets", ())) == count

    found = client.until(f"/api/v1/namespaces/{namespace}/endpoints/web", enough)
    return [a["ip"] for s in found.get("subsets", ()) for a in s.get("addresses", ())]


@pytest.fixture
def servers(client: Client, namespace: str) -> Servers:
    return Servers(client, namespace)


def test_connections_go_to_all_ready_pods_in_turn(servers: Servers) -> None:
    made = servers.client.create(SERVICES.format(servers.namespace), service())
    servers.start(2)
    until_addresses(servers.client, servers.namespace, 2)
    seen = {ask(made["spec"]["clusterIP"], 8080) for _ in range(4)}
    assert seen == {pod["metadata"]["name"] for pod in servers.pods()}


def test_service_without_ready_pods_refuses_connections(client: Client, namespace: str) -> None:
    made = client.create(SERVICES.format(namespace), service())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((made["spec"]["clusterIP"], 8080), timeout=5)


def test_slice_tells_addresses_nodes_and_conditions(servers: Servers) -> None:
    servers.client.create(SERVICES.format(servers.namespace), service())
    servers.start(1)
    [address] = until_addresses(servers.client, servers.namespace, 1)
    [found] = servers.client.get(SLICES.format(servers.namespace))["items"]
    [endpoint] = found["endpoints"]
    [pod] = servers.pods()
    assert endpoint["addresses"] == [address] == [pod["status"]["podIP"]]
    assert endpoint["conditions"] == {"ready": True, "serving": True, "terminating": False}
    assert (endpoint["nodeName"], endpoint["targetRef"]["uid"]) == (pod["spec"]["nodeName"], pod["metadata"]["uid"])
    assert found["ports"] == [{"name": "", "port": 8000, "protocol": "TCP"}]
    assert found["metadata"]["labels"]["kubernetes.io/service-name"] == "web"


def test_headless_service_has_endpoints_and_no_address(servers: Servers) -> None:
    made = servers.client.create(SERVICES.format(servers.namespace), service(clusterIP="None"))
    assert made["spec"]["clusterIPs"] == ["None"]
    servers.start(1)
    until_addresses(servers.client, servers.namespace, 1)


def test_deleted_service_takes_its_endpoints_along(client: Client, namespace: str) -> None:
    client.create(SERVICES.format(namespace), service())
    until_addresses(client, namespace, 0)
    client.call("DELETE", f"{SERVICES.format(namespace)}/web")
    client.until_gone(f"/api/v1/namespaces/{namespace}/endpoints/web")


def test_address_stays_and_cannot_be_changed(client: Client, namespace: str) -> None:
    made = client.create(SERVICES.format(namespace), service())
    path = f"{SERVICES.format(namespace)}/web"
    body = client.get(path)
    del body["spec"]["clusterIP"], body["spec"]["clusterIPs"]
    body["spec"]["ports"][0]["port"] = 8081
    kept = client.call("PUT", path, body).body
    assert kept["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    kept["spec"]["clusterIP"] = "127.1.2.3"
    assert client.call("PUT", path, kept).status == 422


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"ports": []}, "spec.ports"),
        ({"ports": [{"port": 0}]}, "spec.ports[0].port"),
        ({"ports": [{"port": 1}, {"port": 2, "name": "b"}]}, "spec.ports[0].name"),
        ({"clusterIP": "10.0.0.1"}, "spec.clusterIPs"),
        ({"type": "Other"}, "spec.type"),
    ],
)
def test_impossible_service_is_refused_at_its_field(
    client: Client, namespace: str, spec: dict[str, Any], field: str
) -> None:
    answer = client.call("POST", SERVICES.format(namespace), service(**spec))
    assert (answer.status, answer.body["details"]["causes"][0]["field"]) == (422, field)


def test_addresses_of_pods_and_services_differ(servers: Servers) -> None:
    made = servers.client.create(SERVICES.format(servers.namespace), service())
    pods = servers.client.get(PODS.format("monitoring"))["items"]
    assert made["spec"]["clusterIP"] not in [pod["status"]["podIP"] for pod in pods]
