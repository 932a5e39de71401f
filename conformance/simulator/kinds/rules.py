"""Rules of metadata and of the core kinds: the refusals that a check or a person is likely to meet."""

import re
from collections.abc import Iterable

from conformance.simulator.api.errors import Cause, duplicate, forbidden_field, invalid, required, unsupported
from conformance.simulator.kinds.hooks import validates
from conformance.simulator.objects import Obj, containers_of, dig, thaw
from conformance.simulator.quantities import parse

_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_KEY = re.compile(
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$"
)
_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_LABEL_ROOM, _SUBDOMAIN_ROOM = 63, 253
LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an "
    "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with "
    "an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_ENUMS = {
    "restartPolicy": ("Always", "OnFailure", "Never"),
    "dnsPolicy": ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "imagePullPolicy": ("Always", "IfNotPresent", "Never"),
    "terminationMessagePolicy": ("File", "FallbackToLogsOnError"),
}


def label(field: str, value: str) -> list[Cause]:
    """A DNS label."""
    if len(value) > _LABEL_ROOM:
        return [invalid(field, value, f"must be no more than {_LABEL_ROOM} bytes")]
    return [] if _LABEL.match(value) else [invalid(field, value, LABEL_WORDS)]


def subdomain(field: str, value: str) -> list[Cause]:
    """A DNS subdomain."""
    if len(value) > _SUBDOMAIN_ROOM:
        return [invalid(field, value, f"must be no more than {_SUBDOMAIN_ROOM} bytes")]
    return [] if _SUBDOMAIN.match(value) else [invalid(field, value, SUBDOMAIN_WORDS)]


def label_key(field: str, key: str) -> list[Cause]:
    """The key of a label or taint: a name, with or without a DNS subdomain before it."""
    prefix, slash, name = key.rpartition("/")
    words = (
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. "
        "'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
    )
    if "/" in prefix:
        end = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [invalid(field, key, f"a valid label key {words} {end}")]
    causes = [invalid(field, key, "prefix part must be non-empty")] if slash and not prefix else []
    causes += [invalid(field, key, "name part must be non-empty")] if not name else []
    causes += [invalid(field, key, f"prefix part {SUBDOMAIN_WORDS}")] if prefix and not _SUBDOMAIN.match(prefix) else []
    if len(name) > _LABEL_ROOM:
        causes.append(invalid(field, key, f"name part must be no more than {_LABEL_ROOM} bytes"))
    if not _KEY.match(name):
        causes.append(invalid(field, key, f"name part {words}"))
    return causes


def label_value(field: str, value: str) -> list[Cause]:
    """The value of a label or taint."""
    if len(value) > _LABEL_ROOM:
        return [invalid(field, value, f"must be no more than {_LABEL_ROOM} bytes")]
    words = (
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end "
        "with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
        "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
    )
    return [] if _VALUE.match(value) else [invalid(field, value, words)]


@validates("*")
def metadata(obj: Obj, old: Obj | None) -> list[Cause]:
    """Names and labels."""
    meta = obj["metadata"]
    if not meta.get("name"):
        return [required("metadata.name", "name or generateName is required")]
    loose = str(obj.get("apiVersion", "")).startswith("rbac.")
    check = label if obj["kind"] in ("Namespace", "Service") else subdomain
    causes = [] if loose or old else check("metadata.name", meta["name"])
    for key, value in (meta.get("labels") or {}).items():
        if not _KEY.match(key):
            causes.append(
                invalid("metadata.labels", key, "name part must consist of alphanumeric characters, '-', '_' or '.'")
            )
        if not _VALUE.match(value) or len(value) > _LABEL_ROOM:
            words = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'"
            causes.append(invalid("metadata.labels", value, words))
    return causes


def _choices(obj: Obj, path: str, names: Iterable[str]) -> list[Cause]:
    return [
        unsupported(f"{path}.{name}", obj[name], _ENUMS[name])
        for name in names
        if name in obj and obj[name] not in _ENUMS[name]
    ]


@validates("pods")
def pod(obj: Obj, old: Obj | None) -> list[Cause]:
    """A new pod must make sense; an old one keeps its spec."""
    spec = obj.get("spec") or {}
    if old is not None:
        return _pod_update(spec, old["spec"])
    causes = _choices(spec, "spec", ("restartPolicy", "dnsPolicy"))
    if not spec.get("containers"):
        causes.append(required("spec.containers"))
    names: list[str] = []
    for group in ("initContainers", "containers"):
        for n, container in enumerate(spec.get(group) or ()):
            path = f"spec.{group}[{n}]"
            causes += _container(container, path, spec)
            if container.get("name") in names:
                causes.append(duplicate(f"{path}.name", container["name"]))
            names.append(str(container.get("name")))
    return causes + _claims(spec)


