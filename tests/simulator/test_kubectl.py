"""What people do with kubectl works on the simulated cluster as it does on a real one."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from conformance import simulator

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="there is no kubectl in PATH")
Kubectl = Callable[..., subprocess.CompletedProcess[str]]
POD = """
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: p}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: python:3
    command: [python3, -c, "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); print('hello', flush=True); signal.pause()"]
"""
CLAIM = """
apiVersion: resource.k8s.io/v1
kind: ResourceClaim
metadata: {name: c}
spec: {devices: {requests: [{name: a, exactly: {deviceClassName: accel.sim.dev}}]}}
"""
CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gadgets.kubectl.example.com}
spec:
  group: kubectl.example.com
  scope: Namespaced
  names: {plural: gadgets, kind: Gadget, shortNames: [gd]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns: [{name: Size, type: string, jsonPath: .spec.size}]
    schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: string}, replicas: {type: integer}}}}}}
"""
GADGET = "apiVersion: kubectl.example.com/v1\nkind: Gadget\nmetadata: {name: g}\nspec: {size: big, replicas: 1}\n"


@pytest.fixture
def kubectl(running: simulator.Running, namespace: str, tmp_path: Path) -> Kubectl:
    """Run kubectl in the test's namespace."""

    def run(*arguments: str, text: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [
            str(KUBECTL),
            "--kubeconfig",
            str(running.kubeconfig),
            "--cache-dir",
            str(tmp_path),
            "-n",
            namespace,
            *arguments,
        ]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    return run


def test_pod_from_apply_to_delete(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", text=POD).stdout == "pod/p created\n"
    kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=20s")
    assert kubectl("apply", "-f", "-", text=POD).stdout == "pod/p unchanged\n"
    assert kubectl("logs", "p").stdout in ("hello\n", "")
    header, row = kubectl("get", "pods", "-o", "wide").stdout.splitlines()
    assert header.split()[:5] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert row.split()[:3] == ["p", "1/1", "Running"]
    assert "Successfully assigned" in kubectl("describe", "pod", "p").stdout
    assert kubectl("get", "pods", "-A", "-l", "app=p", "-o", "name").stdout == "pod/p\n"
    assert kubectl("get", "pods", "--field-selector", "status.phase=Failed", "-o", "name").stdout == ""
    kubectl("delete", "pod", "p", "--timeout=20s")
    assert "NotFound" in kubectl("get", "pod", "p", code=1).stderr


def test_log_is_followed_until_the_end(kubectl: Kubectl) -> None:
    script = "print('one'); print('two')"
    kubectl("run", "r", "--image=python:3", "--restart=Never", "--command", "--", "python3", "-c", script)
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/r", "--timeout=20s")
    assert kubectl("logs", "-f", "r").stdout == "one\ntwo\n"


def test_objects_are_changed_in_every_way(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "m", "--from-literal=a=1")
    kubectl("label", "configmap", "m", "x=y")
    kubectl("annotate", "configmap", "m", "note=yes")
    kubectl("patch", "configmap", "m", "-p", '{"data": {"b": "2"}}')
    kubectl("patch", "configmap", "m", "--type=json", "-p", '[{"op": "remove", "path": "/data/a"}]')
    applied = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {c: '3'}\n"
    kubectl("apply", "--server-side", "-f", "-", text=applied)
    found = json.loads(kubectl("get", "configmap", "m", "-o", "json").stdout)
    assert found["data"] == {"b": "2", "c": "3"}
    assert (found["metadata"]["labels"], found["metadata"]["annotations"]) == ({"x": "y"}, {"note": "yes"})
    assert kubectl("get", "configmap", "m", "-o", "jsonpath={.data.c}").stdout == "3"


def test_claims_are_shown_and_described(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", text=CLAIM)
    assert kubectl("get", "resourceclaims").stdout.split()[:3] == ["NAME", "STATE", "AGE"]
    assert "Device Class Name" in kubectl("describe", "resourceclaim", "c").stdout
    changed = CLAIM.replace("accel.sim.dev", "other.example.com")
    assert "field is immutable" in kubectl("apply", "-f", "-", text=changed, code=1).stderr


def test_unknown_field_is_refused_by_the_server(kubectl: Kubectl) -> None:
    wrong = POD.replace("spec:", "spec:\n  nodeNome: a")
    assert 'unknown field "spec.nodeNome"' in kubectl("apply", "-f", "-", text=wrong, code=1).stderr


def test_custom_resource_is_served_scaled_and_removed(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", text=CRD)
    kubectl("wait", "--for=condition=Established", "crd/gadgets.kubectl.example.com", "--timeout=20s")
    kubectl("apply", "-f", "-", text=GADGET)
    kubectl("apply", "-f", "-", text=GADGET.replace("big", "small"))
    assert kubectl("get", "gd").stdout.split() == ["NAME", "SIZE", "g", "small"]
    kubectl("scale", "gadgets", "g", "--replicas=3")
    assert kubectl("get", "gd", "g", "-o", "jsonpath={.spec.replicas}").stdout == "3"
    kubectl("delete", "crd", "gadgets.kubectl.example.com", "--timeout=20s")


def test_cluster_tells_what_it_is(kubectl: Kubectl, namespace: str) -> None:
    assert "Server Version: v1.37.2" in kubectl("version").stdout
    assert "resourceclaims" in kubectl("api-resources", "--api-group=resource.k8s.io").stdout
    assert "resource.k8s.io/v1\n" in kubectl("api-versions").stdout
    assert "Ready" in kubectl("describe", "node", "node-a").stdout
    assert "Active" in kubectl("describe", "namespace", namespace).stdout


def test_permissions_are_told(kubectl: Kubectl) -> None:
    assert kubectl("auth", "can-i", "create", "pods").stdout == "yes\n"
    assert kubectl("--context", "simulated-viewer", "auth", "can-i", "create", "pods", code=1).stdout == "no\n"
    assert "*.*" in kubectl("auth", "can-i", "--list").stdout
    refused = kubectl("--context", "simulated-viewer", "create", "configmap", "x", code=1)
    assert 'configmaps is forbidden: User "viewer" cannot create' in refused.stderr


def test_namespace_is_made_and_waited_for_until_it_is_gone(kubectl: Kubectl, namespace: str) -> None:
    kubectl("create", "namespace", f"{namespace}-x")
    kubectl("delete", "namespace", f"{namespace}-x", "--wait=false")
    kubectl("wait", "--for=delete", f"namespace/{namespace}-x", "--timeout=20s")


def test_workloads_are_shown_scaled_and_waited_for(kubectl: Kubectl) -> None:
    kubectl("create", "deployment", "web", "--image=pause", "--replicas=1")
    kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    kubectl("scale", "deployment/web", "--replicas=2")
    kubectl("rollout", "status", "deployment/web", "--timeout=20s")
    assert kubectl("get", "deployment", "web", "--no-headers").stdout.split()[:4] == ["web", "2/2", "2", "2"]
    assert kubectl("get", "rs", "--no-headers").stdout.split()[1:4] == ["2", "2", "2"]
    kubectl("expose", "deployment/web", "--port=8080")
    assert kubectl("get", "service", "web", "--no-headers").stdout.split()[1] == "ClusterIP"
    kubectl("autoscale", "deployment", "web", "--min=2", "--max=3", "--cpu-percent=50")
    shown = kubectl("get", "hpa", "web", "--no-headers").stdout.split()
    assert shown[1:6] == ["Deployment/web", "cpu:", "<unknown>/50%", "2", "3"]
    kubectl("create", "job", "once", "--image=python:3", "--", "python3", "-c", "print('done')")
    kubectl("wait", "--for=condition=Complete", "job/once", "--timeout=20s")
    assert kubectl("get", "job", "once", "--no-headers").stdout.split()[1:3] == ["Complete", "1/1"]
    assert kubectl("logs", "job/once").stdout == "done\n"


def test_registered_metrics_apis_are_shown(kubectl: Kubectl) -> None:
    shown = kubectl("get", "apiservice", "v1beta2.custom.metrics.k8s.io", "--no-headers").stdout.split()
    assert shown[1:3] == ["monitoring/prometheus-adapter", "True"]
    assert "scaledobjects" in kubectl("api-resources", "--api-group=keda.sh").stdout
