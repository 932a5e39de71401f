"""Endpoints of services: the addresses of their pods, and which of them may be sent traffic."""

from typing import Any, ClassVar

from conformance.simulator.api.selectors import label_selector
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.objects import Obj, deleting, dig, finished, labels_of, name_of, namespace_of, suffix, uid_of
from conformance.simulator.storage import Event
from conformance.simulator.workloads import controlled, owner_reference, ready

SLICES = "endpointslices.discovery.k8s.io"
SERVICE_LABEL = "kubernetes.io/service-name"
_MANAGER = "endpointslice-controller.k8s.io"


class Endpoints(Controller):
    """Keeps one EndpointSlice and one Endpoints object for each service with a selector."""

    watches: ClassVar[tuple[str, ...]] = ("services", "pods")

    def keys(self, event: Event) -> list[Key]:
        """The service itself, or those that select a pod or did so before."""
        space = namespace_of(event.obj)
        if event.resource == "services":
            return [(space, name_of(event.obj))]
        versions = [labels_of(obj) for obj in (event.obj, event.old) if obj is not None]
        return [
            (space, name_of(service))
            for service in self.store.select("services", space)
            if any(selects(service, labels) for labels in versions)
        ]

    def reconcile(self, namespace: str, name: str) -> None:
        """Write the endpoints of a service."""
        service = self.registry.find("services", namespace, name)
        if service is None:
            if self.registry.find("endpoints", namespace, name):
                self.registry.delete(self.registry.kinds.get("endpoints"), namespace, name)
            return
        if deleting(service) or not service["spec"].get("selector") or service["spec"].get("type") == "ExternalName":
            return
        pods = [p for p in self.store.select("pods", namespace) if selects(service, labels_of(p)) and _placed(p)]
        self._slice(service, pods)
        self._endpoints(service, pods)

    def _slice(self, service: Obj, pods: list[Obj]) -> None:
        space, every = namespace_of(service), bool(service["spec"].get("publishNotReadyAddresses"))
        content = {"endpoints": [_endpoint(pod, every) for pod in pods], "ports": _ports(service, pods)}
        own = [s for s in self.store.select(SLICES, space) if controlled(s, service)]
        if own:

            def write(obj: Obj) -> None:
                obj.update(content)

            self.registry.change(SLICES, space, name_of(own[0]), write)
            return
        meta: Obj = {
            "name": f"{name_of(service)}-{suffix()}",
            "labels": {
                **labels_of(service),
                SERVICE_LABEL: name_of(service),
                "endpointslice.kubernetes.io/managed-by": _MANAGER,
            },
            "ownerReferences": [owner_reference(service)],
        }
        if service["spec"].get("clusterIP") == "None":
            meta["labels"]["service.kubernetes.io/headless"] = ""
        body = {"metadata": meta, "addressType": "IPv4", **content}
        self.registry.create(self.registry.kinds.get(SLICES), space, body)

    def _endpoints(self, service: Obj, pods: list[Obj]) -> None:
        space, name = namespace_of(service), name_of(service)
        every = bool(service["spec"].get("publishNotReadyAddresses"))
        sides: dict[str, list[Obj]] = {"addresses": [], "notReadyAddresses": []}
        for pod in pods:
            if not deleting(pod) or every:
                sides["addresses" if ready(pod) or every else "notReadyAddresses"].append(_address(pod))
        kept = {side: addresses for side, addresses in sides.items() if addresses}
        ports = [{k: v for k, v in port.items() if v} for port in _ports(service, pods)]
        subsets = [{**kept, "ports": ports}] if kept else []
        if self.registry.find("endpoints", space, name) is None:
            meta = {
                "name": name,
                "labels": {**labels_of(service), "endpoints.kubernetes.io/managed-by": "endpoint-controller"},
            }
            body = {"metadata": meta, "subsets": subsets}
            self.registry.create(self.registry.kinds.get("endpoints"), space, body)
            return

        def write(obj: Obj) -> None:
            obj["subsets"] = subsets

        self.registry.change("endpoints", space, name, write)


def selects(service: Obj, labels: dict[str, str]) -> bool:
    """Whether a service takes pods with these labels."""
    selector = service["spec"].get("selector")
    return bool(selector) and label_selector({"matchLabels": selector})(labels)


def _placed(pod: Obj) -> bool:
    return bool(dig(pod, "status", "podIP")) and not finished(pod)


def _target(pod: Obj) -> Obj:
    return {"kind": "Pod", "namespace": namespace_of(pod), "name": name_of(pod), "uid": uid_of(pod)}


def _endpoint(pod: Obj, every: bool) -> Obj:
    serving, ending = ready(pod), deleting(pod)
    conditions = {"ready": every or (serving and not ending), "serving": serving, "terminating": ending}
    named: Obj = {"addresses": [pod["status"]["podIP"]], "conditions": conditions, "nodeName": pod["spec"]["nodeName"]}
    return {**named, "targetRef": _target(pod)}


def _address(pod: Obj) -> Obj:
    return {"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"], "targetRef": _target(pod)}


def _ports(service: Obj, pods: list[Obj]) -> list[Obj]:
    found = []
    for port in service["spec"].get("ports") or ():
        number = _number(port.get("targetPort", port["port"]), pods)
        if number:
            found.append({"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")})
    return found


def _number(target: Any, pods: list[Obj]) -> int:
    """The port of the pods: a number, or the one that a container names."""
    if isinstance(target, int):
        return target
    if str(target).isdigit():
        return int(target)
    named = (
        port["containerPort"]
        for pod in pods
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or ()
        if port.get("name") == target
    )
    return int(next(named, 0))
