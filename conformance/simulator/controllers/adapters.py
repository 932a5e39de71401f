"""The adapters that serve the metrics APIs, and the APIService objects that say where they are and whether they answer."""

from typing import TYPE_CHECKING, ClassVar

from conformance.simulator import addons
from conformance.simulator.api.aggregation import APISERVICES, Provider
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.controllers.endpoints import SERVICE_LABEL, SLICES
from conformance.simulator.metrics.custom import CustomMetrics
from conformance.simulator.metrics.keda import KedaMetrics
from conformance.simulator.objects import Obj, dig, labels_of, name_of, namespace_of, set_condition
from conformance.simulator.storage import Event

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

PORT, TARGET = 443, 6443


class Adapters(Controller):
    """Registers the adapters of the world; keys are APIService objects."""

    watches: ClassVar[tuple[str, ...]] = (APISERVICES, SLICES)

    def __init__(self, cluster: "Cluster") -> None:
        super().__init__(cluster)
        switches = cluster.switches.metrics
        self._providers: list[Provider] = []
        if self.world.metrics.custom and self.world.nodes:
            self._providers.append(CustomMetrics(self.store, cluster.archive, switches))
        if self.world.metrics.external == "keda" and self.world.nodes:
            self._providers.append(KedaMetrics(self.store, switches))

    def start(self) -> None:
        """Make deployments, services and registrations."""
        for provider in self._providers:
            space, name = provider.service
            self.cluster.aggregation.providers[provider.group] = provider
            addons.namespace(self.registry, space)
            runs, node = self.cluster.switches.metrics.runs, self.world.nodes[0].name
            addons.deployment(self.registry, space, name, f"{name}:v0.12.0", node=node, runs=runs)
            addons.service(self.registry, space, name, PORT, TARGET)
            for version in provider.versions:
                self._register(provider, version)

    def _register(self, provider: Provider, version: str) -> None:
        space, name = provider.service
        spec = {
            "group": provider.group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100 * int(version[-1]),
            "insecureSkipTLSVerify": True,
            "service": {"namespace": space, "name": name, "port": PORT},
        }
        body = {"metadata": {"name": f"{version}.{provider.group}"}, "spec": spec}
        self.registry.create(self.registry.kinds.get(APISERVICES), "", body)

    def keys(self, event: Event) -> list[Key]:
        """The object itself, or those whose service has other endpoints now."""
        if event.resource == APISERVICES:
            return [("", name_of(event.obj))]
        place = (namespace_of(event.obj), labels_of(event.obj).get(SERVICE_LABEL, ""))
        return [("", name_of(obj)) for obj in self.store.select(APISERVICES) if _service(obj) == place]

    def reconcile(self, _namespace: str, name: str) -> None:
        """Say whether the server behind an APIService answers."""
        found = self.registry.find(APISERVICES, "", name)
        if found is None:
            return
        status, reason, message = self._judge(found)

        def write(obj: Obj) -> None:
            set_condition(obj, "Available", status, reason=reason, message=message)

        self.registry.change(APISERVICES, "", name, write, sub="status")

    def _available(self, provider: Provider) -> bool:
        return all(self.cluster.aggregation.available(provider.group, version) for version in provider.versions)

    def _judge(self, obj: Obj) -> tuple[str, str, str]:
        space, name = _service(obj)
        if not name:
            return "True", "Local", "Local APIServices are always available"
        where = f'service/{name} in "{space}"'
        if self.registry.find("services", space, name) is None:
            return "False", "ServiceNotFound", f"{where} is not present"
        slices = [s for s in self.store.select(SLICES, space) if labels_of(s).get(SERVICE_LABEL) == name]
        endpoints = [endpoint for one in slices for endpoint in one.get("endpoints") or ()]
        if not any(dig(endpoint, "conditions", "ready") for endpoint in endpoints):
            return "False", "MissingEndpoints", f'endpoints for {where} have no addresses with port name "main"'
        provider = self.cluster.aggregation.providers.get(obj["spec"]["group"])
        if provider is None or provider.service != (space, name):
            return "False", "FailedDiscoveryCheck", f"failing or missing response from {where}"
        return "True", "Passed", "all checks passed"

    async def settle(self) -> None:
        """Wait until all that should answer do."""
        if self.cluster.switches.metrics.runs:
            await self.until(lambda: all(self._available(provider) for provider in self._providers))


def _service(obj: Obj) -> Key:
    return dig(obj, "spec", "service", "namespace", default=""), dig(obj, "spec", "service", "name", default="")
