"""Rules of resource.k8s.io: what the real server refuses in DRA objects."""

import re
from collections.abc import Iterator
from typing import Any

from conformance.simulator.api.errors import Cause, duplicate, forbidden_field, invalid, required, too_many, unsupported
from conformance.simulator.cel import CelError, compile_selector
from conformance.simulator.kinds.hooks import validates
from conformance.simulator.kinds.rules import label, subdomain
from conformance.simulator.objects import Obj, dig
from conformance.simulator.quantities import parse

_NODES = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
_EFFECTS = ("NoExecute", "NoSchedule", "None")
_MODES = ("All", "ExactCount")
_VALUES = ("bool", "bools", "int", "ints", "string", "strings", "version", "versions")
_VERSION = re.compile(r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$")
_MOST, _MOST_DEVICES, _MOST_CHOICES, _DRIVER_ROOM, _TEXT_ROOM, _CEL_ROOM = 32, 128, 8, 63, 64, 10 * 1024


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
        yield from _driver(opaque.get("driver"), f"{path}.config[{n}].opaque.driver")
        if not isinstance(opaque.get("parameters"), dict):
            yield required(f"{path}.config[{n}].opaque.parameters")


def _driver(name: Any, path: str) -> Iterator[Cause]:
    if not name:
        yield required(path)
    elif len(name) > _DRIVER_ROOM:
        yield Cause("FieldValueTooLong", path, f"Too long: may not be more than {_DRIVER_ROOM} bytes")
    else:
        yield from subdomain(path, name)


@validates("deviceclasses.resource.k8s.io")
def device_class(obj: Obj, _old: Obj | None) -> list[Cause]:
    """Selectors compile, configurations name their driver."""
    spec = obj.get("spec") or {}
    causes = [*_selectors(spec, "spec"), *_configs(spec, "spec")]
    name = spec.get("extendedResourceName")
    if name and "/" not in name:
        causes.append(invalid("spec.extendedResourceName", name, "must be a valid extended resource name"))
    return causes


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
        if toleration.get("effect") and toleration["effect"] not in _EFFECTS:
            yield unsupported(f"{path}.tolerations[{n}].effect", toleration["effect"], _EFFECTS)
        if toleration.get("operator") not in ("Exists", "Equal"):
            yield unsupported(f"{path}.tolerations[{n}].operator", toleration.get("operator"), ("Equal", "Exists"))


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
            yield duplicate(where, name)
        seen.append(name)
        exactly, choices = request.get("exactly"), request.get("firstAvailable") or []
        if isinstance(exactly, dict) == bool(choices):
            words = "exactly one of `exactly` or `firstAvailable` is required"
            yield invalid(where, None, f"{words}, but multiple fields are set") if choices else required(where, words)
        elif choices:
            if len(choices) > _MOST_CHOICES:
                yield too_many(f"{where}.firstAvailable", len(choices), _MOST_CHOICES)
            for m, choice in enumerate(choices):
                yield from _form(choice, f"{where}.firstAvailable[{m}]")
        elif isinstance(exactly, dict):
            yield from _form(exactly, f"{where}.exactly")
    yield from _references(devices, seen, path)


def _references(devices: Obj, names: list[str], path: str) -> Iterator[Cause]:
    for list_name in ("constraints", "config"):
        for n, item in enumerate(devices.get(list_name) or ()):
            for m, name in enumerate(item.get("requests") or ()):
                if name.partition("/")[0] not in names:
                    words = "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
                    yield invalid(f"{path}.{list_name}[{n}].requests[{m}]", name, words)
    for n, constraint in enumerate(devices.get("constraints") or ()):
        if not constraint.get("matchAttribute") and not constraint.get("distinctAttribute"):
            yield required(f"{path}.constraints[{n}].matchAttribute")


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


@validates("resourceslices.resource.k8s.io")
def resource_slice(obj: Obj, old: Obj | None) -> list[Cause]:
    """A pool with a name, nodes told in one way, devices that are well described."""
    spec = obj.get("spec") or {}
    pool = spec.get("pool") or {}
    causes = list(_driver(spec.get("driver"), "spec.driver"))
    if not pool.get("name"):
        causes.append(required("spec.pool.name"))
    else:
        causes += [cause for part in pool["name"].split("/") for cause in subdomain("spec.pool.name", part)]
    if pool.get("resourceSliceCount", 0) <= 0:
        causes.append(
            invalid("spec.pool.resourceSliceCount", pool.get("resourceSliceCount", 0), "must be greater than zero")
        )
    if pool.get("generation", 0) < 0:
        causes.append(invalid("spec.pool.generation", pool["generation"], "must be greater than or equal to zero"))
    given = [name for name in _NODES if spec.get(name)]
    words = f"exactly one of `{'`, `'.join(_NODES)}` is required"
    if not given:
        causes.append(required("spec", words))
    elif len(given) > 1:
        causes.append(
            invalid(
                "spec", "{" + ", ".join(f"`{name}`" for name in given) + "}", f"{words}, but multiple fields are set"
            )
        )
    if old is not None:
        for name, before in (("driver", old["spec"].get("driver")), ("nodeName", old["spec"].get("nodeName"))):
            if spec.get(name) != before:
                causes.append(invalid(f"spec.{name}", spec.get(name), "field is immutable"))
    return causes + list(_devices(spec.get("devices") or []))


def _devices(devices: list[Obj]) -> Iterator[Cause]:
    if len(devices) > _MOST_DEVICES:
        yield too_many("spec.devices", len(devices), _MOST_DEVICES)
    seen: set[str] = set()
    for n, device in enumerate(devices):
        path, name = f"spec.devices[{n}]", device.get("name", "")
        yield from label(f"{path}.name", name) if name else ()
        if name in seen:
            yield duplicate(f"{path}.name", name)
        seen.add(name)
        for key, value in (device.get("attributes") or {}).items():
            yield from _attribute(value, f"{path}.attributes[{key}]")
        for key, value in (device.get("capacity") or {}).items():
            try:
                parse(value.get("value"))
            except ValueError:
                yield invalid(f"{path}.capacity[{key}].value", value.get("value"), "must be a quantity")
        for m, taint in enumerate(device.get("taints") or ()):
            yield from _taint(taint, f"{path}.taints[{m}]")


def _attribute(value: Obj, path: str) -> Iterator[Cause]:
    given = [name for name in _VALUES if name in value]
    if len(given) != 1:
        words = f"exactly one of `{'`, `'.join(_VALUES)}` is required"
        yield required(path, words) if not given else invalid(path, value, f"{words}, but multiple fields are set")
    elif "version" in value and not _VERSION.match(value["version"]):
        yield invalid(f"{path}.version", value["version"], "must be a string compatible with semver.org spec 2.0.0")
    elif len(str(value.get("string", ""))) > _TEXT_ROOM:
        yield Cause("FieldValueTooLong", f"{path}.string", f"Too long: may not be more than {_TEXT_ROOM} bytes")


def _taint(taint: Obj, path: str) -> Iterator[Cause]:
    if not taint.get("key"):
        yield required(f"{path}.key")
    if not taint.get("effect"):
        yield required(f"{path}.effect")
    elif taint["effect"] not in _EFFECTS:
        yield unsupported(f"{path}.effect", taint["effect"], _EFFECTS)


@validates("devicetaintrules.resource.k8s.io")
def device_taint_rule(obj: Obj, _old: Obj | None) -> list[Cause]:
    """A taint with one of the three effects."""
    taint = dig(obj, "spec", "taint")
    return list(_taint(taint, "spec.taint")) if isinstance(taint, dict) else [required("spec.taint")]
