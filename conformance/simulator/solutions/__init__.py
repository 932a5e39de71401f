"""What a scheduling solution brings into a cluster when it is installed: its kinds, its objects, and the Deployments of its controllers.

One YAML file for each, in a short form of our own; the controllers that stand in for its programs are in ``controllers``.
"""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from conformance.simulator import addons
from conformance.simulator.api.registry import Registry
from conformance.simulator.kinds import Kind
from conformance.simulator.kinds.custom import kinds_of
from conformance.simulator.objects import Obj, dig, thaw

_FOLDER = Path(__file__).parent
_LITERAL = {"type", "default", "enum", "minimum"}
"""A form with a type and nothing but these is a schema as it is."""
_ANY: Obj = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_AMOUNT: Obj = {"x-kubernetes-int-or-string": True}
_WORDS: dict[str, Obj] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "any": _ANY,
    "amount": _AMOUNT,
    "list": {"type": "array", "items": _ANY},
    "strings": {"type": "array", "items": {"type": "string"}},
    "texts": {"type": "object", "additionalProperties": {"type": "string"}},
    "numbers": {"type": "object", "additionalProperties": {"type": "integer"}},
    "amounts": {"type": "object", "additionalProperties": _AMOUNT},
}


def known() -> list[str]:
    """Names of the solutions."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


@cache
def _contents(name: str) -> Obj:
    loaded: Obj = yaml.safe_load((_FOLDER / f"{name}.yaml").read_text())
    return loaded


def install(registry: Registry, name: str, *, node: str, runs: bool) -> None:
    """Put a solution into a cluster that has just started; where it does not run, its images cannot be pulled."""
    contents = thaw(_contents(name))
    for entry in contents["definitions"]:
        made = registry.create(_kind(registry, "customresourcedefinitions.apiextensions.k8s.io"), "", _crd(entry))
        for kind in kinds_of(made):
            registry.kinds.add(kind)
    space = contents["namespace"]
    addons.namespace(registry, space)
    for deployment in contents["deployments"]:
        addons.deployment(registry, space, deployment, f"{deployment}:v1.0.0", node=node, runs=runs)
    for obj in contents.get("objects", ()):
        served = registry.kinds.of(obj["apiVersion"], obj["kind"])
        if served is not None:
            registry.create(served, dig(obj, "metadata", "namespace", default=""), obj)


def available(registry: Registry, name: str) -> bool:
    """Whether all Deployments of a solution are available."""
    space, names = _contents(name)["namespace"], _contents(name)["deployments"]
    found = (registry.find("deployments.apps", space, deployment) for deployment in names)
    return all(dig(one, "status", "availableReplicas", default=0) for one in found)


def _kind(registry: Registry, resource: str) -> Kind:
    return registry.kinds.get(resource)


def _crd(entry: Obj) -> Obj:
    names = {"kind": entry["kind"], "listKind": f"{entry['kind']}List", "plural": entry["plural"]}
    names |= {"singular": entry["kind"].lower(), "shortNames": entry.get("short", [])}
    parts = {part: _schema(entry[part]) for part in ("spec", "status") if part in entry}
    version = {
        "name": entry["version"],
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": parts}},
        "subresources": {"status": {}} if "status" in entry else {},
    }
    scope = entry.get("scope", "Namespaced")
    spec = {"group": entry["group"], "names": names, "scope": scope, "versions": [version]}
    return {"metadata": {"name": f"{entry['plural']}.{entry['group']}"}, "spec": spec}


def _schema(form: Any) -> Obj:
    """The schema of a short form: a word, a list of one form, a mapping of fields, or a schema as it is."""
    if isinstance(form, str):
        return dict(_WORDS[form])
    if isinstance(form, list):
        return {"type": "array", "items": _schema(form[0])}
    if "type" in form and set(form) <= _LITERAL:
        return dict(form)
    required = {"required": form.pop("required")} if isinstance(form.get("required"), list) else {}
    return {"type": "object", "properties": {key: _schema(value) for key, value in form.items()}, **required}
