"""Manifests of probe pods: Pod Security ``restricted``, no token, bounded, and quick to end (DESIGN 8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.cluster.api import Object

PROGRAM = "probe"
"""Name of the ConfigMap with the probe program, and of its volume."""
WITH_NVML = "probe-nvml"
"""ConfigMap with the program and pynvml beside it."""
FOLDER = "/probe"
NOBODY = 65534
GRACE_SECONDS = 5


@dataclass(frozen=True, kw_only=True)
class Container:
    """One container of a probe pod."""

    name: str
    arguments: Sequence[str]
    """Arguments of the probe program."""
    claims: Sequence[str] = ()
    """Names of pod claims that this container uses (DRA)."""
    resources: Mapping[str, int] = field(default_factory=dict)
    """Extended resources (device plugin)."""
    environment: Mapping[str, str] = field(default_factory=dict)
    memory: str | None = None
    """Memory limit, where it is not the usual one."""
    cpu: str = "500m"
    """CPU limit."""
    busy_seconds: float = 0.0
    """Seconds that the program works before it says anything."""
    image: str | None = None
    """Image of another program, which runs ``arguments`` and needs nothing of the suite; None: the probe's."""


@dataclass(frozen=True, kw_only=True)
class PodPlan:
    """What a probe pod is made of, apart from what all have in common."""

    name: str
    containers: Sequence[Container]
    node: str | None
    """Node that the pod is bound to by affinity, so that the scheduler still decides."""
    tolerations: Sequence[Object] = ()
    claims: Sequence[Object] = ()
    """``spec.resourceClaims``."""
    runtime_class: str | None = None
    groups: Sequence[int] = ()
    nvml: bool = False
    """Whether pynvml lies beside the program."""
    deadline: int = 600
    """``activeDeadlineSeconds``."""
    root: bool = False
    """Run as root with CAP_MKNOD, as Pod Security ``baseline`` allows: for attacks only."""
    ordinary: bool = False
    """Run as root with the runtime's own capabilities, as most containers do: file modes and closed folders hide nothing."""

    @property
    def program(self) -> str:
        """ConfigMap with the program that the pod runs."""
        return WITH_NVML if self.nvml else PROGRAM

    @property
    def pod_security(self) -> str:
        """Level of Pod Security that admits the pod."""
        return "baseline" if self.root or self.ordinary else "restricted"


def manifest(
    plan: PodPlan, *, image: str, command: Sequence[str], labels: Mapping[str, str], program: str = PROGRAM
) -> Object:
    """Pod for this plan; ``program`` is the ConfigMap with the probe program."""
    spec: Object = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "activeDeadlineSeconds": plan.deadline,
        "securityContext": _pod_security(plan),
        "containers": [_container(c, image, command, plan) for c in plan.containers],
        "volumes": [{"name": PROGRAM, "configMap": {"name": program, "defaultMode": 0o444}}],
        "tolerations": list(plan.tolerations),
    }
    if plan.node:
        spec["affinity"] = pinned(plan.node)
    if plan.claims:
        spec["resourceClaims"] = list(plan.claims)
    if plan.runtime_class:
        spec["runtimeClassName"] = plan.runtime_class
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": plan.name, "labels": dict(labels)}, "spec": spec}


def pinned(node: str) -> Object:
    """Affinity to one node by its name (a field, so that no label can be missing)."""
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def _pod_security(plan: PodPlan) -> Object:
    context: Object = {"seccompProfile": {"type": "RuntimeDefault"}}
    if plan.pod_security == "restricted":
        context |= {"runAsNonRoot": True, "runAsUser": NOBODY, "runAsGroup": NOBODY}
    if plan.groups:
        context["supplementalGroups"] = list(plan.groups)
    return context


def _container(container: Container, image: str, command: Sequence[str], plan: PodPlan) -> Object:
    limits: dict[str, Any] = {"cpu": container.cpu, "memory": container.memory or "256Mi"}
    limits |= {name: str(count) for name, count in container.resources.items()}
    resources: Object = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": limits}
    if container.claims:
        resources["claims"] = [{"name": name} for name in container.claims]
    security: Object = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    if plan.ordinary:
        security = {"runAsUser": 0}
    if plan.root:
        security = {"runAsUser": 0, "capabilities": {"drop": ["ALL"], "add": ["MKNOD"]}}
    program = [] if container.image else [*command, f"{FOLDER}/probe.py"]
    return {
        "name": container.name,
        "image": container.image or image,
        "imagePullPolicy": "IfNotPresent",
        "command": [*program, *container.arguments],
        "env": [{"name": name, "value": value} for name, value in container.environment.items()],
        "resources": resources,
        "securityContext": security,
        "volumeMounts": [{"name": PROGRAM, "mountPath": FOLDER, "readOnly": True}],
    }
