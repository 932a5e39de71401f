"""Device taint rules: each is told once what it selects, as the real controller tells it; nobody is evicted here."""

from typing import ClassVar

from conformance.simulator.controllers.base import Controller
from conformance.simulator.objects import Obj, condition, dig, set_condition
from conformance.simulator.placement.devices import CLAIMS, SLICES
from conformance.simulator.placement.pools import selects

_RULES = "devicetaintrules.resource.k8s.io"


class DeviceTaintRules(Controller):
    """Writes the condition ``EvictionInProgress`` of a rule."""

    watches: ClassVar[tuple[str, ...]] = (_RULES,)

    def reconcile(self, _namespace: str, name: str) -> None:
        """Tell a rule what it selects; the real controller does not come back to it either."""
        rule = self.registry.find(_RULES, "", name)
        if rule is None or condition(rule, "EvictionInProgress"):
            return
        effect = rule["spec"]["taint"]["effect"]
        reason = "NoEffect" if effect == "None" else "Completed" if effect == "NoExecute" else f"Effect{effect}"
        message = self._selected(rule) if effect == "None" else "Eviction only happens for the NoExecute effect."
        generation = rule["metadata"]["generation"]

        def tell(obj: Obj) -> None:
            fields = {"observedGeneration": generation, "reason": reason, "message": message}
            set_condition(obj, "EvictionInProgress", "False", **fields)

        self.registry.change(_RULES, "", name, tell, sub="status")

    def _selected(self, rule: Obj) -> str:
        published = [
            (item["spec"]["driver"], item["spec"]["pool"]["name"], device["name"])
            for item in self.store.select(SLICES)
            for device in item["spec"].get("devices") or ()
        ]
        held = [
            (result["driver"], result["pool"], result["device"])
            for claim in self.store.select(CLAIMS)
            for result in dig(claim, "status", "allocation", "devices", "results", default=[])
        ]
        counts = [sum(1 for names in group if selects(rule["spec"], names)) for group in (published, held)]
        shown = [
            f"{count} {sort} device{'' if count == 1 else 's'} selected."
            for count, sort in zip(counts, ("published", "allocated"), strict=True)
        ]
        end = "if the effect was NoExecute. This information will not be updated again. Recreate the DeviceTaintRule to trigger an update."
        return f"{' '.join(shown)} 0 pods would be evicted in 0 different namespaces {end}"
