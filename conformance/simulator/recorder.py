"""Events about objects, as kubelet and scheduler write them."""

from conformance.simulator.api.errors import Refused
from conformance.simulator.api.registry import Registry
from conformance.simulator.objects import Obj, dig, micro_stamp, name_of, namespace_of, stamp, suffix, thaw, uid_of


class Recorder:
    """Writes events; the same event again only counts up."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def event(
        self, obj: Obj, kind: str, reason: str, message: str, *, component: str, host: str = "", field: str = ""
    ) -> None:
        """Record something that happened to an object."""
        target = {
            "kind": obj["kind"],
            "namespace": namespace_of(obj),
            "name": name_of(obj),
            "uid": uid_of(obj),
            "apiVersion": obj["apiVersion"],
            "resourceVersion": dig(obj, "metadata", "resourceVersion", default=""),
        }
        if field:
            target["fieldPath"] = field
        if not self._again(target, reason, message):
            self._write(target, kind, reason, message, component, host)

    def _again(self, target: Obj, reason: str, message: str) -> bool:
        for event in self._registry.store.select("events", target["namespace"]):
            same = dig(event, "involvedObject", "uid") == target["uid"] and event.get("reason") == reason
            if same and event.get("message") == message and event.get("count"):
                counted = thaw(event)
                counted.update(count=event["count"] + 1, lastTimestamp=stamp())
                self._registry.store.put("events", counted)
                return True
            if same and event.get("message") == message:
                return True
        return False

    def _write(self, target: Obj, kind: str, reason: str, message: str, component: str, host: str) -> None:
        now = stamp()
        body: Obj = {
            "metadata": {"name": f"{target['name']}.{suffix(16)}", "namespace": target["namespace"] or "default"},
            "involvedObject": target,
            "reason": reason,
            "message": message,
            "type": kind,
            "reportingComponent": component,
        }
        if component == "default-scheduler":
            body.update(
                eventTime=micro_stamp(), action="Scheduling", reportingInstance=f"{component}-simulated", source={}
            )
            body.update(firstTimestamp=None, lastTimestamp=None)
        else:
            source = {"component": component, "host": host} if host else {"component": component}
            body.update(
                source=source, firstTimestamp=now, lastTimestamp=now, count=1, eventTime=None, reportingInstance=host
            )
        try:
            self._registry.create(self._registry.kinds.get("events"), body["metadata"]["namespace"], body)
        except Refused as refused:
            if refused.reason not in ("NotFound", "Forbidden"):
                raise
