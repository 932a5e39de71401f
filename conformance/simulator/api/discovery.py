"""Discovery: what the server serves, in the old form (one document per version) and the new (one for all)."""

from conformance.simulator.kinds import Kind, Kinds
from conformance.simulator.objects import Obj

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
CORE = ""


def aggregated(kinds: Kinds, *, core: bool, version: str = "v2") -> Obj:
    """All groups (or the core group) with versions, resources and verbs."""
    items = []
    for group, versions in kinds.groups().items():
        if (group == CORE) is core:
            listed = [
                {"version": v, "resources": [_entry(k) for k in _of(kinds, group, v)], "freshness": "Current"}
                for v in versions
            ]
            meta = {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None}
            items.append({"metadata": meta, "versions": listed})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": items,
    }


def _of(kinds: Kinds, group: str, version: str) -> list[Kind]:
    return sorted((k for k in kinds if (k.group, k.version) == (group, version)), key=lambda k: k.plural)


def _entry(kind: Kind) -> Obj:
    entry: Obj = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if kind.subresources:
        entry["subresources"] = [
            {
                "subresource": name,
                "responseKind": {
                    "group": sub.get("group", kind.group),
                    "version": sub.get("version", kind.version),
                    "kind": sub["kind"],
                },
                "verbs": sub["verbs"],
            }
            for name, sub in sorted(kind.subresources.items())
        ]
    return entry


def api_versions(server: str) -> Obj:
    """``/api``."""
    address = {"clientCIDR": "0.0.0.0/0", "serverAddress": server}
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [address]}


def group(name: str, versions: list[str]) -> Obj:
    """``/apis/GROUP``."""
    served = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": served, "preferredVersion": served[0]}


def group_list(served: dict[str, list[str]]) -> Obj:
    """``/apis``."""
    groups = [group(name, versions) for name, versions in served.items() if name]
    for entry in groups:
        del entry["kind"], entry["apiVersion"]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def resource_list(kinds: Kinds, group_name: str, version: str) -> Obj:
    """``/apis/GROUP/VERSION``."""
    resources: list[Obj] = []
    for kind in _of(kinds, group_name, version):
        entry: Obj = {
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": list(kind.verbs),
        }
        if kind.short_names:
            entry["shortNames"] = list(kind.short_names)
        if kind.categories:
            entry["categories"] = list(kind.categories)
        resources += [
            entry,
            *({**sub, "name": f"{kind.plural}/{name}"} for name, sub in sorted(kind.subresources.items())),
        ]
    served = f"{group_name}/{version}" if group_name else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": served, "resources": resources}
