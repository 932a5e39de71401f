"""Device allocation: which devices satisfy the claims of a pod on one node, by the rules of DRA and with real CEL."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from conformance.simulator.cel import CelError
from conformance.simulator.objects import Obj, deleting, dig, name_of
from conformance.simulator.placement.devices import CLASSES, Candidate, Devices
from conformance.simulator.storage import Store

MOST_USERS = 256
"""Pods that may use one claim."""
TRIES = 100_000
"""Devices tried for one node before giving up."""


class CannotAllocateError(Exception):
    """The claims do not fit on this node; the text is the reason in the scheduler's message."""


class AbortedError(Exception):
    """Scheduling of the pod is given up: a selector failed."""


@dataclass(frozen=True)
class Wanted:
    """One request of one claim, in the form chosen."""

    claim: str
    request: str
    form: Obj
    selectors: tuple[str, ...]
    config: tuple[Obj, ...]


Chosen = list[tuple[Wanted, Candidate]]


class Allocator:
    """Allocates claims on one node."""

    def __init__(self, store: Store, node: Obj, devices: Devices | None = None) -> None:
        self._store, self._node = store, node
        self._devices = devices or Devices(store)
        self._all, self._taken = self._devices.near(node), self._devices.taken
        self._switches = self._devices.switches
        self._tries = 0

    def allocate(self, claims: list[Obj]) -> dict[str, Obj]:
        """Allocation results by claim name; ``CannotAllocateError`` where they do not all fit."""
        chosen = self._choose([forms for claim in claims for forms in self._forms(claim)], [], claims)
        if chosen is None:
            raise CannotAllocateError("cannot allocate all claims")
        return {name_of(claim): self._result(claim, chosen) for claim in claims}

    def force(self, claims: list[Obj]) -> dict[str, Obj]:
        """What a broken allocator writes: devices that are taken, whatever was asked for."""
        if not self._all:
            raise CannotAllocateError("cannot allocate all claims")
        results = {}
        for claim in claims:
            chosen: Chosen = []
            for forms in self._forms(claim):
                wanted = forms[0]
                for n in range(min(wanted.form.get("count", 1), 32)):
                    chosen.append((wanted, self._all[n % len(self._all)]))
            results[name_of(claim)] = self._result(claim, chosen)
        return results

    def _forms(self, claim: Obj) -> Iterator[list[Wanted]]:
        for request in claim["spec"].get("devices", {}).get("requests") or ():
            if "exactly" in request:
                yield [self._wanted(claim, request["name"], request["exactly"])]
            else:
                choices = request["firstAvailable"] if self._switches.falls_back else request["firstAvailable"][:1]
                yield [self._wanted(claim, f"{request['name']}/{choice['name']}", choice) for choice in choices]

    def _wanted(self, claim: Obj, name: str, form: Obj) -> Wanted:
        found = self._store.get(CLASSES, "", form["deviceClassName"])
        own = form.get("selectors") or () if self._switches.heeds_selectors else ()
        both = [*(dig(found, "spec", "selectors", default=[])), *own]
        config = tuple(
            {"source": "FromClass", "requests": [name], **c} for c in dig(found, "spec", "config", default=[])
        )
        return Wanted(name_of(claim), name, form, tuple(s["cel"]["expression"] for s in both), config)

    def _choose(self, left: list[list[Wanted]], chosen: Chosen, claims: list[Obj]) -> Chosen | None:
        if not left:
            return chosen
        for wanted in left[0]:
            fitting = [c for c in self._all if self._fits(c, wanted)]
            picks: Iterable[list[Candidate]]
            if wanted.form.get("allocationMode") == "All":
                used = {c.key for _, c in chosen} | self._taken
                picks = [fitting] if fitting and all(c.key not in used for c in fitting) else []
            else:
                picks = self._combinations(fitting, wanted, chosen)
            for pick in picks:
                more = [*chosen, *((wanted, candidate) for candidate in pick)]
                if self._constraints_hold(more, claims):
                    found = self._choose(left[1:], more, claims)
                    if found is not None:
                        return found
        return None

    def _combinations(self, fitting: list[Candidate], wanted: Wanted, chosen: Chosen) -> Iterator[list[Candidate]]:
        used = {c.key for _, c in chosen}
        admin = bool(wanted.form.get("adminAccess"))
        free = [c for c in fitting if admin or (c.key not in self._taken and c.key not in used)]
        yield from self._pick(free, wanted.form.get("count", 1), [])

    def _pick(self, free: list[Candidate], count: int, picked: list[Candidate]) -> Iterator[list[Candidate]]:
        if not count:
            yield picked
            return
        for n, candidate in enumerate(free):
            self._tries += 1
            if len(free) - n < count or self._tries > TRIES:
                return
            yield from self._pick(free[n + 1 :], count - 1, [*picked, candidate])

    def _fits(self, candidate: Candidate, wanted: Wanted) -> bool:
        if self._switches.heeds_taints and any(
            not _tolerated(taint, wanted.form.get("tolerations") or []) for taint in self._taints(candidate)
        ):
            return False
        try:
            return self._devices.selected(candidate, wanted.selectors)
        except CelError as wrong:
            words = f"claim {wanted.claim}: selector: {wrong} for device {'/'.join(candidate.key)}"
            raise AbortedError(words) from wrong

    def _taints(self, candidate: Candidate) -> Iterator[Obj]:
        yield from candidate.device.get("taints") or ()
        for rule in self._devices.rules:
            selector = rule.get("deviceSelector") or {}
            names = zip(("driver", "pool", "device"), candidate.key, strict=True)
            if all(selector.get(key) in (None, value) for key, value in names):
                yield rule["taint"]

    def _constraints_hold(self, chosen: Chosen, claims: list[Obj]) -> bool:
        for claim in claims if self._switches.heeds_constraints else ():
            own = [(w, c) for w, c in chosen if w.claim == name_of(claim)]
            for constraint in dig(claim, "spec", "devices", "constraints", default=[]):
                names = constraint.get("requests") or []
                values = [
                    _attribute(c, constraint.get("matchAttribute") or constraint.get("distinctAttribute"))
                    for w, c in own
                    if not names or w.request in names or w.request.partition("/")[0] in names
                ]
                same = (
                    len({str(value) for value in values}) <= 1
                    if constraint.get("matchAttribute")
                    else len(set(map(str, values))) == len(values)
                )
                if None in values or not same:
                    return False
        return True

    def _result(self, claim: Obj, chosen: Chosen) -> Obj:
        own = [(w, c) for w, c in chosen if w.claim == name_of(claim)]
        results = [
            {
                "request": w.request,
                "driver": c.driver,
                "pool": c.pool,
                "device": c.device["name"],
                **({"adminAccess": True} if w.form.get("adminAccess") else {}),
                **({"tolerations": w.form["tolerations"]} if w.form.get("tolerations") else {}),
            }
            for w, c in own
        ]
        devices: Obj = {"results": results}
        config = [c for w in dict.fromkeys(id(w) for w, _ in own) for x, _ in own[:1] if id(x) == w for c in x.config]
        config += [{"source": "FromClaim", **c} for c in dig(claim, "spec", "devices", "config", default=[])]
        if config:
            devices["config"] = config
        field = {"key": "metadata.name", "operator": "In", "values": [name_of(self._node)]}
        return {"devices": devices, "nodeSelector": {"nodeSelectorTerms": [{"matchFields": [field]}]}}


