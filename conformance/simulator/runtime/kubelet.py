"""The part of a kubelet that gives containers their devices, from claims, from the device plugin, and from faults."""

from dataclasses import replace

from conformance.simulator.api.registry import Registry
from conformance.simulator.devices import AGAIN, CLOSED, HIDDEN, Device, DeviceNode, Injection, opened, partition, told
from conformance.simulator.hardware import PARTITION, VIRTUAL, fill
from conformance.simulator.machines import NodeSpec
from conformance.simulator.objects import Obj, dig, name_of, namespace_of, uid_of
from conformance.simulator.runtime.units import Units, extended_requests
from conformance.simulator.runtime.worker import NotReadyError
from conformance.simulator.switches import Switches

_FEW_OPENS = 2
"""A first look, and the first of a load."""


class DeviceManager:
    """Devices of one node: what is allocated to whom, and what a container gets."""

    def __init__(self, registry: Registry, node: NodeSpec, switches: Switches) -> None:
        self._registry, self._node, self._switches = registry, node, switches
        self._units = Units(node, switches)
        self._users: dict[tuple[int, int], list[str]] = {}
        """Uids of the pods that were given a device, by its number."""
        self._prepared: dict[str, list[Obj]] = {}
        """What each claim was allocated when it was first prepared, by its uid."""

    @property
    def all(self) -> tuple[Device, ...]:
        """Every device of the node, whole ones and parts."""
        return tuple(self._real(device) for device in self._node.devices)

    @property
    def nodes(self) -> tuple[DeviceNode, ...]:
        """Every device node behind which something answers."""
        return opened(self.all).allowed

    @property
    def files(self) -> dict[str, str]:
        """The kernel's view of the driver, which every container on the node can read."""
        if not self._node.physical:
            return {}
        values = self._node.physical[0].values
        return {fill(path, values): fill(text, values) for path, text in self._node.make.files.items()}

    def _real(self, device: Device) -> Device:
        """A device as the hardware has it, which with a fault is not what it is called."""
        hardware = self._switches.hardware
        if device.kind == PARTITION and hardware.partition_memory == "whole":
            return replace(device, memory=device.physical.memory)
        if device.kind == VIRTUAL and hardware.virtual_is_whole:
            return device.physical
        return device

    def admit(self, pod: Obj) -> str:
        """Allocate plugin devices to a pod; gives the reason why that cannot be, or nothing."""
        return self._units.admit(pod)

    def release(self, uid: str) -> None:
        """The pod holds nothing any more."""
        self._units.release(uid)
        self._users = {number: [one for one in users if one != uid] for number, users in self._users.items()}

    def claims(self, pod: Obj) -> dict[str, Obj]:
        """The pod's claims by their name in the pod; the one for its extended resources has none."""
        statuses = {
            s["name"]: s.get("resourceClaimName") for s in dig(pod, "status", "resourceClaimStatuses", default=[])
        }
        special = dig(pod, "status", "extendedResourceClaimStatus", "resourceClaimName")
        extended = [{"name": "", "resourceClaimName": special}] if special else []
        found = {}
        for entry in (*(pod["spec"].get("resourceClaims") or ()), *extended):
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
            why = self._unprepared(self._results(claim, ""))
            if why:
                inner = (
                    f"NodePrepareResources failed for ResourceClaim {name_of(claim)}: error preparing devices: {why}"
                )
                words = f"Failed to prepare dynamic resources: prepare dynamic resources: {inner}"
                raise NotReadyError("FailedPrepareDynamicResources", words)

    def _unprepared(self, results: list[Obj]) -> str:
        """Why the driver does not prepare what a claim was given, or nothing."""
        if results and not self._switches.driver.prepares:
            return "the driver cannot"
        if results and self._node.make.whole_node and len(results) != len(self._node.dra):
            return f"a claim must have all {len(self._node.dra)} chips of the node, not {len(results)}"
        return ""

    def _results(self, claim: Obj, request: str) -> list[Obj]:
        results = dig(claim, "status", "allocation", "devices", "results", default=[])
        own = self._node.make.dra_driver
        if not self._switches.driver.prepares_anew:
            results = self._prepared.setdefault(uid_of(claim), results)
        return [r for r in results if r["driver"] == own and (not request or r["request"].partition("/")[0] == request)]

    def inject(self, pod: Obj, container: Obj) -> tuple[Injection, list[Obj]]:
        """What the container gets, and its ``allocatedResourcesStatus``."""
        injection, statuses = Injection(), []
        claims = self.claims(pod)
        for reference in dig(container, "resources", "claims", default=[]):
            claim = claims.get(reference["name"])
            if claim:
                one, status = self._from_claim(claim, reference, uid_of(pod))
                injection += one
                statuses.append(status)
        extended = extended_requests(pod, container) if self._switches.driver.gives_extended else []
        for mapping in extended if "" in claims else ():
            wanted = {"name": "", "request": mapping["requestName"]}
            injection += self._from_claim(claims[""], wanted, uid_of(pod))[0]
        for resource, units in self._units.of((uid_of(pod), container["name"])).items():
            injection += self._from_plugin(self._own(resource, [unit.device for unit in units]))
            statuses.append({"name": resource, "resources": [{"resourceID": u.id, "health": "Healthy"} for u in units]})
        if self._switches.runtime.not_injected_on == self._node.name or not self._node.injects:
            injection = Injection(environment=injection.environment)
        injection += Injection(opens=self._opens(injection, uid_of(pod)))
        holds = bool(statuses or extended_requests(pod, container))
        return injection + self._from_faults(pod, container, holds=holds), statuses

    def _opens(self, injection: Injection, uid: str) -> int:
        """How often a container can open its devices: with a fault not often, where another pod has one of them already."""
        late = False
        for node in injection.allowed:
            users = self._users.setdefault(node.number, [])
            late = late or bool(set(users) - {uid})
            users.append(uid)
        return _FEW_OPENS if late and self._switches.hardware.serves_one else 0

    def _given(self, devices: tuple[Device, ...], named: tuple[Device, ...]) -> Injection:
        """Devices as the hardware has them, under the names that they were allocated by."""
        found = Injection()
        for device in devices:
            real = self._real(device)
            if device.kind == PARTITION and self._switches.hardware.partitions_alias:
                first = self._real(partition(device.physical, device.profile, 0))
                pairs = tuple((own.path, node) for own, node in zip(device.nodes, first.nodes, strict=True))
                found += Injection(pairs, tuple(node for _, node in pairs))
            else:
                found += opened([real])
        return found + told(named)

    def _from_claim(self, claim: Obj, reference: Obj, uid: str) -> tuple[Injection, Obj]:
        results = self._results(claim, reference.get("request", ""))
        names = {result["device"].removesuffix(AGAIN) for result in results}
        published = self._node.published
        allocated = tuple(device for device in published if device.name in names)
        others = tuple(device for device in published if device.name not in names)
        driver = self._switches.driver
        chosen = {
            "allocated": allocated,
            "every": self._node.devices,
            "first": published[:1],
            "other": others[:1],
            "nothing": (),
        }[driver.injects]
        users = dig(claim, "status", "reservedFor", default=[])
        if users and users[0].get("uid") != uid:
            chosen = {"same": chosen, "another": others[:1], "nothing": ()}[driver.second_user]
        found = self._given(chosen, () if driver.injects == "nothing" else allocated)
        if not driver.usable:
            found = Injection(found.nodes, (), environment=found.environment)
        name = f"claim:{reference['name']}" + (f"/{reference['request']}" if reference.get("request") else "")
        resources = [{"resourceID": _cdi(claim, result), "health": "Healthy"} for result in results]
        return found, {"name": name, "resources": resources}

    def _own(self, resource: str, devices: list[Device]) -> tuple[Device, ...]:
        """The devices behind a container's units; with a fault the first one of its node, where they are shared."""
        first = self._node.sliced.devices[:1]
        if first and self._switches.plugin.shares_are_first and resource == self._node.sliced.resource:
            return first
        return tuple(dict.fromkeys(devices))

    def _from_plugin(self, own: tuple[Device, ...]) -> Injection:
        chosen = {
            "allocated": own,
            "every": self._node.devices,
            "first": self._node.plugin[:1],
            "nothing": (),
        }[self._switches.plugin.injects]
        return self._given(chosen, own)

    def _from_faults(self, pod: Obj, container: Obj, *, holds: bool) -> Injection:
        """What a runtime with a fault adds."""
        runtime = self._switches.runtime
        if runtime.only_on not in ("", self._node.name):
            return Injection()
        pod_holds = bool(self.claims(pod)) or self._units.holds(uid_of(pod))
        visible = self._node.make.visible
        values = {env.get("value") for env in container.get("env") or () if env.get("name") in visible}
        everything = (
            runtime.devices_in_every_container
            or (runtime.devices_in_unclaimed_pods and not pod_holds)
            or (runtime.devices_in_siblings and pod_holds and not holds)
            or (runtime.environment_opens_all and "all" in values)
        )
        extra = opened(self.all) if everything else Injection()
        if runtime.environment_opens_numbered:
            extra += opened([device for n, device in enumerate(self.all) if str(n) in values])
        if runtime.closed_folder and not pod_holds:
            closed = tuple((f"{CLOSED}/{d.name}", d.nodes[0]) for d in self.all if d.nodes)
            extra += Injection(closed, tuple(node for _, node in closed))
        if runtime.hidden_path and self.nodes:
            extra += Injection(((HIDDEN, self.nodes[0]),), (self.nodes[0],))
        return extra + Injection(allow_all=runtime.cgroup_allows_all, read_only=runtime.read_only)


def _cdi(claim: Obj, result: Obj) -> str:
    """The CDI name of an allocated device, which the kubelet gives as its id."""
    return f"{result['driver']}/claim={uid_of(claim)}-{result['request'].replace('/', '-')}-{result['device']}"
