"""Device allocation: which devices satisfy the claims of a pod on one node, by the rules of DRA and with real CEL.

The search is that of Kubernetes: claims, requests and devices in order, one device after the other, back where it leads nowhere,
and the first solution wins.
"""

from collections.abc import Iterator
from typing import TypeVar
from zlib import crc32

from conformance.simulator.cel import CelError
from conformance.simulator.objects import Obj, deleting, dig, name_of, namespace_of, new_uid
from conformance.simulator.placement import capacity
from conformance.simulator.placement.constraints import Constraint
from conformance.simulator.placement.devices import CLASSES, Devices
from conformance.simulator.placement.pools import Candidate, Key
from conformance.simulator.placement.results import Pick, Wanted, allocation
from conformance.simulator.storage import Store

T = TypeVar("T")
MOST_USERS = 256
"""Pods that may use one claim."""
MOST_RESULTS = 32
"""Devices that one claim may hold."""
TRIES = 100_000
"""Devices tried for one node before giving up."""


class CannotAllocateError(Exception):
    """The claims do not fit on this node; the text is the reason in the scheduler's message."""

    def __init__(self, why: str = "cannot allocate all claims") -> None:
        super().__init__(why)


class AbortedError(Exception):
    """Scheduling of the pod is given up: claim, class or pool make it impossible to say what fits."""

    def __init__(self, why: str) -> None:
        super().__init__(f'running "DynamicResources" filter plugin: {why}')