def _tolerated(taint: Obj, tolerations: list[Obj]) -> bool:
    if taint.get("effect") == "None":
        return True
    for toleration in tolerations:
        key = toleration.get("key") in (None, "", taint["key"])
        value = toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", "")
        if key and value and toleration.get("effect") in (None, "", taint["effect"]):
            return True
    return False


def _attribute(candidate: Candidate, name: str | None) -> Any:
    attributes, wanted = candidate.device.get("attributes") or {}, name or ""
    domain, _, short = wanted.rpartition("/")
    found = attributes.get(wanted) or (attributes.get(short) if domain == candidate.driver else None)
    return next(iter(found.values())) if found else None


def usable(claim: Obj, pod_uid: str) -> str:
    """Why an allocated claim cannot be used by another pod, or nothing."""
    if deleting(claim):
        return f'resourceclaim "{name_of(claim)}" is being deleted'
    users = dig(claim, "status", "reservedFor", default=[])
    return "resourceclaim in use" if len(users) >= MOST_USERS and all(u["uid"] != pod_uid for u in users) else ""


def missing_class(store: Store, claim: Obj) -> str:
    """Why a claim that is not allocated cannot be looked at, or nothing."""
    if dig(claim, "status", "allocation"):
        return ""
    for request in dig(claim, "spec", "devices", "requests", default=[]):
        forms = [(request["name"], request["exactly"])] if "exactly" in request else []
        forms += [(f"{request['name']}/{form['name']}", form) for form in request.get("firstAvailable") or ()]
        for name, form in forms:
            if store.get(CLASSES, "", form["deviceClassName"]) is None:
                return f"request {name}: device class {form['deviceClassName']} does not exist"
    return ""
