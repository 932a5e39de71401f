"""A small client for tests of the simulated API server: plain HTTP, so that nothing between hides what the server says."""

import base64
import http.client
import json
import ssl
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PODS = "/api/v1/namespaces/{}/pods"
CLAIMS = "/apis/resource.k8s.io/v1/namespaces/{}/resourceclaims"
LIMIT = 20.0
"""Seconds after which a test gives up; no test needs more than one of them."""


@dataclass
class Answer:
    """An answer of the server."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


class Client:
    """Talks to a simulated cluster as one of its users."""

    def __init__(self, kubeconfig: Path, context: str = "simulated") -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        chosen = next(c["context"] for c in config["contexts"] if c["name"] == context)
        cluster = config["clusters"][0]["cluster"]
        self.token = next(u["user"]["token"] for u in config["users"] if u["name"] == chosen["user"])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._tls = ssl.create_default_context(cadata=authority)
        self._address = urllib.parse.urlsplit(cluster["server"])

    def open(self, method: str, path: str, body: Any = None, kind: str = "application/json", **headers: str) -> Any:
        """Send a request; the connection and the open response."""
        host, port = self._address.hostname or "", self._address.port
        connection = http.client.HTTPSConnection(host, port, context=self._tls, timeout=LIMIT)
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, data, {"Authorization": f"Bearer {self.token}", "Content-Type": kind, **named})
        return connection, connection.getresponse()

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json", **headers: str) -> Answer:
        """Send a request and read the whole answer."""
        connection, response = self.open(method, path, body, kind, **headers)
        try:
            data = response.read()
        finally:
            connection.close()
        is_json = "json" in (response.headers.get("Content-Type") or "")
        return Answer(response.status, json.loads(data) if is_json else data.decode(), dict(response.headers))

    def get(self, path: str, **headers: str) -> Any:
        """The body of a GET that works."""
        answer = self.call("GET", path, **headers)
        assert answer.status == 200, answer.body
        return answer.body

    def create(self, path: str, body: Any) -> Any:
        """The body of a create that works."""
        answer = self.call("POST", path, body)
        assert answer.status == 201, answer.body
        return answer.body

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Events of a watch until it ends."""
        connection, response = self.open("GET", path)
        try:
            for line in response:
                yield json.loads(line)
        finally:
            connection.close()

    def until(self, path: str, test: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The object at a path once it is as wanted; watched, not polled."""
        folder, _, name = path.rpartition("/")
        seen: dict[str, Any] = {}
        for event in self.watch(f"{folder}?watch=1&fieldSelector=metadata.name={name}&timeoutSeconds={LIMIT:.0f}"):
            seen = event["object"]
            if event["type"] != "DELETED" and test(seen):
                return seen
        raise AssertionError(f"{path} did not become as wanted; last: {json.dumps(seen)}")

    def until_gone(self, path: str) -> None:
        """Wait until the object at a path is gone."""
        folder, _, name = path.rpartition("/")
        listed = self.get(f"{folder}?fieldSelector=metadata.name={name}")
        if not listed["items"]:
            return
        revision = listed["metadata"]["resourceVersion"]
        query = f"watch=1&fieldSelector=metadata.name={name}&resourceVersion={revision}&timeoutSeconds={LIMIT:.0f}"
        assert any(event["type"] == "DELETED" for event in self.watch(f"{folder}?{query}")), f"{path} is still there"

    def namespace(self, name: str, **labels: str) -> str:
        """A new namespace that is ready for pods."""
        self.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        self.until(f"/api/v1/namespaces/{name}/serviceaccounts/default", lambda _: True)
        return name

    def run(self, namespace: str, name: str, script: str, **spec: Any) -> dict[str, Any]:
        """A pod that has run a Python script to its end; the script gets a container ``main``."""
        self.create(PODS.format(namespace), pod(name, script, **spec))
        ended = ("Succeeded", "Failed")
        return self.until(f"{PODS.format(namespace)}/{name}", lambda obj: obj["status"].get("phase") in ended)

    def log(self, namespace: str, name: str, query: str = "") -> str:
        """The log of a pod."""
        return str(self.get(f"{PODS.format(namespace)}/{name}/log?{query}"))


def pod(name: str, script: str, *, container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A pod with one container that runs a Python script."""
    main = {"name": "main", "image": "python:3", "command": ["python3", "-c", script], **(container or {})}
    base = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": False}
    return {"metadata": {"name": name}, "spec": {**base, "containers": [main], **spec}}


def claim(name: str, count: int = 1, **exactly: Any) -> dict[str, Any]:
    """A claim for simulated accelerators."""
    request = {"name": "acc", "exactly": {"deviceClassName": "accel.sim.dev", "count": count, **exactly}}
    return {"metadata": {"name": name}, "spec": {"devices": {"requests": [request]}}}