def _container(container: Obj, path: str, spec: Obj) -> list[Cause]:
    causes = _choices(container, path, ("imagePullPolicy", "terminationMessagePolicy"))
    if container.get("name"):
        causes += label(f"{path}.name", container["name"])
    if not container.get("image"):
        causes.append(required(f"{path}.image"))
    volumes = [v.get("name") for v in spec.get("volumes") or ()]
    for n, mount in enumerate(container.get("volumeMounts") or ()):
        if mount.get("name") not in volumes:
            causes.append(
                Cause("FieldValueNotFound", f"{path}.volumeMounts[{n}].name", f'Not found: "{mount.get("name")}"')
            )
    return causes + _resources(container, path) + _container_claims(container, path, spec)


def _resources(container: Obj, path: str) -> list[Cause]:
    causes, resources = [], container.get("resources") or {}
    limits = resources.get("limits") or {}
    for side in ("limits", "requests"):
        for name, value in (resources.get(side) or {}).items():
            field = f"{path}.resources.{side}[{name}]" if side == "limits" else f"{path}.resources.requests"
            try:
                amount = parse(value)
            except ValueError:
                causes.append(
                    invalid(field, value, "quantities must match the regular expression of a number with a unit")
                )
                continue
            if amount < 0:
                causes.append(invalid(field, value, "must be greater than or equal to 0"))
            elif side == "requests" and name in limits and amount > parse(limits[name]):
                causes.append(invalid(field, value, f"must be less than or equal to {name} limit of {limits[name]}"))
            elif "/" in name and side == "requests" and name not in limits:
                causes.append(
                    required(f"{path}.resources.limits", "Limit must be set for non overcommitable resources")
                )
    return causes


def _container_claims(container: Obj, path: str, spec: Obj) -> list[Cause]:
    known = [claim.get("name") for claim in spec.get("resourceClaims") or ()]
    words = "must be one of the names in pod.spec.resourceClaims" + ("" if known else " which is empty")
    return [
        Cause("FieldValueNotFound", f"{path}.resources.claims[{n}]", f'Not found: "{claim.get("name")}": {words}')
        for n, claim in enumerate(dig(container, "resources", "claims", default=[]))
        if claim.get("name") not in known
    ]


def _claims(spec: Obj) -> list[Cause]:
    causes = []
    for n, claim in enumerate(spec.get("resourceClaims") or ()):
        path, sources = f"spec.resourceClaims[{n}]", ("resourceClaimName", "resourceClaimTemplateName")
        given = sum(1 for source in sources if claim.get(source))
        if given != 1:
            words = f"exactly one of `{sources[0]}`, `{sources[1]}` is required"
            causes.append(invalid(path, claim, f"{words}, but {'both are' if given else 'none is'} set"))
    return causes


def _pod_update(spec: Obj, before: Obj) -> list[Cause]:
    left, right = thaw(spec), thaw(before)
    for side in (left, right):
        for container in containers_of({"spec": side}):
            container.pop("image", None)
        for name in (
            "activeDeadlineSeconds",
            "tolerations",
            "terminationGracePeriodSeconds",
            "nodeName",
            "schedulingGates",
        ):
            side.pop(name, None)
    if left == right:
        return []
    words = (
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
        "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
    )
    return [forbidden_field("spec", words)]


@validates("configmaps")
def config_map(obj: Obj, old: Obj | None) -> list[Cause]:
    """Keys are file names; an immutable map stays as it is."""
    causes = []
    for field in ("data", "binaryData"):
        for key in obj.get(field) or {}:
            if not re.fullmatch(r"[-._a-zA-Z0-9]+", key):
                causes.append(
                    invalid(
                        f"{field}[{key}]",
                        key,
                        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
                    )
                )
            if old and old.get("immutable") and (old.get(field) or {}) != (obj.get(field) or {}):
                causes.append(forbidden_field(field, "field is immutable when `immutable` is set"))
    return causes


@validates("namespaces")
def namespace(obj: Obj, old: Obj | None) -> list[Cause]:
    """Names of labels for Pod Security are levels."""
    levels = ("privileged", "baseline", "restricted")
    causes = []
    for mode in ("enforce", "audit", "warn"):
        key = f"pod-security.kubernetes.io/{mode}"
        value = (obj["metadata"].get("labels") or {}).get(key, "privileged")
        if value not in levels and (old is None or old["metadata"].get("labels") != obj["metadata"].get("labels")):
            causes.append(invalid(f"metadata.labels[{key}]", value, f"must be one of {', '.join(levels)}"))
    return causes


@validates("priorityclasses.scheduling.k8s.io")
def priority_class(obj: Obj, old: Obj | None) -> list[Cause]:
    """The value of a class stays."""
    if old and obj.get("value") != old.get("value"):
        return [forbidden_field("value", "may not be changed in an update.")]
    return []


@validates("deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps")
def workload(obj: Obj, _old: Obj | None) -> list[Cause]:
    """The selector takes the template's pods."""
    spec = obj.get("spec") or {}
    wanted = dig(spec, "selector", "matchLabels", default={})
    have = dig(spec, "template", "metadata", "labels", default={})
    if any(have.get(key) != value for key, value in wanted.items()):
        return [invalid("spec.template.metadata.labels", have, "`selector` does not match template `labels`")]
    return []
