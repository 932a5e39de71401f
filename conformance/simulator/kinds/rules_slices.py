"""Rules of ResourceSlices: what the real server refuses in pools, devices and counters."""

import re
from collections.abc import Iterator
from typing import Any

from conformance.simulator.api.errors import Cause, duplicate, forbidden_field, invalid, required, too_many
from conformance.simulator.kinds.hooks import validates
from conformance.simulator.kinds.policies import policy_causes
from conformance.simulator.kinds.rules import label, subdomain
from conformance.simulator.kinds.rules_resource import driver_causes, qualified, taint_causes
from conformance.simulator.objects import Obj, dig

_NODES = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
_VALUES = ("int", "bool", "string", "version", "ints", "bools", "strings", "versions")
_VERSION = re.compile(r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$")
_TEXT_ROOM = 64
_MOST_DEVICES, _MOST_ADVANCED, _MOST_SETS, _MOST_COUNTERS, _MOST_CONSUMED, _MOST_VALUES, _MOST_TAINTS = (
    128,
    64,
    8,
    32,
    2,
    32,
    16,
)


@validates("resourceslices.resource.k8s.io")
def resource_slice(obj: Obj, old: Obj | None) -> list[Cause]:
    """A pool with a name, nodes told in one way, devices or counters that are well described."""
    spec = obj.get("spec") or {}
    causes = [*driver_causes(spec.get("driver"), "spec.driver"), *_pool(spec.get("pool") or {})]
    if old is not None:
        causes += [
            invalid(f"spec.{'.'.join(path)}", dig(spec, *path), "field is immutable")
            for path in (("pool", "name"), ("driver",), ("nodeName",))
            if dig(spec, *path) != dig(old["spec"], *path)
        ]
    causes += _nodes(spec)
    if spec.get("sharedCounters") is not None and spec.get("devices") is not None:
        causes.append(invalid("spec", "", "only one of `sharedCounters` or `devices` is allowed"))
    before = {device.get("name"): device for device in dig(old, "spec", "devices", default=[])}
    return [*causes, *_devices(spec, before), *_counter_sets(spec.get("sharedCounters") or [])]


def _pool(pool: Obj) -> Iterator[Cause]:
    if not pool.get("name"):
        yield required("spec.pool.name")
    else:
        for part in pool["name"].split("/"):
            yield from subdomain("spec.pool.name", part)
    if pool.get("resourceSliceCount", 0) <= 0:
        yield invalid("spec.pool.resourceSliceCount", pool.get("resourceSliceCount", 0), "must be greater than zero")
    if pool.get("generation", 0) < 0:
        yield invalid("spec.pool.generation", pool["generation"], "must be greater than or equal to zero")


def _nodes(spec: Obj) -> Iterator[Cause]:
    given = [name for name in _NODES if spec.get(name) not in (None, "", False)]
    if spec.get("nodeName") == "":
        yield invalid("spec.nodeName", "", "must be either unset or set to a non-empty string")
    for name in ("allNodes", "perDeviceNodeSelection"):
        if spec.get(name) is False:
            yield invalid(f"spec.{name}", False, "must be either unset or set to true")
    terms = dig(spec, "nodeSelector", "nodeSelectorTerms", default=[])
    if spec.get("nodeSelector") is not None and len(terms) != 1:
        yield invalid("spec.nodeSelector.nodeSelectorTerms", terms, "must have exactly one node selector term")
    words = f"exactly one of `{'`, `'.join(_NODES)}` is required"
    if not given:
        yield required("spec", words)
    elif len(given) > 1:
        listed = "{" + ", ".join(f"`{name}`" for name in given) + "}"
        yield invalid("spec", listed, f"{words}, but multiple fields are set")


def _devices(spec: Obj, before: dict[Any, Obj]) -> Iterator[Cause]:
    devices = spec.get("devices") or []
    lists = any(
        name.endswith("s") for d in devices for value in (d.get("attributes") or {}).values() for name in value or ()
    )
    advanced = lists or any(device.get("taints") or device.get("consumesCounters") for device in devices)
    most = _MOST_ADVANCED if advanced else _MOST_DEVICES
    if len(devices) > most:
        yield too_many("spec.devices", len(devices), most)
    seen: set[str] = set()
    for n, device in enumerate(devices):
        path, name = f"spec.devices[{n}]", device.get("name", "")
        yield from _device(device, before.get(name), path)
        yield from _device_nodes(device, path, each=bool(spec.get("perDeviceNodeSelection")))
        if name in seen:
            yield duplicate(path, name)
        seen.add(name)


def _device(device: Obj, old: Obj | None, path: str) -> Iterator[Cause]:
    if device.get("name"):
        yield from label(f"{path}.name", device["name"])
    attributes, capacity = device.get("attributes") or {}, device.get("capacity") or {}
    total = len(attributes) + len(capacity)
    if total > _MOST_VALUES:
        words = f"the total number of attributes and capacities must not exceed {_MOST_VALUES}"
        yield invalid(path, total, words)
    for key, value in attributes.items():
        yield from qualified(key, f"{path}.attributes")
        yield from _attribute(value or {}, f"{path}.attributes[{key}]")
    if old is None or old.get("capacity") != device.get("capacity"):
        for key, value in capacity.items():
            yield from qualified(key, f"{path}.capacity")
            yield from _capacity(value, f"{path}.capacity[{key}]", shared=bool(device.get("allowMultipleAllocations")))
    taints = device.get("taints") or []
    if len(taints) > _MOST_TAINTS:
        yield too_many(f"{path}.taints", len(taints), _MOST_TAINTS)
    for n, taint in enumerate(taints):
        yield from taint_causes(taint, f"{path}.taints[{n}]")
    yield from _consumed(device.get("consumesCounters") or [], f"{path}.consumesCounters")


def _capacity(capacity: Obj, path: str, *, shared: bool) -> Iterator[Cause]:
    policy = capacity.get("requestPolicy")
    if policy is not None and not shared:
        yield forbidden_field(f"{path}.requestPolicy", "allowMultipleAllocations must be true")
    elif policy is not None:
        yield from policy_causes(str(capacity["value"]), policy, f"{path}.requestPolicy")


def _consumed(parts: list[Obj], path: str) -> Iterator[Cause]:
    if len(parts) > _MOST_CONSUMED:
        yield too_many(path, len(parts), _MOST_CONSUMED)
    seen: set[str] = set()
    for n, part in enumerate(parts):
        yield from _counters(part, "counterSet", f"{path}[{n}]")
        name = part.get("counterSet", "")
        if name in seen:
            yield duplicate(f"{path}[{n}]", part)
        seen.add(name)


def _counter_sets(sets: list[Obj]) -> Iterator[Cause]:
    if len(sets) > _MOST_SETS:
        yield too_many("spec.sharedCounters", len(sets), _MOST_SETS)
    seen: set[str] = set()
    for n, one in enumerate(sets):
        yield from _counters(one, "name", f"spec.sharedCounters[{n}]")
        if one.get("name", "") in seen:
            yield duplicate(f"spec.sharedCounters[{n}]", one)
        seen.add(one.get("name", ""))


def _counters(holder: Obj, key: str, path: str) -> Iterator[Cause]:
    counters = holder.get("counters") or {}
    if holder.get(key):
        yield from label(f"{path}.{key}", holder[key])
    else:
        yield required(f"{path}.{key}")
    if not counters:
        yield required(f"{path}.counters")
    if len(counters) > _MOST_COUNTERS:
        yield too_many(f"{path}.counters", len(counters), _MOST_COUNTERS)
    for name in counters:
        yield from label(f"{path}.counters", name)


def _device_nodes(device: Obj, path: str, *, each: bool) -> Iterator[Cause]:
    names = ("nodeName", "nodeSelector", "allNodes")
    if not each:
        if any(device.get(name) is not None for name in names):
            words = "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
            yield invalid(path, None, words)
        return
    if device.get("nodeName") == "":
        yield invalid(f"{path}.nodeName", "", "must not be empty")
    if device.get("allNodes") is False:
        yield invalid(f"{path}.allNodes", False, "must be either unset or set to true")
    given = [name for name in names if device.get(name) not in (None, "", False)]
    words = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec"
    if not given:
        yield required(path, words)
    elif len(given) > 1:
        yield invalid(path, "{" + ", ".join(f"`{name}`" for name in given) + "}", words)


def _attribute(value: Obj, path: str) -> Iterator[Cause]:
    given = [name for name in _VALUES if name in value]
    if len(given) != 1:
        listed = f"one of: `{'`, `'.join(_VALUES)}`"
        several = "{" + ", ".join(given) + "}"
        yield invalid(path, several if given else "", f"must specify {'exactly ' if given else ''}{listed}")
    elif "version" in value and not _VERSION.match(value["version"]):
        yield invalid(f"{path}.version", value["version"], "must be a string compatible with semver.org spec 2.0.0")
    elif len(str(value.get("string", ""))) > _TEXT_ROOM:
        yield Cause("FieldValueTooLong", f"{path}.string", f"Too long: may not be more than {_TEXT_ROOM} bytes")
