"""Pod Security admission: the levels ``baseline`` and ``restricted``, enforced or warned of by namespace labels."""

from collections.abc import Iterator

from conformance.simulator.api import errors
from conformance.simulator.api.admission import Request
from conformance.simulator.objects import Obj, containers_of, dig, labels_of, name_of

RESOURCES = ("pods",)
_LABEL = "pod-security.kubernetes.io/"
_BASELINE_CAPABILITIES = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID",
    "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
_RESTRICTED_VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip


def validate(request: Request) -> None:
    """Refuse a pod that breaks the enforced level, warn of one that breaks the warned level."""
    if not request.creates:
        return
    namespace = request.registry.find("namespaces", "", request.namespace)
    labels = labels_of(namespace) if namespace else {}
    for mode in ("enforce", "warn"):
        level = labels.get(_LABEL + mode, "privileged")
        broken = list(violations(request.obj, level))
        version = labels.get(f"{_LABEL}{mode}-version", "latest")
        if broken and mode == "enforce":
            why = f'violates PodSecurity "{level}:{version}": {", ".join(broken)}'
            raise errors.forbidden("pods", name_of(request.obj), why)
        if broken:
            request.warnings.append(f'would violate PodSecurity "{level}:{version}": {", ".join(broken)}')


def violations(pod: Obj, level: str) -> Iterator[str]:
    """The rules of a level that a pod breaks, in the words of the real server."""
    found = [*_baseline(pod)] if level in ("baseline", "restricted") else []
    found += _restricted(pod) if level == "restricted" else []
    yield from (words for _, words in sorted(found))


def _names(containers: list[Obj]) -> str:
    words = ", ".join(f'"{c.get("name", "")}"' for c in containers)
    return f"container {words}" if len(containers) == 1 else f"containers {words}"


def _security(container: Obj) -> Obj:
    return dict(container.get("securityContext") or {})


def _baseline(pod: Obj) -> Iterator[tuple[str, str]]:
    spec, containers = pod["spec"], list(containers_of(pod))
    host = [f"{field}=true" for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    if host:
        yield "hostNamespaces", f"host namespaces ({', '.join(host)})"
    privileged = [c for c in containers if _security(c).get("privileged")]
    if privileged:
        yield "privileged", f"privileged ({_names(privileged)} must not set securityContext.privileged=true)"
    added = [
        c
        for c in containers
        if set(dig(c, "securityContext", "capabilities", "add", default=[])) - _BASELINE_CAPABILITIES
    ]
    if added:
        extra = sorted(
            {cap for c in added for cap in c["securityContext"]["capabilities"]["add"]} - _BASELINE_CAPABILITIES
        )
        words = ", ".join(f'"{cap}"' for cap in extra)
        yield (
            "capabilities",
            f"non-default capabilities ({_names(added)} must not include {words} in securityContext.capabilities.add)",
        )
    paths = [v["name"] for v in spec.get("volumes") or () if "hostPath" in v]
    if paths:
        words = ", ".join(f'"{name}"' for name in paths)
        yield "hostPathVolumes", f"hostPath volumes (volume{'s' if len(paths) > 1 else ''} {words})"
    ports = [c for c in containers if any(p.get("hostPort") for p in c.get("ports") or ())]
    if ports:
        yield "hostPorts", f"hostPort ({_names(ports)} uses hostPorts)"
    if "Unconfined" in (dig(x, "securityContext", "seccompProfile", "type") for x in (spec, *containers)):
        yield (
            "seccompProfile",
            'seccompProfile (pod or containers must not set securityContext.seccompProfile.type to "Unconfined")',
        )


def _restricted(pod: Obj) -> Iterator[tuple[str, str]]:
    spec, containers = pod["spec"], list(containers_of(pod))
    of_pod = dict(spec.get("securityContext") or {})
    escalating = [c for c in containers if _security(c).get("allowPrivilegeEscalation") is not False]
    if escalating:
        yield (
            "allowPrivilegeEscalation",
            f"allowPrivilegeEscalation != false ({_names(escalating)} must set securityContext.allowPrivilegeEscalation=false)",
        )
    keeping = [c for c in containers if "ALL" not in dig(c, "securityContext", "capabilities", "drop", default=[])]
    if keeping:
        yield (
            "capabilities",
            f'unrestricted capabilities ({_names(keeping)} must set securityContext.capabilities.drop=["ALL"])',
        )
    adding = [
        c
        for c in containers
        if set(dig(c, "securityContext", "capabilities", "add", default=[])) - {"NET_BIND_SERVICE"}
    ]
    if adding and not keeping:
        words = ", ".join(f'"{cap}"' for c in adding for cap in c["securityContext"]["capabilities"]["add"])
        yield (
            "capabilities",
            f"unrestricted capabilities ({_names(adding)} must not include {words} in securityContext.capabilities.add)",
        )
    kinds = [v for v in spec.get("volumes") or () if not set(v) - {"name"} <= _RESTRICTED_VOLUMES]
    if kinds:
        words = ", ".join(f'"{v["name"]}"' for v in kinds)
        yield "restrictedVolumes", f"restricted volume types (volume {words} uses restricted volume type)"
    yield from _identity(of_pod, containers)


def _identity(of_pod: Obj, containers: list[Obj]) -> Iterator[tuple[str, str]]:
    """Who the containers run as, and behind which system call filter."""
    maybe_root = [c for c in containers if _security(c).get("runAsNonRoot", of_pod.get("runAsNonRoot")) is not True]
    if maybe_root:
        yield (
            "runAsNonRoot",
            f"runAsNonRoot != true (pod or {_names(maybe_root)} must set securityContext.runAsNonRoot=true)",
        )
    root = [c for c in containers if _security(c).get("runAsUser") == 0]
    if root or of_pod.get("runAsUser") == 0:
        yield "runAsUser", "runAsUser=0 (pod must not set runAsUser=0)"
    free = [c for c in containers if not dig(c, "securityContext", "seccompProfile", "type")]
    if free and dig(of_pod, "seccompProfile", "type") is None:
        must = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
        yield "seccompProfile", f"seccompProfile (pod or {_names(free)} {must})"
