"""The part of a kubelet that gives containers their devices, from claims, from the device plugin, and from faults."""

from conformance.simulator.api.registry import Registry
from conformance.simulator.devices import CLOSED, DRIVER, HIDDEN, RESOURCE, VISIBLE, Device, Injection, whole
from conformance.simulator.objects import Obj, dig, name_of, namespace_of, uid_of
from conformance.simulator.runtime.worker import NotReadyError
from conformance.simulator.switches import Switches
from conformance.simulator.world import NodeSpec


class DeviceManager:
    """Devices of one node: what is allocated to whom, and what a container gets."""

    def __init__(self, registry: Registry, node: NodeSpec, switches: Switches) -> None:
        self._registry, self._node, self._switches = registry, node, switches
        self._held: dict[str, tuple[str, str]] = {}
        """Device plugin: uuid → pod uid and container."""

    @property
    def all(self) -> tuple[Device, ...]:
        """Every device of the node."""
        return (*self._node.dra, *self._node.plugin)

    def admit(self, pod: Obj) -> str:
        """Allocate plugin devices to a pod; gives the reason why that cannot be, or nothing."""
        for container in pod["spec"]["containers"]:
            wanted = int(dig(container, "resources", "limits", RESOURCE, default=0))
            free = [device for device in self._node.plugin if device.uuid not in self._held]
            if wanted > len(free):
                self.release(uid_of(pod))
                return f"Allocate failed due to requested number of devices unavailable for {RESOURCE}. Requested: {wanted}, Available: {len(free)}, which is unexpected"
            for device in free[:wanted]:
                self._held[device.uuid] = (uid_of(pod), container["name"])
        return ""

    def release(self, uid: str) -> None:
        """The pod holds nothing any more."""
        self._held = {device: holder for device, holder in self._held.items() if holder[0] != uid}

    def claims(self, pod: Obj) -> dict[str, Obj]:
        """The pod's claims by their name in the pod."""
        statuses = {
            s["name"]: s.get("resourceClaimName") for s in dig(pod, "status", "resourceClaimStatuses", default=[])
        }
        found = {}
        for entry in pod["spec"].get("resourceClaims") or ():
            name = entry.get("resourceClaimName") or statuses.get(entry["name"])
            claim = self._registry.find("resourceclaims.resource.k8s.io", namespace_of(pod), name) if name else None
            if claim:
                found[entry["name"]] = claim
        return found

    def prepare(self, pod: Obj) -> None:
        """Let the driver prepare the pod's claims."""
        for claim in self.claims(pod).values():
            if not dig(claim, "status", "allocation"):
                raise NotReadyError("FailedPrepareDynamicResources", f"ResourceClaim {name_of(claim)} is not allocated")
            if not self._switches.driver.prepares and self._results(claim, ""):
                inner = f"NodePrepareResources failed for ResourceClaim {name_of(claim)}: error preparing devices: the driver cannot"
                words = f"Failed to prepare dynamic resources: prepare dynamic resources: {inner}"
                raise NotReadyError("FailedPrepareDynamicResources", words)

    def _results(self, claim: Obj, request: str) -> list[Obj]:
        results = dig(claim, "status", "allocation", "devices", "results", default=[])
        return [
            r for r in results if r["driver"] == DRIVER and (not request or r["request"].partition("/")[0] == request)
        ]

    def inject(self, pod: Obj, container: Obj) -> tuple[Injection, list[Obj]]:
        """What the container gets, and its ``allocatedResourcesStatus``."""
        injection, statuses = Injection(), []
        claims = self.claims(pod)
        for reference in dig(container, "resources", "claims", default=[]):
            claim = claims.get(reference["name"])
            if claim:
                one, status = self._from_claim(claim, reference)
                injection += one
                statuses.append(status)
        own = tuple(d for d in self._node.plugin if self._held.get(d.uuid) == (uid_of(pod), container["name"]))
        if own:
            injection += self._from_plugin(own)
            resources = [{"resourceID": device.uuid, "health": "Healthy"} for device in own]
            statuses.append({"name": RESOURCE, "resources": resources})
        return injection + self._from_faults(pod, container, holds=bool(statuses)), statuses

    def _from_claim(self, claim: Obj, reference: Obj) -> tuple[Injection, Obj]:
        results = self._results(claim, reference.get("request", ""))
        names = {result["device"] for result in results}
        allocated = tuple(device for device in self._node.dra if device.name in names)
        others = tuple(device for device in self._node.dra if device.name not in names)
        driver = self._switches.driver
        given = {
            "allocated": whole(allocated),
            "every": whole(self.all, allocated),
            "first": whole(self._node.dra[:1], allocated),
            "other": whole(others[:1], allocated),
            "nothing": Injection(),
        }[driver.injects]
        if not driver.usable:
            given = Injection(given.nodes, (), environment=given.environment)
        name = f"claim:{reference['name']}" + (f"/{reference['request']}" if reference.get("request") else "")
        resources = [{"resourceID": _cdi(claim, result), "health": "Healthy"} for result in results]
        return given, {"name": name, "resources": resources}

    def _from_plugin(self, own: tuple[Device, ...]) -> Injection:
        return {
            "allocated": whole(own),
            "every": whole(self.all, own),
            "first": whole(self._node.plugin[:1], own),
            "nothing": Injection(environment=whole(own).environment),
        }[self._switches.plugin.injects]

    def _from_faults(self, pod: Obj, container: Obj, *, holds: bool) -> Injection:
        """What a runtime with a fault adds."""
        runtime = self._switches.runtime
        if runtime.only_on not in ("", self._node.name):
            return Injection()
        pod_holds = bool(self.claims(pod)) or any(uid == uid_of(pod) for uid, _ in self._held.values())
        asked = any(env.get("name") in VISIBLE and env.get("value") == "all" for env in container.get("env") or ())
        everything = (
            runtime.devices_in_every_container
            or (runtime.devices_in_unclaimed_pods and not pod_holds)
            or (runtime.devices_in_siblings and pod_holds and not holds)
            or (runtime.environment_opens_all and asked)
        )
        extra = Injection(tuple((d.path, d) for d in self.all), self.all) if everything else Injection()
        if runtime.closed_folder and not pod_holds:
            extra += Injection(tuple((f"{CLOSED}/{d.name}", d) for d in self.all), self.all)
        if runtime.hidden_path and self.all:
            extra += Injection(((HIDDEN, self.all[0]),), (self.all[0],))
        return extra + Injection(allow_all=runtime.cgroup_allows_all)


def _cdi(claim: Obj, result: Obj) -> str:
    """The CDI name of an allocated device, which the kubelet gives as its id."""
    return f"{DRIVER}/claim={uid_of(claim)}-{result['request'].replace('/', '-')}-{result['device']}"
