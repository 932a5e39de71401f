"""Which taints of devices end pods: those with the effect NoExecute on a device that a pod holds and whose claim does not bear them.

As in the real controller, only a toleration that names the effect itself helps here, though an empty effect lets a claim be
allocated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from conformance.simulator.controllers.resourceclaims import claim_names
from conformance.simulator.objects import Obj, deleting, dig, namespace_of, parse_time, uid_of
from conformance.simulator.placement.devices import CLAIMS, SLICES
from conformance.simulator.placement.pools import Key, Pool, gather, selects
from conformance.simulator.scheduling import tolerates
from conformance.simulator.storage import Store

NO_EXECUTE = "NoExecute"


@dataclass(frozen=True)
class Ending:
    """A pod that has to go."""

    pod: Obj
    when: datetime
    rules: tuple[str, ...] = ()
    """Uids of the rules that are a reason."""


@dataclass(frozen=True)
class _Taint:
    taint: Obj
    rule: Obj | None = None


class Evictions:
    """The taints of one moment."""

    def __init__(self, store: Store, rules: list[Obj]) -> None:
        """``rules`` are the DeviceTaintRules that count."""
        self._store = store
        self._rules = [rule for rule in rules if rule["spec"]["taint"].get("effect") == NO_EXECUTE]
        self._own: dict[Key, list[Obj]] = {}
        for candidate in (candidate for pool in _tainted(store) for candidate in pool.devices):
            taints = [taint for taint in candidate.taints if taint.get("effect") == NO_EXECUTE]
            if taints:
                self._own[candidate.key] = taints

    def endings(self) -> Iterator[Ending]:
        """The pods that have to go, and when."""
        if not self._rules and not self._own:
            return
        for pod in self._store.select("pods"):
            if pod["spec"].get("nodeName") and not deleting(pod):
                times = list(self._times(pod))
                if times:
                    reasons = tuple(dict.fromkeys(uid_of(found.rule) for _, found in times if found.rule))
                    yield Ending(pod, min(when for when, _ in times), reasons)

    def _times(self, pod: Obj) -> Iterator[tuple[datetime, _Taint]]:
        for name in claim_names(pod):
            claim = self._store.get(CLAIMS, namespace_of(pod), name)
            users = dig(claim, "status", "reservedFor", default=[])
            if any(user["uid"] == uid_of(pod) for user in users):
                for result in dig(claim, "status", "allocation", "devices", "results", default=[]):
                    for found in self._taints((result["driver"], result["pool"], result["device"])):
                        when = _when(found.taint, result.get("tolerations") or [])
                        if when:
                            yield when, found

    def _taints(self, key: Key) -> Iterator[_Taint]:
        yield from (_Taint(taint) for taint in self._own.get(key, ()))
        yield from (_Taint(rule["spec"]["taint"], rule) for rule in self._rules if selects(rule["spec"], key))


def _tainted(store: Store) -> list[Pool]:
    """All pools, where any device has a taint: most clusters have none, and this is asked often."""
    slices = (item["spec"].get("devices") or () for item in store.select(SLICES))
    return gather(store, []) if any(device.get("taints") for devices in slices for device in devices) else []


def _when(taint: Obj, tolerations: list[Obj]) -> datetime | None:
    """When a taint ends the holder of a device; None where that bears it for ever."""
    bearing = [t for t in tolerations if t.get("effect") == NO_EXECUTE and tolerates(t, taint)]
    if any(t.get("tolerationSeconds") is None for t in bearing):
        return None
    seconds = min((max(t["tolerationSeconds"], 0) for t in bearing), default=0)
    return parse_time(taint["timeAdded"]) + timedelta(seconds=seconds)
