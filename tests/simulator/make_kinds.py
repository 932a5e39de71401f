"""Make the simulator's table of kinds from Kubernetes' own OpenAPI and discovery files (Apache-2.0).

    python tests/simulator/make_kinds.py $(go env GOMODCACHE)/k8s.io/kubernetes@v1.37.2/api

Prose, paths and list types are left out; what is left is what validation, patches and discovery need.
"""

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[2] / "conformance/simulator/kinds/kubernetes-1.37.json"
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


def main(folder: Path) -> None:
    """Read the two kinds of files and write the table."""
    definitions: dict[str, Any] = {}
    for path in sorted((folder / "openapi-spec/v3").glob("*_openapi.json")):
        definitions.update(strip(json.loads(path.read_text()).get("components", {}).get("schemas", {})))
    groups = [("", ["v1"])]
    for group in json.loads((folder / "discovery/apis.json").read_text())["groups"]:
        if group["name"] not in LEFT_OUT:
            groups.append((group["name"], [version["version"] for version in group["versions"]]))
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


if __name__ == "__main__":
    main(Path(sys.argv[1]))
