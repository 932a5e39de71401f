"""Rules of resource.k8s.io: what the real server refuses in DRA objects."""

import re
from collections.abc import Iterator
from typing import Any

from conformance.simulator.api.errors import Cause, duplicate, forbidden_field, invalid, required, too_many, unsupported
from conformance.simulator.cel import CelError, compile_selector
from conformance.simulator.kinds.hooks import validates
from conformance.simulator.kinds.rules import label, label_key, label_value, subdomain
from conformance.simulator.objects import Obj, dig

_EFFECTS = ("NoExecute", "NoSchedule", "None")
_MODES = ("All", "ExactCount")
_ID_ROOM = 32
_IDENTIFIER = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_IDENTIFIER_WORDS = (
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' "
    "(e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')"
)
_MOST, _MOST_CHOICES, _DRIVER_ROOM, _CEL_ROOM = 32, 8, 63, 10 * 1024


def _selectors(form: Obj, path: str) -> Iterator[Cause]:
    selectors = form.get("selectors") or []
    if len(selectors) > _MOST:
        yield too_many(f"{path}.selectors", len(selectors), _MOST)
    for n, selector in enumerate(selectors):
        where = f"{path}.selectors[{n}].cel"
        expression = dig(selector, "cel", "expression")
        if not isinstance(selector.get("cel"), dict):
            yield required(where)
        elif not expression:
            yield required(f"{where}.expression")
        elif len(expression) > _CEL_ROOM:
            yield Cause("FieldValueTooLong", f"{where}.expression", f"Too long: may not be more than {_CEL_ROOM} bytes")
        else:
            try:
                compile_selector(expression)
            except CelError as wrong:
                yield invalid(f"{where}.expression", expression, str(wrong))


def _configs(holder: Obj, path: str) -> Iterator[Cause]:
    for n, config in enumerate(holder.get("config") or ()):
        opaque = config.get("opaque")
        if not isinstance(opaque, dict):
            yield required(f"{path}.config[{n}].opaque")
            continue
        yield from driver_causes(opaque.get("driver"), f"{path}.config[{n}].opaque.driver")
        if not isinstance(opaque.get("parameters"), dict):
            yield required(f"{path}.config[{n}].opaque.parameters")


def driver_causes(name: Any, path: str) -> Iterator[Cause]:
    """The name of a driver is a short DNS subdomain."""
    if not name:
        yield required(path)
    elif len(name) > _DRIVER_ROOM:
        yield Cause("FieldValueTooLong", path, f"Too long: may not be more than {_DRIVER_ROOM} bytes")
    else:
        yield from subdomain(path, name)


def qualified(name: str, path: str) -> Iterator[Cause]:
    """The name of an attribute or capacity: a C identifier, with or without a domain."""
    domain, slash, short = name.rpartition("/")
    if slash:
        yield from driver_causes(domain, path) if domain else [invalid(path, "", "the domain must not be empty")]
    if slash and not short:
        yield invalid(path, "", "the name must not be empty")
    elif len(short) > _ID_ROOM:
        yield Cause("FieldValueTooLong", path, f"Too long: may not be more than {_ID_ROOM} bytes")
    elif not _IDENTIFIER.match(short):
        yield invalid(path, short, _IDENTIFIER_WORDS)


@validates("deviceclasses.resource.k8s.io")
def device_class(obj: Obj, _old: Obj | None) -> list[Cause]:
    """Selectors compile, configurations name their driver."""
    spec = obj.get("spec") or {}
    causes = [*_selectors(spec, "spec"), *_configs(spec, "spec")]
    if spec.get("extendedResourceName") is not None:
        causes += _extended_resource(spec["extendedResourceName"], "spec.extendedResourceName")
    return causes


def _extended_resource(name: str, path: str) -> Iterator[Cause]:
    if "/" not in name:
        yield invalid(path, name, "a name must be a domain-prefixed path, such as 'example.com/my-prop'")
    elif "kubernetes.io/" in name:
        yield invalid(path, name, 'must not have "kubernetes.io/" domain')
    elif name.startswith("requests."):
        yield invalid(path, name, 'must not have "requests." prefix')
    else:
        yield from label_key(path, name)


def _form(form: Obj, path: str) -> Iterator[Cause]:
    if not form.get("deviceClassName"):
        yield required(f"{path}.deviceClassName")
    else:
        yield from subdomain(f"{path}.deviceClassName", form["deviceClassName"])
    yield from _selectors(form, path)
    mode, count = form.get("allocationMode", "ExactCount"), form.get("count", 0)
    if mode not in _MODES:
        yield unsupported(f"{path}.allocationMode", mode, _MODES)
    elif mode == "All" and count:
        yield invalid(f"{path}.count", count, "must not be specified when allocationMode is 'All'")
    elif mode == "ExactCount" and count <= 0:
        yield invalid(f"{path}.count", count, "must be greater than zero")
    for n, toleration in enumerate(form.get("tolerations") or ()):
        yield from _toleration(toleration, f"{path}.tolerations[{n}]")


def _toleration(toleration: Obj, path: str) -> Iterator[Cause]:
    value, operator = toleration.get("value", ""), toleration.get("operator")
    if toleration.get("key"):
        yield from label_key(f"{path}.key", toleration["key"])
    if operator == "Exists" and value:
        yield invalid(f"{path}.value", value, "must be empty for operator `Exists`")
    elif operator == "Equal":
        yield from label_value(f"{path}.value", value)
    elif operator != "Exists":
        yield unsupported(f"{path}.operator", operator, ("Equal", "Exists"))
    if toleration.get("effect") and toleration["effect"] not in _EFFECTS:
        yield unsupported(f"{path}.effect", toleration["effect"], _EFFECTS)


