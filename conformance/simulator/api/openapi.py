"""OpenAPI v3 documents: enough for kubectl's field validation, patches and ``explain``."""

from typing import Any

from conformance.simulator.kinds import Kind, Kinds, table
from conformance.simulator.objects import Obj

_PATCHES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
_CUSTOM_PATCHES = tuple(kind for kind in _PATCHES if "strategic" not in kind)
_PREFIX = "#/components/schemas/"


def index(kinds: Kinds) -> Obj:
    """``/openapi/v3``: where the documents are."""
    paths = {}
    for group, versions in kinds.groups().items():
        for version in versions:
            path = f"apis/{group}/{version}" if group else f"api/{version}"
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash=1"}
    return {"paths": paths}


def document(kinds: Kinds, group: str, version: str) -> Obj:
    """The document of one group version."""
    paths: Obj = {}
    schemas: Obj = {}
    for kind in kinds:
        if (kind.group, kind.version) == (group, version) and kind.plain:
            _describe(kind, paths, schemas)
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.37.2"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _describe(kind: Kind, paths: Obj, schemas: Obj) -> None:
    identity = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    name = kind.schema.get("$ref", "").removeprefix(_PREFIX)
    if not name:
        name = ".".join([*reversed(kind.group.split(".")), kind.version, kind.kind])
        schemas[name] = {**kind.schema, "x-kubernetes-group-version-kind": [identity]}
        _collect(kind.schema, schemas)
    else:
        _collect(kind.schema, schemas)
    body = {"schema": {"$ref": _PREFIX + name}}
    answer = {"200": {"description": "OK", "content": {"application/json": body}}}
    base = f"/api/{kind.version}" if not kind.group else f"/apis/{kind.group}/{kind.version}"
    place = "/namespaces/{namespace}" if kind.namespaced else ""
    for path, verbs in (
        (f"{base}{place}/{kind.plural}", ("get", "post")),
        (f"{base}{place}/{kind.plural}/{{name}}", ("get", "put", "patch", "delete")),
    ):
        paths[path] = {verb: _operation(verb, identity, body, answer, custom=bool(kind.custom)) for verb in verbs}


def _operation(verb: str, identity: Obj, body: Obj, answer: Obj, *, custom: bool) -> Obj:
    names = ("dryRun", "fieldManager", "fieldValidation") if verb in ("post", "put", "patch") else ()
    operation: Obj = {
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in names
        ],
        "responses": answer,
        "x-kubernetes-action": verb,
        "x-kubernetes-group-version-kind": identity,
    }
    if names:
        types = (_CUSTOM_PATCHES if custom else _PATCHES) if verb == "patch" else ("*/*",)
        operation["requestBody"] = {"required": True, "content": dict.fromkeys(types, body)}
    return operation


def _collect(schema: Any, into: Obj) -> None:
    if isinstance(schema, list):
        for item in schema:
            _collect(item, into)
    elif isinstance(schema, dict):
        target = schema.get("$ref")
        if isinstance(target, str):
            name = target.removeprefix(_PREFIX)
            if name not in into:
                into[name] = table()["schemas"][name]
                _collect(into[name], into)
        for value in schema.values():
            _collect(value, into)
