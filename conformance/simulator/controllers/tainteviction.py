"""Device taints: pods whose devices get a NoExecute taint are deleted, and each DeviceTaintRule is told what it does."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from conformance.simulator.api.options import Options
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.objects import Obj, age, condition, dig, name_of, namespace_of, set_condition, thaw, uid_of
from conformance.simulator.placement.devices import CLAIMS, RULES, SLICES
from conformance.simulator.placement.eviction import NO_EXECUTE, Ending, Evictions
from conformance.simulator.placement.pools import gather, selects, taint_rules
from conformance.simulator.storage import Event

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

PERIOD = 10.0
"""Seconds after which the condition of a rule may change again."""
_EVERYBODY: Key = ("", "pods")


class DeviceTaints(Controller):
    """Keys are rules (``rule/NAME``) and all pods at once."""

    watches: ClassVar[tuple[str, ...]] = (RULES, CLAIMS, SLICES)

    def __init__(self, cluster: "Cluster") -> None:
        super().__init__(cluster)
        self._evicted: Counter[str] = Counter()
        """Pods by uid of the rule that ended them."""

    def keys(self, event: Event) -> Iterator[Key]:
        """A rule first, so that it can say how many pods it is going to end."""
        if event.resource == RULES:
            yield "", f"rule/{name_of(event.obj)}"
        yield _EVERYBODY

    def reconcile(self, namespace: str, name: str) -> None:
        """Tell a rule what it does, or end pods."""
        gates = self.cluster.switches.dra
        if not gates.device_taints:
            return
        rules = taint_rules(self.store) if gates.device_taint_rules else []
        if (namespace, name) == _EVERYBODY:
            for ending in Evictions(self.store, rules).endings():
                self._end(ending)
        else:
            for rule in (rule for rule in rules if name == f"rule/{name_of(rule)}"):
                self._tell(rule)

    def _end(self, ending: Ending) -> None:
        left = (ending.when - datetime.now(UTC)).total_seconds()
        if left > 0:
            self.enqueue_later(left, _EVERYBODY)
            return
        pod = ending.pod
        self.cluster.recorder.event(
            pod, "Normal", "DeviceTaintManagerEviction", "Marking for deletion", component="device-taint-eviction"
        )

        def note(obj: Obj) -> None:
            words = "Device Taint manager: deleting due to NoExecute taint"
            set_condition(obj, "DisruptionTarget", "True", reason="DeletionByDeviceTaintManager", message=words)

        self.registry.change("pods", namespace_of(pod), name_of(pod), note, sub="status")
        options = Options(uid=uid_of(pod))
        self.registry.delete(self.registry.kinds.get("pods"), namespace_of(pod), name_of(pod), options)
        self._evicted.update(ending.rules)

    def _tell(self, rule: Obj) -> None:
        """Write the condition ``EvictionInProgress``, not more often than the real controller does."""
        old = condition(rule, "EvictionInProgress")
        effect = rule["spec"]["taint"]["effect"]
        same = old and old.get("observedGeneration") == rule["metadata"]["generation"]
        if old and same and (effect != NO_EXECUTE or age(old["lastTransitionTime"]) < PERIOD):
            return
        status, reason, message = self._said(rule, effect)
        evicted = self._evicted[uid_of(rule)]
        if evicted:
            message += f"{' ' if message else ''}{_counted(evicted, 'pod')} evicted since starting the controller."

        def tell(obj: Obj) -> None:
            fields = {"observedGeneration": rule["metadata"]["generation"], "reason": reason, "message": message}
            set_condition(obj, "EvictionInProgress", status, **fields)

        self.registry.change(RULES, "", name_of(rule), tell, sub="status")
        if status == "True":
            self.enqueue_later(PERIOD, ("", f"rule/{name_of(rule)}"))

    def _said(self, rule: Obj, effect: str) -> tuple[str, str, str]:
        if effect not in ("None", NO_EXECUTE):
            return "False", "OtherEffect", "Eviction only happens for the NoExecute effect."
        pending = self._pending(rule)
        spaces = len({namespace_of(ending.pod) for ending in pending})
        where = "1 namespace" if spaces == 1 else f"{spaces} different namespaces"
        if effect == "None":
            published, held = self._selected(rule)
            shown = (
                f"{_counted(published, 'published device')} selected. {_counted(held, 'allocated device')} selected."
            )
            end = "if the effect was NoExecute. This information will not be updated again. Recreate the DeviceTaintRule to trigger an update."
            return (
                "False",
                "NoEffect",
                f"{shown} {_counted(len(pending), 'pod')} would be evicted in {where} {end}",
            )
        if pending:
            verb = "needs" if len(pending) == 1 else "need"
            words = f"{_counted(len(pending), 'pod')} {verb} to be evicted in {where}."
            return "True", "PodsPendingEviction", words
        return "False", "Completed" if self._evicted[uid_of(rule)] else "NotStarted", ""

    def _pending(self, rule: Obj) -> list[Ending]:
        """Pods that a rule ends, or would end."""
        tried = thaw(rule)
        tried["spec"]["taint"]["effect"] = NO_EXECUTE
        return [e for e in Evictions(self.store, [tried]).endings() if uid_of(rule) in e.rules]

    def _selected(self, rule: Obj) -> tuple[int, int]:
        published = [candidate.key for pool in gather(self.store, []) for candidate in pool.devices]
        held = [
            (result["driver"], result["pool"], result["device"])
            for claim in self.store.select(CLAIMS)
            for result in dig(claim, "status", "allocation", "devices", "results", default=[])
        ]
        published_count, held_count = (
            sum(1 for key in keys if selects(rule["spec"], key)) for keys in (published, held)
        )
        return published_count, held_count


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