def _requests(devices: Obj, path: str) -> Iterator[Cause]:
    requests = devices.get("requests") or []
    if len(requests) > _MOST:
        yield too_many(f"{path}.requests", len(requests), _MOST)
    seen: list[str] = []
    for n, request in enumerate(requests):
        where, name = f"{path}.requests[{n}]", request.get("name", "")
        if name:
            yield from label(f"{where}.name", name)
        if name in seen:
            yield duplicate(where, request)
        seen.append(name)
        exactly, choices = request.get("exactly"), request.get("firstAvailable") or []
        if isinstance(exactly, dict) == bool(choices):
            words = "exactly one of `exactly` or `firstAvailable` is required"
            yield invalid(where, None, f"{words}, but multiple fields are set") if choices else required(where, words)
        elif choices:
            if len(choices) > _MOST_CHOICES:
                yield too_many(f"{where}.firstAvailable", len(choices), _MOST_CHOICES)
            yield from _choices(choices, f"{where}.firstAvailable")
        elif isinstance(exactly, dict):
            yield from _form(exactly, f"{where}.exactly")
    yield from _references(devices, path)


def _choices(choices: list[Obj], path: str) -> Iterator[Cause]:
    seen: list[Any] = []
    for n, choice in enumerate(choices):
        if choice.get("name"):
            yield from label(f"{path}[{n}].name", choice["name"])
        if choice.get("name") in seen:
            yield duplicate(f"{path}[{n}]", choice)
        seen.append(choice.get("name"))
        yield from _form(choice, f"{path}[{n}]")


def _references(devices: Obj, path: str) -> Iterator[Cause]:
    """What constraints and configurations say about requests and their alternatives."""
    names: set[str] = set()
    for request in devices.get("requests") or ():
        names |= {request.get("name", "")}
        names |= {f"{request.get('name')}/{choice.get('name')}" for choice in request.get("firstAvailable") or ()}
    words = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
    for list_name in ("constraints", "config"):
        for n, item in enumerate(devices.get(list_name) or ()):
            given = item.get("requests") or []
            for m, name in enumerate(given):
                where = f"{path}.{list_name}[{n}].requests[{m}]"
                if name not in names:
                    yield invalid(where, name, words)
                if name in given[:m]:
                    yield duplicate(where, name)
    for n, constraint in enumerate(devices.get("constraints") or ()):
        yield from _constraint(constraint, f"{path}.constraints[{n}]")


def _constraint(constraint: Obj, path: str) -> Iterator[Cause]:
    kind = next((kind for kind in ("matchAttribute", "distinctAttribute") if constraint.get(kind) is not None), "")
    if not kind:
        words = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set'
        yield required(path, words)
        return
    name = constraint[kind]
    yield from qualified(name, f"{path}.{kind}")
    if "/" not in name:
        yield invalid(f"{path}.{kind}", name, "a fully qualified name must be a domain and a name separated by a slash")


def _claim_spec(spec: Obj, path: str) -> Iterator[Cause]:
    devices = spec.get("devices") or {}
    yield from _requests(devices, f"{path}.devices")
    yield from _configs(devices, f"{path}.devices")


@validates("resourceclaims.resource.k8s.io")
def resource_claim(obj: Obj, old: Obj | None) -> list[Cause]:
    """The spec makes sense and stays; an allocation stays while it is there."""
    if old is None:
        return list(_claim_spec(obj.get("spec") or {}, "spec"))
    causes = []
    if obj.get("spec") != old.get("spec"):
        causes.append(invalid("spec", None, "field is immutable"))
    before, after = dig(old, "status", "allocation"), dig(obj, "status", "allocation")
    if before and after and before != after:
        causes.append(invalid("status.allocation", after, "field is immutable"))
    if dig(obj, "status", "reservedFor") and not after:
        causes.append(forbidden_field("status.reservedFor", "may not be specified when `allocated` is not set"))
    return causes


@validates("resourceclaimtemplates.resource.k8s.io")
def resource_claim_template(obj: Obj, old: Obj | None) -> list[Cause]:
    """As a claim."""
    if old is not None and obj.get("spec") != old.get("spec"):
        return [invalid("spec", None, "field is immutable")]
    return list(_claim_spec(dig(obj, "spec", "spec", default={}), "spec.spec"))


def taint_causes(taint: Obj, path: str) -> Iterator[Cause]:
    """A taint has a key and one of the three effects."""
    yield from label_key(f"{path}.key", taint.get("key", ""))
    yield from label_value(f"{path}.value", taint.get("value", ""))
    if not taint.get("effect"):
        yield required(f"{path}.effect")
    elif taint["effect"] not in _EFFECTS:
        yield unsupported(f"{path}.effect", taint["effect"], _EFFECTS)


@validates("devicetaintrules.resource.k8s.io")
def device_taint_rule(obj: Obj, _old: Obj | None) -> list[Cause]:
    """A selector with names that can be, a taint with one of the three effects."""
    selector = dig(obj, "spec", "deviceSelector", default={})
    causes = list(driver_causes(selector["driver"], "spec.deviceSelector.driver")) if selector.get("driver") else []
    for part in selector["pool"].split("/") if selector.get("pool") else ():
        causes += subdomain("spec.deviceSelector.pool", part)
    causes += label("spec.deviceSelector.device", selector["device"]) if selector.get("device") else []
    return [*causes, *taint_causes(dig(obj, "spec", "taint", default={}), "spec.taint")]
