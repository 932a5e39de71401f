"""Decoding and validation by schema: what the real server does when it turns JSON into its types.

Unknown fields are dropped (or refused under ``fieldValidation=Strict``), wrong types are refused with 400, missing required
values with 422. Integers and booleans are never missing: in the real server's types they have a zero value.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from conformance.simulator.api.errors import Cause, invalid, required, unsupported
from conformance.simulator.objects import Obj, thaw
from conformance.simulator.quantities import canonical

Resolve = Callable[[Any], Obj]
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_NULLS = ("lastProbeTime", "eventTime", "firstTimestamp", "lastTimestamp")
"""Times that are shown as null where they are not known."""
_JSON_NAMES = {bool: "bool", str: "string", int: "number", float: "number", list: "array", dict: "object"}


@dataclass
class Findings:
    """What is wrong with an object."""

    unknown: list[str] = field(default_factory=list)
    wrong_types: list[str] = field(default_factory=list)
    causes: list[Cause] = field(default_factory=list)


class Reader:
    """Reads one object by its schema: drops what is unknown and collects what is wrong."""

    def __init__(self, resolve: Resolve, *, custom: bool = False) -> None:
        self._resolve, self._custom, self.findings = resolve, custom, Findings()

    def read(self, schema: Any, value: Any, path: str = "") -> Any:
        """The value without unknown fields."""
        schema = self._resolve(schema)
        if value is None:
            return None
        if schema.get("x-kubernetes-int-or-string") or "oneOf" in schema:
            return self._either(schema, value, path)
        wanted = schema.get("type")
        if wanted and not _fits(wanted, value):
            self.findings.wrong_types.append(
                f"{path}: cannot unmarshal {_json_name(value)} into a field of type {wanted}"
            )
            return value
        if isinstance(value, dict):
            return self._object(schema, value, path)
        if isinstance(value, list):
            items = self._resolve(schema.get("items", {}))
            filled = [{} if item is None and items.get("type") == "object" else item for item in value]
            return [self.read(items, item, f"{path}[{n}]") for n, item in enumerate(filled)]
        self._limits(schema, value, path)
        return value

    def _either(self, schema: Obj, value: Any, path: str) -> Any:
        types = [option.get("type", "") for option in schema.get("oneOf", ({"type": "integer"}, {"type": "string"}))]
        if not any(_fits(option, value) for option in types):
            self.findings.wrong_types.append(f"{path}: cannot unmarshal {_json_name(value)} into {' or '.join(types)}")
        return self._quantity(value, path) if types == ["string", "number"] else value

    def _quantity(self, value: Any, path: str) -> Any:
        try:
            return canonical(str(value))
        except ValueError as wrong:
            self.findings.wrong_types.append(f"{path}: {wrong}")
            return value

    def _object(self, schema: Obj, value: Obj, path: str) -> Obj:
        properties, more = schema.get("properties"), schema.get("additionalProperties")
        kept = {}
        for key, item in value.items():
            place = f"{path}.{key}" if path else key
            if properties and key in properties:
                kept[key] = self.read(properties[key], item, place)
            elif isinstance(more, dict):
                kept[key] = self.read(more, item, place)
            elif (not properties and not self._custom) or more or schema.get("x-kubernetes-preserve-unknown-fields"):
                kept[key] = item
            else:
                self.findings.unknown.append(place)
        if self._custom:
            for name, form in (properties or {}).items():
                if kept.get(name) is None and "default" in form:
                    kept[name] = thaw(form["default"])
        self._missing(schema, kept, path)
        return {key: item for key, item in kept.items() if item is not None or key in _NULLS}

    def _missing(self, schema: Obj, value: Obj, path: str) -> None:
        for name in schema.get("required", ()):
            wanted = self._resolve(schema.get("properties", {}).get(name, {}))
            absent = value.get(name) is None or (
                not self._custom and value[name] in ("", [], {}) and wanted.get("type") == "string"
            )
            if absent and (self._custom or wanted.get("type") in ("string", "array")) and not path.startswith("status"):
                self.findings.causes.append(required(f"{path}.{name}" if path else name))

    def _limits(self, schema: Obj, value: Any, path: str) -> None:
        causes = self.findings.causes
        if "enum" in schema and value not in schema["enum"]:
            causes.append(unsupported(path, value, tuple(map(str, schema["enum"]))))
        if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
            causes.append(invalid(path, value, f"{path} in body should match '{schema['pattern']}'"))
        if "minimum" in schema and value < schema["minimum"]:
            causes.append(
                invalid(path, value, f"{path} in body should be greater than or equal to {schema['minimum']}")
            )
        if "maximum" in schema and value > schema["maximum"]:
            causes.append(invalid(path, value, f"{path} in body should be less than or equal to {schema['maximum']}"))


def _fits(wanted: str, value: Any) -> bool:
    if isinstance(value, bool):
        return wanted == "boolean"
    if wanted == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(wanted, (object,)))


def _json_name(value: Any) -> str:
    return _JSON_NAMES.get(type(value), "null")
