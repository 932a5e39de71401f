"""What the real server adds to every pod: service account, priority, tolerations of short node failures."""

from conformance.simulator.api import errors
from conformance.simulator.api.admission import Request
from conformance.simulator.objects import Obj, containers_of, name_of, suffix

RESOURCES = ("pods",)
_TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path
_SYSTEM_PRIORITIES = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}
_SHORT_FAILURES = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def mutate(request: Request) -> None:
    """Fill in a new pod."""
    if not request.creates:
        return
    _service_account(request)
    _priority(request)
    _runtime_class(request)
    _tolerations(request.obj["spec"])


def _service_account(request: Request) -> None:
    spec = request.obj["spec"]
    name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    account = request.registry.find("serviceaccounts", request.namespace, name)
    if account is None:
        why = f'error looking up service account {request.namespace}/{name}: serviceaccount "{name}" not found'
        raise errors.forbidden("pods", name_of(request.obj), why)
    if spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True)):
        _mount_token(request.obj)


def _mount_token(pod: Obj) -> None:
    volume = f"kube-api-access-{suffix()}"
    mounted = False
    for container in containers_of(pod):
        mounts = container.setdefault("volumeMounts", [])
        if all(mount.get("mountPath") != _TOKEN_PATH for mount in mounts):
            mounts.append({"name": volume, "readOnly": True, "mountPath": _TOKEN_PATH})
            mounted = True
    if mounted:
        ca = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
        field = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
        sources = [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": ca},
            {"downwardAPI": {"items": [field]}},
        ]
        pod["spec"].setdefault("volumes", []).append(
            {"name": volume, "projected": {"sources": sources, "defaultMode": 420}}
        )


def _priority(request: Request) -> None:
    spec = request.obj["spec"]
    name, priority, policy = spec.get("priorityClassName"), 0, "PreemptLowerPriority"
    if name in _SYSTEM_PRIORITIES:
        priority = _SYSTEM_PRIORITIES[name]
    elif name:
        found = request.registry.find("priorityclasses.scheduling.k8s.io", "", name)
        if found is None:
            raise errors.forbidden("pods", name_of(request.obj), f"no PriorityClass with name {name} was found")
        priority, policy = found.get("value", 0), found.get("preemptionPolicy", policy)
    else:
        for found in request.registry.store.select("priorityclasses.scheduling.k8s.io"):
            if found.get("globalDefault"):
                spec["priorityClassName"] = name_of(found)
                priority, policy = found.get("value", 0), found.get("preemptionPolicy", policy)
    if spec.get("priority", priority) != priority:
        why = f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; priority admission controller computed {priority}"
        raise errors.forbidden("pods", name_of(request.obj), why)
    spec["priority"] = priority
    spec.setdefault("preemptionPolicy", policy)


def _runtime_class(request: Request) -> None:
    name = request.obj["spec"].get("runtimeClassName")
    if name and request.registry.find("runtimeclasses.node.k8s.io", "", name) is None:
        why = f'pod rejected: RuntimeClass "{name}" not found'
        raise errors.forbidden("pods", name_of(request.obj), why)


def _tolerations(spec: Obj) -> None:
    tolerations = spec.setdefault("tolerations", [])
    for key in _SHORT_FAILURES:
        covered = any(t.get("key") in (key, None) and t.get("effect") in ("NoExecute", None) for t in tolerations)
        if not covered:
            tolerations.append({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
