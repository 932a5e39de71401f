"""Worlds and faults: YAML that says what a simulated cluster is like and what is wrong with it.

Everything is checked when it is loaded, and an error names the place in the file.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from conformance import content
from conformance.simulator import machines, pools, solutions
from conformance.simulator.api.access import ADMIN, User
from conformance.simulator.machines import NodeSpec
from conformance.simulator.metrics.spec import MetricsSpec
from conformance.simulator.objects import Obj
from conformance.simulator.places import Place, WorldError, meant, read
from conformance.simulator.pools import PoolSpec
from conformance.simulator.switches import Switches

WORLDS, FAULTS = content.FIXTURES / "worlds", content.FIXTURES / "faults"
_RULE = re.compile(r"\S+ \S+")
VERSION = "v1.37.2"


@dataclass(frozen=True, kw_only=True)
class World:
    """A whole cluster."""

    name: str
    title: str
    nodes: tuple[NodeSpec, ...]
    pools: tuple[PoolSpec, ...] = ()
    version: str = VERSION
    serve: tuple[str, ...] = ()
    withhold: tuple[str, ...] = ()
    users: tuple[User, ...] = ()
    objects: tuple[Obj, ...] = ()
    solutions: tuple[str, ...] = ()
    """Scheduling solutions that are installed."""
    metrics: MetricsSpec = field(default_factory=MetricsSpec)
    switches: Switches = field(default_factory=Switches)
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """One fault as its file has it."""

    name: str
    title: str
    world: str
    change: Obj
    grounds: tuple[str, ...] = ()
    verdicts: Obj = field(default_factory=dict)


def names(folder: Path) -> list[str]:
    """Names of the files in a folder of worlds or faults."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _find(kind: str, given: str | Path, folder: Path) -> Path:
    if isinstance(given, Path) or "/" in str(given) or str(given).endswith(".yaml"):
        return Path(given)
    if given in names(folder):
        return folder / f"{given}.yaml"
    known = names(folder)
    raise WorldError(f"{kind} {given!r} is not known{meant(str(given), known)}; there are {', '.join(known)}")


def fault(name: str | Path) -> Fault:
    """A fault by name or file."""
    file = _find("fault", name, FAULTS)
    top = read(file).mapping("title", "world", "change", "grounds", "verdicts", "limits", "starts_after")
    for key in ("title", "change"):
        if key not in top:
            raise WorldError(f"{file}: {key!r} is missing")
    change = {key: place.value for key, place in top["change"].mapping().items()}
    _switches(top["change"], Switches())
    if "starts_after" in top:
        change.setdefault("api", {})["starts_after"] = top["starts_after"].number()
    return Fault(
        file.stem,
        top["title"].text(),
        top["world"].text() if "world" in top else "conformant",
        change,
        top["grounds"].words() if "grounds" in top else (),
        top["verdicts"].value or {} if "verdicts" in top else {},
    )


def apply(found: Fault, switches: Switches) -> None:
    """Switch a fault on."""
    _switches(Place(Path(f"{found.name}.yaml"), found.change, "change"), switches)


def world(name: str | Path, faults: Sequence[str] = ()) -> World:
    """A world with faults in it."""
    file = _find("world", name, WORLDS)
    place = read(file)
    known = (
        "title", "version", "serve", "withhold", "nodes", "users", "objects", "solutions", "components", "pools", "metrics",
    )  # fmt: skip
    top = place.mapping(*known)
    for key in ("title", "nodes"):
        if key not in top:
            raise place.error(f"{key!r} is missing")
    switches = Switches()
    if "components" in top:
        _switches(top["components"], switches)
    for one in faults:
        apply(fault(one), switches)
    nodes = tuple(machines.parse(item) for item in top["nodes"].items())
    names = tuple(node.name for node in nodes)
    groups = tuple(pools.parse(item, names) for item in top["pools"].items()) if "pools" in top else ()
    users = [_user(key, item) for key, item in top["users"].mapping().items()] if "users" in top else []
    return World(
        name=file.stem,
        title=top["title"].text(),
        nodes=tuple(_in_pool(node, groups) for node in nodes),
        pools=groups,
        version=top["version"].text() if "version" in top else VERSION,
        serve=top["serve"].words() if "serve" in top else (),
        withhold=top["withhold"].words() if "withhold" in top else (),
        users=(User(ADMIN, groups=("system:masters", "system:authenticated")), *users),
        objects=top["objects"].objects() if "objects" in top else (),
        solutions=_solutions(top["solutions"]) if "solutions" in top else (),
        metrics=_metrics(top["metrics"]) if "metrics" in top else MetricsSpec(),
        switches=switches,
        faults=tuple(faults),
    )


def _solutions(place: Place) -> tuple[str, ...]:
    for name in place.words():
        if name not in solutions.known():
            known = solutions.known()
            raise place.error(f"{name!r} is not known{meant(name, known)}; there are {', '.join(known)}")
    return place.words()


def _metrics(place: Place) -> MetricsSpec:
    top = place.mapping("custom", "external")
    external = top["external"].text() if "external" in top else ""
    if external not in ("", "keda"):
        raise top["external"].error(f"found {external!r}, want 'keda'; leave it out for none")
    return MetricsSpec(custom=bool("custom" in top and top["custom"].plain(bool)), external=external)


def _user(name: str, place: Place) -> User:
    if name == ADMIN:
        raise place.error(f"{ADMIN!r} is the name of the user that may do everything; take another one")
    top = place.mapping("deny")
    rules = top["deny"].words() if "deny" in top else ()
    for rule in rules:
        if not _RULE.fullmatch(rule):
            raise top["deny"].error(f"{rule!r} is not of the form VERB RESOURCE, for example 'create pods'")
    return User(name, rules)


def _in_pool(node: NodeSpec, groups: Sequence[PoolSpec]) -> NodeSpec:
    """A node with what its pool gives to its members."""
    pool = next((one for one in groups if node.name in one.nodes), None)
    if pool is None:
        return node
    labels = {**pool.labels, **node.labels}
    provider = node.provider_id or f"simulated://{pool.name}/{node.name}"
    return replace(node, labels=labels, annotations=pool.seed_annotations(), provider_id=provider)


def _switches(place: Place, into: Any) -> None:
    """Set the switches that a mapping names, by the types of their dataclasses."""
    hints = get_type_hints(type(into))
    for key, item in place.mapping(*(f.name for f in fields(into) if f.name != "seen")).items():
        current = getattr(into, key)
        if is_dataclass(current):
            _switches(item, current)
        elif get_origin(hints[key]) is not None:
            choices = get_args(hints[key])
            if item.value not in choices:
                raise item.error(
                    f"found {item.value!r}, want one of {', '.join(choices)}{meant(str(item.value), choices)}"
                )
            setattr(into, key, item.value)
        else:
            setattr(into, key, item.plain(hints[key]))
