"""What the API server does without a feature of DRA: fields are dropped before anything is validated, expressions do not compile."""

from collections.abc import Iterator

from conformance.simulator import cel
from conformance.simulator.api import errors, gates
from conformance.simulator.api.admission import Request
from conformance.simulator.objects import Obj, dig, name_of

RESOURCES = tuple(
    f"{plural}.resource.k8s.io"
    for plural in ("deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices")
)


def mutate(request: Request) -> None:
    """Drop them, silently as the real server does."""
    gates.drop(request.registry.dra, request.kind.plural, request.obj, request.old)


def validate(request: Request) -> None:
    """Refuse new expressions about fields that devices do not have."""
    if request.registry.dra.consumable_capacity or request.operation == "DELETE":
        return
    before = {expression for _, expression in _expressions(request.old or {})}
    causes = [
        errors.invalid(path, expression, why)
        for path, expression in _expressions(request.obj)
        if expression not in before and (why := cel.undefined(expression, "allowMultipleAllocations"))
    ]
    if causes:
        raise errors.invalid_object(request.kind.group, request.kind.kind, name_of(request.obj), causes)


def _expressions(obj: Obj) -> Iterator[tuple[str, str]]:
    """The selectors of a class, claim or template with their paths."""
    inner = "spec.spec" if dig(obj, "spec", "spec") else "spec"
    spec = dig(obj, *inner.split("."), default={})
    forms = [("spec", spec)]
    for n, request in enumerate(dig(spec, "devices", "requests", default=[])):
        where = f"{inner}.devices.requests[{n}]"
        forms.append((f"{where}.exactly", request.get("exactly") or {}))
        choices = request.get("firstAvailable") or ()
        forms += [(f"{where}.firstAvailable[{m}]", choice) for m, choice in enumerate(choices)]
    for where, form in forms:
        for n, selector in enumerate(form.get("selectors") or ()):
            yield f"{where}.selectors[{n}].cel.expression", dig(selector, "cel", "expression", default="")
