"""ResourceQuota status: what is used of what is allowed."""

from conformance.simulator.api.admission.quota import measure, written
from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.objects import Obj, dig, name_of, namespace_of
from conformance.simulator.storage import Event


class Quotas(Controller):
    """Keeps ``status.used`` current."""

    def _heard(self, event: Event) -> None:
        for key in self.keys(event):
            self.enqueue(key)

    def keys(self, event: Event) -> list[Key]:
        """The quotas of the namespace in which something came, ended or went."""
        if event.resource == "resourcequotas":
            return [(namespace_of(event.obj), name_of(event.obj))]
        space = namespace_of(event.obj)
        return [(space, name_of(quota)) for quota in self.store.select("resourcequotas", space)] if space else []

    def reconcile(self, namespace: str, name: str) -> None:
        """Write what is used."""
        quota = self.registry.find("resourcequotas", namespace, name)
        if quota is None:
            return
        hard = dig(quota, "spec", "hard", default={})
        used = {key: written(key, amount) for key, amount in measure(self.store, namespace, hard).items()}

        def edit(obj: Obj) -> None:
            obj["status"] = {"hard": hard, "used": used}

        self.registry.change("resourcequotas", namespace, name, edit, sub="status")
