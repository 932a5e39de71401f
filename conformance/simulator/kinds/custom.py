"""Kinds that a CustomResourceDefinition adds, and what makes such a definition acceptable."""

from typing import Any

from conformance.simulator.api.errors import Cause, invalid, required
from conformance.simulator.kinds import Kind
from conformance.simulator.kinds.hooks import validates
from conformance.simulator.objects import Obj, dig, name_of, thaw

VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_META: Obj = {"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}


@validates("customresourcedefinitions.apiextensions.k8s.io")
def definition(obj: Obj, _old: Obj | None) -> list[Cause]:
    """Names agree, one version is stored, every version has a schema."""
    spec = obj.get("spec") or {}
    names, group = spec.get("names") or {}, spec.get("group", "")
    causes = []
    wanted = f"{names.get('plural')}.{group}"
    if name_of(obj) != wanted:
        causes.append(invalid("metadata.name", name_of(obj), f'must be spec.names.plural+"."+spec.group ({wanted})'))
    versions = spec.get("versions") or []
    if sum(1 for version in versions if version.get("storage")) != 1:
        causes.append(invalid("spec.versions", versions, "must have exactly one version marked as storage version"))
    for n, version in enumerate(versions):
        if not dig(version, "schema", "openAPIV3Schema"):
            causes.append(required(f"spec.versions[{n}].schema.openAPIV3Schema", "schemas are required"))
    return causes


def _complete(schema: Any) -> Obj:
    """The schema of a version with what every object has."""
    whole: Obj = thaw(schema)
    whole.setdefault("type", "object")
    properties = whole.setdefault("properties", {})
    properties.update(apiVersion={"type": "string"}, kind={"type": "string"}, metadata=_META)
    return whole


def kinds_of(crd: Obj) -> list[Kind]:
    """The kinds that a definition serves."""
    spec, names = crd["spec"], crd["spec"]["names"]
    entry = {"kind": names["kind"], "namespaced": spec["scope"] == "Namespaced", "singularName": ""}
    found = []
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        subs = {
            name: {**entry, "name": f"{names['plural']}/{name}", "verbs": ["get", "patch", "update"]}
            for name in version.get("subresources") or {}
        }
        if "scale" in subs:
            subs["scale"].update(group="autoscaling", version="v1", kind="Scale")
        found.append(
            Kind(
                group=spec["group"],
                version=version["name"],
                plural=names["plural"],
                singular=names.get("singular", names["kind"].lower()),
                kind=names["kind"],
                namespaced=spec["scope"] == "Namespaced",
                verbs=VERBS,
                short_names=tuple(names.get("shortNames") or ()),
                categories=tuple(names.get("categories") or ()),
                subresources=subs,
                schema=_complete(version["schema"]["openAPIV3Schema"]),
                custom=version,
            )
        )
    return found
