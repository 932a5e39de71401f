"""ResourceQuota: a create that would exceed a namespace's quota is refused; controllers keep ``status.used`` current."""

from fractions import Fraction

from conformance.simulator import podresources
from conformance.simulator.api import errors
from conformance.simulator.api.admission import Request
from conformance.simulator.objects import Obj, dig, finished, name_of
from conformance.simulator.podresources import Amounts
from conformance.simulator.quantities import parse, show, show_bytes
from conformance.simulator.storage import Store

RESOURCES = ("*",)
_COUNTED = (
    "pods",
    "configmaps",
    "secrets",
    "services",
    "persistentvolumeclaims",
    "resourcequotas",
    "replicationcontrollers",
)
_COMPUTE = ("cpu", "memory", "ephemeral-storage")


def usage(resource: str, obj: Obj) -> Amounts:
    """What one object uses up, by quota name."""
    used: Amounts = {f"count/{resource}": Fraction(1)}
    if resource == "pods":
        if finished(obj):
            return used
        wanted, limits = podresources.requests(obj), podresources.requests(obj, "limits")
        used |= {f"requests.{name}": amount for name, amount in wanted.items()}
        used |= {name: wanted[name] for name in _COMPUTE if name in wanted}
        used |= {f"limits.{name}": amount for name, amount in limits.items()}
    if resource in _COUNTED:
        used[resource] = Fraction(1)
    if resource == "resourceclaims.resource.k8s.io":
        used["resourceclaims.resource.k8s.io"] = Fraction(1)
        for request in dig(obj, "spec", "devices", "requests", default=[]):
            exact = request.get("exactly") or {}
            name = f"{exact.get('deviceClassName')}.deviceclass.resource.k8s.io/devices"
            used[name] = used.get(name, Fraction()) + Fraction(exact.get("count", 1))
    return used


def measure(store: Store, namespace: str, hard: Obj) -> Amounts:
    """What a namespace uses of the things that a quota limits."""
    total = {name: Fraction() for name in hard}
    for resource in store.resources():
        for obj in store.select(resource, namespace):
            for name, amount in usage(resource, obj).items():
                if name in total:
                    total[name] += amount
    return total


def written(name: str, amount: Fraction) -> str:
    """An amount as quota status shows it."""
    return show_bytes(amount) if "memory" in name or "storage" in name else show(amount)


def validate(request: Request) -> None:
    """Refuse what does not fit."""
    if not request.creates or not request.namespace:
        return
    resource = request.kind.stored_as
    wanted = usage(resource, request.obj)
    for quota in request.registry.store.select("resourcequotas", request.namespace):
        hard = dig(quota, "spec", "hard", default={})
        if resource == "pods":
            _must_specify(request, quota, hard, wanted)
        used = measure(request.registry.store, request.namespace, hard)
        over = [name for name in sorted(hard) if name in wanted and used[name] + wanted[name] > parse(hard[name])]
        if over:
            parts = (
                ",".join(f"{name}={written(name, wanted[name])}" for name in over),
                ",".join(f"{name}={written(name, used[name])}" for name in over),
                ",".join(f"{name}={hard[name]}" for name in over),
            )
            why = f"exceeded quota: {name_of(quota)}, requested: {parts[0]}, used: {parts[1]}, limited: {parts[2]}"
            raise errors.forbidden(request.kind.resource, name_of(request.obj), why)


def _must_specify(request: Request, quota: Obj, hard: Obj, wanted: Amounts) -> None:
    compute = [n for n in sorted(hard) if n in _COMPUTE or n.partition(".")[2] in _COMPUTE]
    missing = [name for name in compute if name not in wanted]
    if missing:
        containers = ",".join(c["name"] for c in request.obj["spec"]["containers"])
        words = "; ".join(f"{name} for: {containers}" for name in missing)
        raise errors.forbidden("pods", name_of(request.obj), f"failed quota: {name_of(quota)}: must specify {words}")
