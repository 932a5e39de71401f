"""What an allocation writes into a claim: its devices, the configuration for them, the nodes where they can be used."""

from dataclasses import dataclass

from conformance.simulator.objects import Obj, dig, name_of
from conformance.simulator.placement.pools import Candidate


@dataclass(frozen=True)
class Wanted:
    """One request of one claim, in one of its forms."""

    claim: Obj
    index: int
    """Which claim of the pod."""
    request: str
    """``request`` or ``request/subrequest``."""
    form: Obj
    device_class: Obj

    @property
    def admin(self) -> bool:
        """Whether it only looks on."""
        return bool(self.form.get("adminAccess"))

    @property
    def count(self) -> int:
        """How many devices, where it does not want all."""
        return int(self.form.get("count", 1))

    @property
    def everything(self) -> bool:
        """Whether it wants all devices that match."""
        return bool(self.form.get("allocationMode") == "All")

    @property
    def label(self) -> str:
        """How messages call its claim."""
        return f"{self.claim['metadata'].get('namespace', '')}/{name_of(self.claim)}"


@dataclass(frozen=True)
class Pick:
    """A device that is chosen for a request."""

    wanted: Wanted
    candidate: Candidate
    share: str = ""
    """``shareID`` of a device that may be allocated several times."""
    consumed: Obj | None = None
    """Its ``consumedCapacity``."""

    @property
    def result(self) -> Obj:
        """The entry in the claim's status."""
        form, candidate = self.wanted.form, self.candidate
        result: Obj = {
            "request": self.wanted.request,
            "driver": candidate.driver,
            "pool": candidate.pool,
            "device": candidate.device["name"],
        }
        if self.wanted.admin:
            result["adminAccess"] = True
        if form.get("tolerations"):
            result["tolerations"] = form["tolerations"]
        if self.share:
            result["shareID"] = self.share
        if self.consumed:
            result["consumedCapacity"] = self.consumed
        return result


def allocation(claim: Obj, picks: list[Pick], node: Obj) -> Obj:
    """``status.allocation`` of a claim from the devices that were chosen for it."""
    devices: Obj = {"results": [pick.result for pick in picks]}
    config = _config(claim, picks)
    if config:
        devices["config"] = config
    selector = _node_selector(picks, node)
    return {"devices": devices, **({"nodeSelector": selector} if selector else {})}


def _config(claim: Obj, picks: list[Pick]) -> list[Obj]:
    """Every class once with the requests that use it, then what the claim itself says; all requests means none is named."""
    chosen = list(dict.fromkeys(pick.wanted.request for pick in picks))
    classes: dict[str, tuple[Obj, list[str]]] = {}
    for pick in picks:
        used = classes.setdefault(name_of(pick.wanted.device_class), (pick.wanted.device_class, []))[1]
        used += [] if pick.wanted.request in used else [pick.wanted.request]
    config = [
        {"source": "FromClass", "requests": requests, **entry}
        for found, requests in classes.values()
        for entry in dig(found, "spec", "config", default=[])
    ]
    for entry in dig(claim, "spec", "devices", "config", default=[]):
        named = entry.get("requests") or []
        if not named or any(_names(named, request) for request in chosen):
            config.append({"source": "FromClaim", **entry})
    for entry in config:
        if all(_names(entry.get("requests") or [], request) for request in chosen):
            entry.pop("requests", None)
    return config


def _names(named: list[str], request: str) -> bool:
    return request in named or request.partition("/")[0] in named


def _node_selector(picks: list[Pick], node: Obj) -> Obj | None:
    """The node itself where a device is local to it, all requirements of devices that are not, nothing where they are everywhere."""
    term: Obj = {}
    for pick in picks:
        place = pick.candidate.place
        if place.get("nodeName") or pick.candidate.device.get("bindsToNode"):
            field = {"key": "metadata.name", "operator": "In", "values": [name_of(node)]}
            return {"nodeSelectorTerms": [{"matchFields": [field]}]}
        for wanted in dig(place, "nodeSelector", "nodeSelectorTerms", default=[]):
            for side in ("matchFields", "matchExpressions"):
                have = term.setdefault(side, []) if wanted.get(side) else []
                have += [requirement for requirement in wanted.get(side) or () if requirement not in have]
    return {"nodeSelectorTerms": [term]} if term else None
