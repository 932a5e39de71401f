"""Objects that arrive as protobuf: ``kubectl create namespace`` and other typed commands send nothing else.

Only decoding is needed: answers are JSON, which every client takes. Field numbers come from Kubernetes' own files
(``protobuf-1.37.json``). Empty values are left out, as they are in the JSON form of the same objects.
"""

import base64
import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from conformance.simulator.api.errors import bad_request
from conformance.simulator.kinds import table
from conformance.simulator.objects import Obj, stamp

MAGIC = b"k8s\0"
_META = "io.k8s.apimachinery.pkg."
_TEXT = ("string", "bytes")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIGN, _WORD = 1 << 63, 1 << 64


@cache
def _messages() -> dict[str, list[list[Any]]]:
    data: dict[str, list[list[Any]]] = json.loads((Path(__file__).parents[1] / "kinds/protobuf-1.37.json").read_text())
    return data


def decode(data: bytes) -> Obj:
    """The object of a protobuf body."""
    if not data.startswith(MAGIC):
        raise bad_request("the body is not a Kubernetes protobuf message")
    try:
        envelope = dict(_fields(data[len(MAGIC) :]))
        kinds = {number: value.decode() for number, value in _fields(envelope.get(1, b""))}
        api_version, kind = kinds.get(1, ""), kinds.get(2, "")
        body = _message(_schema_of(api_version, kind), envelope.get(2, b""))
    except (IndexError, KeyError, ValueError, AttributeError, TypeError, struct.error) as wrong:
        raise bad_request(f"the protobuf body cannot be read: {wrong}") from wrong
    return {"apiVersion": api_version, "kind": kind, **(body if isinstance(body, dict) else {})}


def _schema_of(api_version: str, kind: str) -> str:
    group, _, version = api_version.rpartition("/")
    wanted = {"group": group, "version": version, "kind": kind}
    for name, schema in table()["schemas"].items():
        if wanted in schema.get("x-kubernetes-group-version-kind", ()) and name in _messages():
            return str(name)
    raise KeyError(f"{api_version} {kind} is not known")


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    place = 0
    while place < len(data):
        tag, place = _varint(data, place)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, place = _varint(data, place)
            yield number, value
        elif wire == _BYTES:
            size, place = _varint(data, place)
            if place + size > len(data):
                raise ValueError("it ends too early")
            yield number, data[place : place + size]
            place += size
        elif wire in (_FIXED64, _FIXED32):
            size = 8 if wire == _FIXED64 else 4
            yield number, struct.unpack("<d" if wire == _FIXED64 else "<f", data[place : place + size])[0]
            place += size
        else:
            raise ValueError(f"wire type {wire} is not known")


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, place
        shift += 7


def _message(name: str, data: bytes) -> Any:
    special = _special(name, data)
    if special is not None:
        return special[0]
    known = {number: (field, kind, label) for number, field, kind, label in _messages().get(name, ())}
    properties = table()["schemas"].get(name, {}).get("properties")
    result: Obj = {}
    for number, raw in _fields(data):
        if number not in known:
            continue
        field, kind, label = known[number]
        if label == "{}":
            pair = dict(_fields(raw))
            result.setdefault(field, {})[pair.get(1, b"").decode()] = _value(kind, pair.get(2, b""))
            continue
        value = _value(kind, raw)
        if label == "*":
            result.setdefault(field, []).append(value)
        elif isinstance(value, dict) and properties and field not in properties:
            result.update(value)
        elif value not in ("", None):
            result[field] = value
    return {key: value for key, value in result.items() if key != "status" or value}


def _value(kind: str, raw: Any) -> Any:
    if kind == "string":
        return raw.decode()
    if kind == "bytes":
        return base64.b64encode(raw).decode()
    if kind == "bool":
        return bool(raw)
    if kind in ("int32", "int64"):
        return raw - _WORD if raw >= _SIGN else raw
    return raw if isinstance(raw, int | float) else _message(kind, raw)


def _special(name: str, data: bytes) -> tuple[Any] | None:
    """Messages whose JSON form is not an object with the same fields; a tuple, so that null can be said."""
    short = name.removeprefix(_META)
    if short in ("apis.meta.v1.Time", "apis.meta.v1.MicroTime"):
        seconds = dict(_fields(data)).get(1)
        return (stamp(datetime.fromtimestamp(seconds, UTC)),) if seconds else (None,)
    if short == "api.resource.Quantity":
        return (dict(_fields(data)).get(1, b"").decode(),)
    if short == "util.intstr.IntOrString":
        fields = dict(_fields(data))
        return (fields.get(3, b"").decode(),) if fields.get(1) else (fields.get(2, 0),)
    if short in ("runtime.RawExtension", "apis.meta.v1.FieldsV1"):
        raw = dict(_fields(data)).get(1, b"")
        return (json.loads(raw) if raw else None,)
    if short == "apis.meta.v1.Duration":
        return (f"{dict(_fields(data)).get(1, 0) / 1e9:g}s",)
    return None
