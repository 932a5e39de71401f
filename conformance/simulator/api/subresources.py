"""Subresources that are not just a part of the object: scale, binding, eviction, finalize, tokens."""

from collections.abc import Callable
from http import HTTPStatus

from conformance.simulator.api import errors
from conformance.simulator.api.options import Options
from conformance.simulator.api.paths import Target
from conformance.simulator.api.registry import Registry
from conformance.simulator.objects import Obj, dig, later, name_of, set_condition, thaw

Action = Callable[[Registry, Target, Obj, Options], Obj]
SUCCESS: Obj = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Success",
    "code": int(HTTPStatus.CREATED),
}
_SCALE_PARTS = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def bind(registry: Registry, target: Target, body: Obj, options: Options) -> Obj:
    """Give a pod its node."""
    node = dig(body, "target", "name", default="")
    pod = thaw(registry.get(target.kind, target.namespace, target.name or name_of(body)))
    if pod["spec"].get("nodeName"):
        why = f'pod {pod["metadata"]["name"]} is already assigned to node "{pod["spec"]["nodeName"]}"'
        raise errors.conflict("pods/binding", name_of(pod), why)
    pod["spec"]["nodeName"] = node
    pods = registry.kinds.get("pods")
    if not options.dry_run:
        place(registry, pods.resource, pod, node)
    return SUCCESS


def place(registry: Registry, resource: str, pod: Obj, node: str) -> None:
    """Write node and PodScheduled in one step, as the binding of the real server does."""

    def edit(obj: Obj) -> None:
        obj["spec"]["nodeName"] = node
        set_condition(
            obj, "PodScheduled", "True", lastProbeTime=None, observedGeneration=obj["metadata"].get("generation", 1)
        )

    current = registry.find(resource, pod["metadata"]["namespace"], name_of(pod))
    if current is not None:
        bound = thaw(current)
        edit(bound)
        registry.store.put(resource, bound)


def evict(registry: Registry, target: Target, body: Obj, options: Options) -> Obj:
    """Delete a pod politely; budgets are not simulated."""
    grace = dig(body, "deleteOptions", "gracePeriodSeconds")
    registry.delete(target.kind, target.namespace, target.name, Options(user=options.user, grace=grace))
    return SUCCESS


def finalize(registry: Registry, target: Target, body: Obj, _options: Options) -> Obj:
    """Write a namespace's finalizers; without any left it goes."""
    current = registry.get(target.kind, "", target.name)
    namespace = thaw(current)
    namespace.setdefault("spec", {})["finalizers"] = dig(body, "spec", "finalizers", default=[])
    if (
        namespace["metadata"].get("deletionTimestamp")
        and not namespace["spec"]["finalizers"]
        and not namespace["metadata"].get("finalizers")
    ):
        return registry.store.remove("namespaces", "", target.name)
    return registry.store.put("namespaces", namespace)


def token(_registry: Registry, _target: Target, body: Obj, _options: Options) -> Obj:
    """A token that no one accepts: nothing in a simulated cluster needs one."""
    seconds = dig(body, "spec", "expirationSeconds", default=3600)
    return {**body, "status": {"token": "simulated", "expirationTimestamp": later(seconds)}}


def scale_of(target: Target, obj: Obj) -> Obj:
    """The Scale of a workload."""
    status = {"replicas": dig(obj, "status", "replicas", default=0)}
    labels = dig(obj, "spec", "selector", "matchLabels", default={})
    if labels:
        status["selector"] = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    meta = {key: obj["metadata"][key] for key in _SCALE_PARTS if key in obj["metadata"]}
    sub = target.kind.subresources["scale"]
    version = f"{sub.get('group', 'autoscaling')}/{sub.get('version', 'v1')}"
    replicas = dig(obj, "spec", "replicas", default=0)
    return {"kind": "Scale", "apiVersion": version, "metadata": meta, "spec": {"replicas": replicas}, "status": status}


def rescale(registry: Registry, target: Target, body: Obj, options: Options) -> Obj:
    """Write the replicas of a workload through its Scale."""
    obj = thaw(registry.get(target.kind, target.namespace, target.name))
    if body.get("metadata", {}).get("resourceVersion"):
        obj["metadata"]["resourceVersion"] = body["metadata"]["resourceVersion"]
    obj["spec"]["replicas"] = int(dig(body, "spec", "replicas", default=0))
    return scale_of(target, registry.update(target.kind, target.namespace, target.name, obj, options))


CREATES: dict[str, Action] = {"binding": bind, "eviction": evict, "token": token}
UPDATES: dict[str, Action] = {"finalize": finalize, "scale": rescale}
