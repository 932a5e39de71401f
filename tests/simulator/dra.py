"""What tests of DRA ask for: pools of a driver of their own, claims, and pods that use them."""

from typing import Any

from tests.simulator.client import CLAIMS, PODS, Client, pod

CLASS = "accel.sim.dev"
DRA = "/apis/resource.k8s.io/v1"
SLICES, CLASSES, RULES = (f"{DRA}/{plural}" for plural in ("resourceslices", "deviceclasses", "devicetaintrules"))
TEMPLATES = f"{DRA}/namespaces/{{}}/resourceclaimtemplates"
OTHER = "other.sim.dev"
STAY = "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()"
Json = dict[str, Any]


def asking(name: str, /, *requests: Json, constraints: Any = None, **form: Any) -> Json:
    """A claim for some requests, or for one called ``acc`` of the simulated devices."""
    own = [{"name": "acc", "exactly": {"deviceClassName": CLASS, **form}}] if form or not requests else []
    devices = {"requests": [*own, *requests], **({"constraints": constraints} if constraints else {})}
    return {"metadata": {"name": name}, "spec": {"devices": devices}}


def slice_of(name: str, *devices: Json, count: int = 1, pool: str = "", **spec: Any) -> Json:
    """A slice of a pool with its name, on a node that does not exist unless it is said."""
    about = {"name": pool or name, "generation": 1, "resourceSliceCount": count}
    where = {} if {"perDeviceNodeSelection", "allNodes", "nodeSelector"} & spec.keys() else {"nodeName": "nowhere"}
    body = {"driver": OTHER, "pool": about, **where, **spec}
    return {"metadata": {"name": name}, "spec": {**body, **({"devices": list(devices)} if devices else {})}}


class Maker:
    """Makes cluster-wide objects, and removes them again."""

    def __init__(self, client: Client) -> None:
        self._client, self._paths = client, list[str]()

    def __call__(self, folder: str, body: Json) -> Any:
        """Create an object."""
        obj = self._client.create(folder, body)
        self._paths.append(f"{folder}/{obj['metadata']['name']}")
        return obj

    def remove(self) -> None:
        """Remove what was made."""
        for path in self._paths:
            self._client.call("DELETE", path)


class Pools:
    """A namespace, and a driver of its own whose devices are on node-a."""

    def __init__(self, client: Client, namespace: str, made: Maker) -> None:
        self.client, self.namespace, self.made = client, namespace, made
        selector = {"cel": {"expression": f"device.driver == '{OTHER}'"}}
        made(CLASSES, {"metadata": {"name": OTHER}, "spec": {"selectors": [selector]}})

    def publish(self, *devices: Json, name: str = "pool-a", **spec: Any) -> None:
        """A slice on node-a."""
        where: Json = {} if {"perDeviceNodeSelection", "allNodes"} & spec.keys() else {"nodeName": "node-a"}
        self.made(SLICES, slice_of(name, *devices, **where, **spec))

    def request(self, name: str = "acc", **form: Any) -> Json:
        """A request for devices of this driver."""
        if "expression" in form:
            form["selectors"] = [{"cel": {"expression": form.pop("expression")}}]
        return {"name": name, "exactly": {"deviceClassName": OTHER, **form}}

    def hold(self, name: str, *requests: Json, constraints: Any = None) -> None:
        """A claim, and a pod of the same name that uses it."""
        body = asking(name, *(requests or [self.request()]), constraints=constraints)
        self.client.create(CLAIMS.format(self.namespace), body)
        main = {"resources": {"claims": [{"name": "acc"}]}}
        claims = [{"name": "acc", "resourceClaimName": name}]
        self.client.create(PODS.format(self.namespace), pod(name, STAY, container=main, resourceClaims=claims))

    def results(self, name: str) -> list[Json]:
        """What a claim is given, once it is."""
        path = f"{CLAIMS.format(self.namespace)}/{name}"
        held = self.client.until(path, lambda obj: bool(obj.get("status", {}).get("allocation")))
        listed: list[Json] = held["status"]["allocation"]["devices"]["results"]
        return listed

    def given(self, name: str, *requests: Json, constraints: Any = None) -> list[str]:
        """Names of the devices that a new claim is given."""
        self.hold(name, *requests, constraints=constraints)
        return [result["device"] for result in self.results(name)]

    def refused(self, name: str, *requests: Json, constraints: Any = None) -> str:
        """Why a new claim is given nothing, as the scheduler says it on the pod."""
        self.hold(name, *requests, constraints=constraints)
        return self.why(name)

    def why(self, name: str) -> str:
        """What the scheduler says of a pod that has to wait."""
        path = f"{PODS.format(self.namespace)}/{name}"
        waiting = self.client.until(path, lambda obj: bool(_message(obj)))
        return _message(waiting)

    def free(self, name: str) -> None:
        """A pod goes, and with it what its claim holds."""
        self.client.call("DELETE", f"{PODS.format(self.namespace)}/{name}?gracePeriodSeconds=0")
        path = f"{CLAIMS.format(self.namespace)}/{name}"
        self.client.until(path, lambda obj: not obj.get("status", {}).get("allocation"))


def _message(obj: Json) -> str:
    conditions = obj["status"].get("conditions", [])
    return "".join(c.get("message", "") for c in conditions if (c["type"], c["status"]) == ("PodScheduled", "False"))
