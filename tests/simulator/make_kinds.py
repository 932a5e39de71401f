"""Make the simulator's tables of kinds from Kubernetes' own OpenAPI, discovery and protobuf files (Apache-2.0).

    python tests/simulator/make_kinds.py $(go env GOMODCACHE)/k8s.io 1.37.2

Prose, paths and list types are left out; what is left is what validation, patches, discovery and decoding need.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

KINDS = Path(__file__).parents[2] / "conformance/simulator/kinds"
TARGET, MESSAGES = KINDS / "kubernetes-1.37.json", KINDS / "protobuf-1.37.json"
SCALARS = ("string", "bool", "int32", "int64", "bytes", "double", "uint32", "uint64")
FIELD = re.compile(r"(optional|repeated|required|map<string,) ([\w.]+)>? (\w+) = (\d+);")
LEFT_OUT = ("internal.apiserver.k8s.io", "storagemigration.k8s.io", "lifecycle.k8s.io", "flowcontrol.apiserver.k8s.io")
PREFIX = "#/components/schemas/"


def strip(node: Any) -> Any:
    """Schema without prose."""
    if isinstance(node, list):
        return [strip(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: strip(value) for key, value in node.items() if not (key == "description" and isinstance(value, str))}


def references(node: Any) -> set[str]:
    """Names of the schemas that a schema points to."""
    if isinstance(node, list):
        return set().union(*map(references, node))
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"].removeprefix(PREFIX)} if isinstance(node.get("$ref"), str) else set()
    return own.union(*map(references, node.values()))


def reachable(definitions: dict[str, Any], roots: set[str]) -> dict[str, Any]:
    """The definitions that the roots need."""
    found: dict[str, Any] = {}
    waiting = sorted(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = definitions[name]
            waiting.extend(references(definitions[name]))
    return dict(sorted(found.items()))


def messages(modules: list[Path]) -> dict[str, list[list[Any]]]:
    """Fields of every protobuf message: number, name, type and whether it is a list (``*``) or a map (``{}``)."""
    found: dict[str, list[list[Any]]] = {}
    for path in sorted(path for module in modules for path in module.rglob("generated.proto")):
        text = re.sub(r"//.*", "", path.read_text())
        package = _schema_name(re.search(r"^package (\S+);", text, re.MULTILINE)[1])  # type: ignore[index]
        for name, body in re.findall(r"^message (\w+) \{(.*?)^\}", text, re.MULTILINE | re.DOTALL):
            found[f"{package}.{name}"] = [
                [int(number), field, _type(package, kind), {"repeated": "*", "map<string,": "{}"}.get(label, "")]
                for label, kind, field, number in FIELD.findall(body)
            ]
    return found


def _schema_name(package: str) -> str:
    return package.replace("k8s.io.", "io.k8s.", 1).replace("_", "-")


def _type(package: str, kind: str) -> str:
    if kind in SCALARS:
        return kind
    return _schema_name(kind[1:]) if kind.startswith(".") else f"{package}.{kind}"


def write_messages(roots: set[str], known: dict[str, list[list[Any]]]) -> None:
    """Write the messages that the kinds need."""
    kept: dict[str, Any] = {}
    waiting = sorted(name for name in roots if name in known)
    while waiting:
        name = waiting.pop()
        if name not in kept:
            kept[name] = known[name]
            waiting.extend(kind for _, _, kind, _ in known[name] if kind in known)
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in sorted(kept.items()))
    MESSAGES.write_text("{\n" + lines + "\n}\n")


def main(modules: Path, release: str) -> None:
    """Read the files and write the tables."""
    folder = modules / f"kubernetes@v{release}/api"
    definitions: dict[str, Any] = {}
    for path in sorted((folder / "openapi-spec/v3").glob("*_openapi.json")):
        definitions.update(strip(json.loads(path.read_text()).get("components", {}).get("schemas", {})))
    listed = json.loads((folder / "discovery/apis.json").read_text())["groups"]
    groups = [("", ["v1"])]
    groups += [(g["name"], [v["version"] for v in g["versions"]]) for g in listed if g["name"] not in LEFT_OUT]
    resources: dict[str, Any] = {}
    for group, versions in groups:
        for version in versions:
            name = f"apis__{group}__{version}" if group else "api__v1"
            listed = json.loads((folder / f"discovery/{name}.json").read_text())["resources"]
            resources[f"{group}/{version}" if group else version] = listed
    roots = set()
    for name, schema in definitions.items():
        kinds = schema.get("x-kubernetes-group-version-kind", [])
        served = [k for k in kinds if (f"{k['group']}/{k['version']}" if k["group"] else k["version"]) in resources]
        if served and not name.endswith("List"):
            roots.add(name)
    lines = [
        "{",
        '"source": "api/openapi-spec/v3 and api/discovery of Kubernetes v1.37.2, Apache-2.0; made by tests/simulator/make_kinds.py",',
        '"resources": {',
        ",\n".join(
            f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in resources.items()
        ),
        '},\n"schemas": {',
        ",\n".join(
            f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}"
            for key, value in reachable(definitions, roots).items()
        ),
        "}\n}",
    ]
    TARGET.write_text("\n".join(lines) + "\n")
    names = ("api", "apimachinery", "apiextensions-apiserver", "kube-aggregator")
    write_messages(roots, messages([modules / f"{name}@v0{release[1:]}" for name in names]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
