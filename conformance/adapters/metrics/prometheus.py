"""Where a Prometheus is that KEDA can ask: the URL that the user gives, or a Service that has the name and the port of one."""

import ipaddress

from conformance.cluster.api import Api, Object
from conformance.inventory import odd

PORT = 9090
NAME_LABEL = "app.kubernetes.io/name"
NAME = "prometheus"


def urls(api: Api) -> list[tuple[str, str]]:
    """``namespace/name`` and URL of every Service that looks like a Prometheus, most likely first."""
    found = [service for service in api.list("/api/v1/services") if _likely(service)]
    found.sort(key=lambda s: (_address(s) == "", odd.part(s, "metadata", "labels").get(NAME_LABEL) != NAME, _place(s)))
    return [(_place(service), _url(service)) for service in found]


def _likely(service: Object) -> bool:
    labels = odd.part(service, "metadata", "labels")
    named = NAME in odd.name(service) or labels.get(NAME_LABEL) == NAME or labels.get("app") == NAME
    return named and any(port.get("port") == PORT for port in odd.entries(odd.part(service, "spec"), "ports"))


def _place(service: Object) -> str:
    return f"{odd.part(service, 'metadata').get('namespace')}/{odd.name(service)}"


def _address(service: Object) -> str:
    """The cluster IP; empty for a Service without one."""
    try:
        address = ipaddress.ip_address(str(odd.part(service, "spec").get("clusterIP")))
    except ValueError:
        return ""
    return f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004 - IPv6


def _url(service: Object) -> str:
    """By address where there is one: it needs no DNS."""
    namespace, _, name = _place(service).partition("/")
    return f"http://{_address(service) or f'{name}.{namespace}.svc'}:{PORT}"
