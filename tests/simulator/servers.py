"""Deployments of a small server whose metrics a test can set, and short ways to scale and look at them."""

import urllib.request
from typing import Any

from tests.simulator.client import PODS, Client

DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"
HPAS = "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"
SCALED = "/apis/keda.sh/v1alpha1/namespaces/{}/scaledobjects"
SERVICES = "/api/v1/namespaces/{}/services"
SERVER = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    waiting = 0
    def answer(self, text):
        self.send_response(200); self.end_headers(); self.wfile.write(text.encode())
    def do_POST(self):
        Handler.waiting = int(self.path.strip("/")); self.answer("")
    def do_GET(self):
        if self.path == "/metrics":
            self.answer('# TYPE vllm:num_requests_waiting gauge\\nvllm:num_requests_waiting{model_name="m"} %d\\n' % Handler.waiting)
        else:
            self.answer(os.environ["HOSTNAME"])
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer((os.environ["POD_IP"], 8000), Handler).serve_forever()
"""


def template(name: str, **spec: Any) -> dict[str, Any]:
    """The pod template of a server."""
    container = {
        "name": "main",
        "image": "python:3",
        "command": ["python3", "-c", SERVER],
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "ports": [{"name": "http", "containerPort": 8000}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}},
        "resources": {"limits": {"sim.dev/accel": "1"}},
    }
    notes = {"prometheus.io/scrape": "true", "prometheus.io/port": "8000", "prometheus.io/path": "/metrics"}
    base = {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False, "containers": [container]}
    return {"metadata": {"labels": {"app": name}, "annotations": notes}, "spec": {**base, **spec}}


def deployment(name: str, replicas: int = 1, **spec: Any) -> dict[str, Any]:
    """A deployment of servers."""
    selector = {"matchLabels": {"app": name}}
    return {
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": selector, "template": template(name), **spec},
    }


def autoscaler(name: str, metric: dict[str, Any], most: int = 3) -> dict[str, Any]:
    """An autoscaler of a deployment that does not wait before it scales down."""
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "maxReplicas": most,
        "metrics": [metric],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
    }
    return {"metadata": {"name": name}, "spec": spec}


def pods_metric(target: str = "5", name: str = "vllm_num_requests_waiting") -> dict[str, Any]:
    """A metric of the pods."""
    wanted = {"type": "AverageValue", "averageValue": target}
    return {"type": "Pods", "pods": {"metric": {"name": name}, "target": wanted}}


class Servers:
    """One deployment of servers in a namespace."""

    def __init__(self, client: Client, namespace: str, name: str = "web") -> None:
        self.client, self.namespace, self.name = client, namespace, name
        self.path = f"{DEPLOYMENTS.format(namespace)}/{name}"
        self.hpa = f"{HPAS.format(namespace)}/{name}"

    def start(self, replicas: int = 1, **spec: Any) -> dict[str, Any]:
        """Create it and wait until all replicas serve."""
        self.client.create(DEPLOYMENTS.format(self.namespace), deployment(self.name, replicas, **spec))
        return self.until_ready(replicas)

    def until_ready(self, replicas: int) -> dict[str, Any]:
        """Wait until so many replicas serve, and no more are there."""
        counts = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")
        return self.client.until(self.path, lambda d: all(d["status"].get(c, 0) == replicas for c in counts))

    def pods(self) -> list[dict[str, Any]]:
        """Its pods."""
        items: list[dict[str, Any]] = self.client.get(f"{PODS.format(self.namespace)}?labelSelector=app={self.name}")[
            "items"
        ]
        return items

    def wait(self, count: int) -> None:
        """Let so many requests wait at its first pod."""
        address = self.pods()[0]["status"]["podIP"]
        with urllib.request.urlopen(f"http://{address}:8000/{count}", data=b"", timeout=5):
            pass

    def scale_by(self, metric: dict[str, Any]) -> None:
        """Give it an autoscaler."""
        self.client.create(HPAS.format(self.namespace), autoscaler(self.name, metric))

    def until_condition(self, kind: str, reason: str) -> dict[str, Any]:
        """The autoscaler once a condition has a reason."""
        return self.client.until(
            self.hpa,
            lambda hpa: any(
                c["type"] == kind and c["reason"] == reason for c in hpa.get("status", {}).get("conditions", ())
            ),
        )
