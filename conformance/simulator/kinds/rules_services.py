"""Rules of services."""

from conformance.simulator.api.errors import Cause, duplicate, invalid, required, unsupported
from conformance.simulator.kinds.hooks import validates
from conformance.simulator.objects import Obj

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_LAST_PORT = 65535


@validates("services")
def service(obj: Obj, _old: Obj | None) -> list[Cause]:
    """Ports are there, named where there are several, and possible."""
    spec = obj.get("spec") or {}
    causes = []
    if spec.get("type") not in _TYPES:
        causes.append(unsupported("spec.type", spec.get("type"), _TYPES))
    if spec.get("type") == "ExternalName":
        return causes if spec.get("externalName") else [*causes, required("spec.externalName")]
    ports = spec.get("ports") or []
    if not ports and spec.get("clusterIP") != "None":
        causes.append(required("spec.ports"))
    seen: list[tuple[int, str]] = []
    for n, port in enumerate(ports):
        path, pair = f"spec.ports[{n}]", (port.get("port"), port.get("protocol"))
        if len(ports) > 1 and not port.get("name"):
            causes.append(required(f"{path}.name"))
        if not isinstance(port.get("port"), int) or not 0 < port["port"] <= _LAST_PORT:
            causes.append(invalid(f"{path}.port", port.get("port", 0), "must be between 1 and 65535, inclusive"))
        if port.get("protocol") not in _PROTOCOLS:
            causes.append(unsupported(f"{path}.protocol", port.get("protocol"), _PROTOCOLS))
        if pair in seen:
            causes.append(duplicate(path, {"port": pair[0], "protocol": pair[1]}))
        seen.append(pair)
    return causes