class Allocator:
    """Allocates claims on one node."""

    def __init__(self, store: Store, node: Obj, devices: Devices | None = None) -> None:
        self._store, self._node = store, node
        self._devices = devices or Devices(store)
        self._near = self._devices.near(node)
        self._switches = self._devices.switches
        self._use = self._devices.use.copy()
        self._picks: list[Pick] = []
        self._trying: dict[Key, list[int]] = {}
        """Claims that are given a device as a whole, or look on, in this attempt."""
        self._requests: list[list[Wanted]] = []
        self._constraints: list[list[Constraint]] = []
        self._all: dict[tuple[int, str], list[Candidate]] = {}
        self._tries = 0

    def allocate(self, claims: list[Obj]) -> dict[str, Obj]:
        """Allocation results by claim name; ``CannotAllocateError`` where they do not all fit."""
        for index, claim in enumerate(claims):
            own = list(self._forms(claim, index))
            self._check_size(own)
            self._requests += own
            given = dig(claim, "spec", "devices", "constraints", default=[])
            lenient, heeded = self._switches.missing_attributes_match, self._switches.heeds_constraints
            self._constraints.append([Constraint(c, lenient=lenient) for c in given] if heeded else [])
        if not self._request(0):
            raise (
                CannotAllocateError("invalid resource pools were encountered")
                if self._near.invalid
                else (CannotAllocateError())
            )
        return self._results(claims)

    def force(self, claims: list[Obj]) -> dict[str, Obj]:
        """What a broken allocator writes: devices that are taken, whatever was asked for."""
        if not self._near.devices:
            raise CannotAllocateError
        for index, claim in enumerate(claims):
            for forms in self._forms(claim, index):
                for n in range(min(forms[0].count, MOST_RESULTS)):
                    self._picks.append(_pick(forms[0], self._near.devices[n % len(self._near.devices)]))
        return self._results(claims)

    def _results(self, claims: list[Obj]) -> dict[str, Obj]:
        return {
            name_of(claim): allocation(claim, [p for p in self._picks if p.wanted.index == index], self._node)
            for index, claim in enumerate(claims)
        }

    def _forms(self, claim: Obj, index: int) -> Iterator[list[Wanted]]:
        """Each request in its forms."""
        for request in dig(claim, "spec", "devices", "requests", default=[]):
            forms = forms_of(request)
            if not forms:
                where = f"claim {namespace_of(claim)}/{name_of(claim)}, request {request.get('name', '')}"
                raise AbortedError(f"{where}: missing device class name (unsupported request type?)")
            yield [
                Wanted(claim, index, name, form, self._store.get(CLASSES, "", form.get("deviceClassName", "")) or {})
                for name, form in self._in_order(name_of(claim), forms)
            ]

    def _in_order(self, claim: str, forms: list[T]) -> list[T]:
        """The alternatives of a request as they are tried for a claim of this name."""
        if self._switches.alternatives == "first_only":
            return forms[:1]
        backwards = self._switches.alternatives == "any_order" and crc32(claim.encode()) >> 3 & 1
        return forms[::-1] if backwards else forms

    def _check_size(self, requests: list[list[Wanted]]) -> None:
        """Find out how much "all" is, and refuse what no result can hold."""
        total = 0
        for forms in requests:
            least = min(len(self._matching(w)) if w.everything else w.count for w in forms)
            if total + least > MOST_RESULTS:
                words = f"adding {least} devices exceeds the claim limit of {MOST_RESULTS}, with {total} already accounted for"
                name = forms[0].request.partition("/")[0]
                raise AbortedError(f"claim {forms[0].label}, request {name}: {words}")
            total += least

    def _matching(self, wanted: Wanted) -> list[Candidate]:
        """All devices that a request for all means, whoever holds them."""
        where = f"claim {wanted.label}, request {wanted.request.rpartition('/')[2]}: asks for all devices, but resource pool"
        for names, state in ((self._near.incomplete, "being updated"), (self._near.invalid, "invalid")):
            if names:
                raise AbortedError(f"{where} {names[0]} is currently {state}")
        found = [c for c in self._near.devices if self._selected(c, wanted) and self._roomy(c, wanted, {})]
        self._all[wanted.index, wanted.request] = found
        return found

    def _request(self, n: int) -> bool:
        """Satisfy the n-th request and all after it."""
        if n == len(self._requests):
            return True
        for wanted in self._requests[n]:
            held = sum(1 for pick in self._picks if pick.wanted.index == wanted.index)
            if wanted.everything:
                matching = self._all[wanted.index, wanted.request]
                if matching and held + len(matching) <= MOST_RESULTS and self._fill(n, wanted, matching, len(matching)):
                    return True
            elif held + wanted.count <= MOST_RESULTS:
                open_ones = [c for c in self._near.devices if not self._busy(c, wanted)]
                if self._fill(n, wanted, open_ones, wanted.count):
                    return True
        return False

    def _fill(self, n: int, wanted: Wanted, devices: list[Candidate], left: int) -> bool:
        """Choose so many of the devices; in their order, because no other order gives another set."""
        if not left:
            return self._request(n + 1)
        for position, candidate in enumerate(devices):
            if len(devices) - position < left:
                return False
            self._tries += 1
            if self._tries > TRIES:
                raise AbortedError(f"node {name_of(self._node)}: timed out trying to allocate devices")
            pick = self._take(wanted, candidate)
            if pick is None:
                continue
            if self._fill(n, wanted, devices[position + 1 :], left - 1):
                return True
            self._give_back(pick)
        return False

    def _busy(self, candidate: Candidate, wanted: Wanted) -> bool:
        """Whether a device is in use: for one who only looks on, by the claim itself."""
        trying = self._trying.get(candidate.key, [])
        if wanted.admin:
            return not candidate.shared and wanted.index in trying
        return self._use.whole(candidate.key) or bool(trying)

    def _take(self, wanted: Wanted, candidate: Candidate) -> Pick | None:
        """Choose a device where nothing speaks against it."""
        if self._busy(candidate, wanted) or not (wanted.everything or self._selected(candidate, wanted)):
            return None
        if not self._roomy(candidate, wanted, self._use.capacity(candidate.key)) or not self._countable(candidate):
            return None
        if self._switches.heeds_taints and any(not _tolerated(t, wanted.form) for t in candidate.taints):
            return None
        if not self._agrees(wanted, candidate):
            if wanted.everything:
                words = f"cannot add device {candidate.label} because a claim constraint would not be satisfied"
                raise AbortedError(f"claim {wanted.label}, request {wanted.request.rpartition('/')[2]}: {words}")
            return None
        pick = _pick(wanted, candidate)
        self._picks.append(pick)
        self._use.hold(candidate, pick.consumed if pick.share else None)
        if not pick.share:
            self._trying.setdefault(candidate.key, []).append(wanted.index)
        return pick

    def _give_back(self, pick: Pick) -> None:
        self._picks.remove(pick)
        self._use.release(pick.candidate, pick.consumed if pick.share else None)
        if not pick.share:
            self._trying[pick.candidate.key].remove(pick.wanted.index)
        for constraint in self._constraints[pick.wanted.index]:
            constraint.remove(pick.wanted.request)

    def _agrees(self, wanted: Wanted, candidate: Candidate) -> bool:
        added: list[Constraint] = []
        for constraint in self._constraints[wanted.index]:
            if not constraint.add(wanted.request, candidate):
                for one in added:
                    one.remove(wanted.request)
                return False
            added.append(constraint)
        return True

    def _roomy(self, candidate: Candidate, wanted: Wanted, used: capacity.Amounts) -> bool:
        if not self._switches.heeds_capacity:
            return capacity.has_names(candidate.device, wanted.form)
        return capacity.fits(candidate.device, wanted.form, used)

    def _countable(self, candidate: Candidate) -> bool:
        """Whether the counters of its pool suffice; another share of a device in use needs none."""
        counted = candidate.shared and self._use.shared(candidate.key)
        if counted or not candidate.consumes or not self._switches.heeds_counters:
            return True
        return self._use.enough(self._devices.pool(candidate), candidate)

    def _selected(self, candidate: Candidate, wanted: Wanted) -> bool:
        """Whether the selectors of the class and of the request take a device."""
        found = wanted.device_class
        asked = wanted.form.get("selectors") or [] if self._switches.heeds_selectors else []
        groups = ((f"class {name_of(found)}" if found else "", dig(found, "spec", "selectors", default=[])),)
        for owner, selectors in (*groups, (f"claim {wanted.label}", asked)):
            for n, selector in enumerate(selectors):
                try:
                    if not self._devices.selected(candidate, selector["cel"]["expression"]):
                        return False
                except CelError as wrong:
                    raise AbortedError(f"{owner}: selector #{n} {wrong}") from wrong
        return True


def _pick(wanted: Wanted, candidate: Candidate) -> Pick:
    if not candidate.shared:
        return Pick(wanted, candidate)
    return Pick(wanted, candidate, new_uid(), capacity.consumed(candidate.device, wanted.form))


def _tolerated(taint: Obj, form: Obj) -> bool:
    if taint.get("effect") not in ("NoSchedule", "NoExecute"):
        return True
    return any(tolerates(toleration, taint) for toleration in form.get("tolerations") or ())


def tolerates(toleration: Obj, taint: Obj) -> bool:
    """Whether a toleration is about a taint."""
    key = toleration.get("key") in (None, "", taint["key"])
    value = toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get("value", "")
    return key and value and toleration.get("effect") in (None, "", taint["effect"])


def forms_of(request: Obj) -> list[tuple[str, Obj]]:
    """The forms of a request, with the names that results give them."""
    name = request.get("name", "")
    if "exactly" in request:
        return [(name, request["exactly"])]
    return [(f"{name}/{choice.get('name', '')}", choice) for choice in request.get("firstAvailable") or ()]


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
        for name, form in forms_of(request):
            if store.get(CLASSES, "", form.get("deviceClassName", "")) is None:
                return f"request {name}: device class {form.get('deviceClassName', '')} does not exist"
    return ""
