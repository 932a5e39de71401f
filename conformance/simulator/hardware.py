"""Makes of accelerators: what a vendor's hardware, its driver, its device plugin and its discovery call everything.

A make is a YAML file in ``fixtures/hardware``. Texts in it are templates over what a device is (``{index}``, ``{uuid}`` …); every
template is tried when the file is loaded, so that an error names its place.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from conformance import content
from conformance.simulator.objects import Obj
from conformance.simulator.places import Place, meant, read

FOLDER = content.FIXTURES / "hardware"
SIMULATED = "simulated"
WHOLE, PARTITION, VIRTUAL = "whole", "partition", "virtual"
_FORMS = (WHOLE, PARTITION, VIRTUAL)
_NUMBERS = ("index", "render", "parent_index", "nth", "numa", "count", "replicas", "memory_mib")
_TEXTS = (
    "model",
    "label",
    "memory",
    "driver",
    "root",
    "profile",
    "flat",
    "parent",
    "strategy",
    "suffix",
    "uuid",
    "name",
)
_TRIAL: Obj = {**dict.fromkeys(_NUMBERS, 0), **dict.fromkeys(_TEXTS, "x")}
"""Stand-ins for everything that a template may name."""


@dataclass(frozen=True)
class NodeForm:
    """How one device node of a device is called, numbered and read."""

    path: str
    major: int
    minor: str
    content: str


@dataclass(frozen=True, kw_only=True)
class Form:
    """How devices of one sort (whole, partition, virtual) are named everywhere."""

    uuid: str
    name: str
    """Name in a ResourceSlice."""
    nodes: tuple[NodeForm, ...]
    attributes: Obj
    capacity: dict[str, str]
    resource: str
    """Extended resource that gives them by device plugin; may depend on the profile."""
    labels: dict[str, str]
    """Node labels where the device plugin hands such devices out."""
    profiles: dict[str, str]
    """Memory of a partition by its profile."""
    memory: str


@dataclass(frozen=True, kw_only=True)
class Make:
    """One vendor's hardware."""

    id: str
    title: str
    models: dict[str, str]
    """Memory by model; the first is that of devices without a model."""
    driver: str
    """Version of the driver that runs on the nodes."""
    labels: dict[str, str]
    environment: dict[str, str]
    """Variables of a container that holds a device; the values of several devices are joined by commas."""
    visible: tuple[str, ...]
    """Variables that a careless runtime obeys."""
    files: dict[str, str]
    """Files that every container on such a node can read, by path: the kernel's view of the driver."""
    control: tuple[NodeForm, ...]
    """Device nodes that belong to no one device and come with each."""
    dra_driver: str
    classes: dict[str, str]
    """Selector by DeviceClass."""
    resource: str
    """Extended resource that gives whole devices."""
    whole_node: bool
    """Whether the device plugin hands out all devices of a node or none."""
    shared: str
    """Extended resource of units of which several are one device."""
    shared_labels: dict[str, str]
    forms: dict[str, Form] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.id)


def known() -> list[str]:
    """Ids of all makes."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def named(place: Place) -> Make:
    """The make that a world names; ``WorldError`` with the place where there is none."""
    name = place.text()
    if name not in known():
        raise place.error(f"{name!r} is not known{meant(name, known())}; there are {', '.join(known())}")
    return make(name)


@cache
def make(name: str = SIMULATED) -> Make:
    """A make by its id, read once."""
    return parse(name, read(FOLDER / f"{name}.yaml"))


def every() -> list[Make]:
    """All makes."""
    return [make(name) for name in known()]


def fill(template: str, values: Obj) -> str:
    """A template with what it names."""
    return template.format_map(values)


def parse(name: str, place: Place) -> Make:
    """A make from its file; ``WorldError`` names the place of what is wrong."""
    top = place.mapping(
        "title", "models", "driver", "labels", "environment", "visible", "files", "control", "dra", "plugin", "shared",
        *_FORMS,
    )  # fmt: skip
    for key in ("title", "models", "driver", WHOLE):
        if key not in top:
            raise place.error(f"{key!r} is missing")
    models = {key: item.text() for key, item in top["models"].mapping().items()}
    if not models:
        raise top["models"].error("want at least one model with its memory")
    dra = top["dra"].mapping("driver", "classes") if "dra" in top else {}
    plugin = top["plugin"].mapping("resource", "whole_node") if "plugin" in top else {}
    shared = top["shared"].mapping("resource", "labels") if "shared" in top else {}
    return Make(
        id=name,
        title=top["title"].text(),
        models=models,
        driver=top["driver"].text(),
        labels=_templates(top.get("labels")),
        environment=_templates(top.get("environment")),
        visible=top["visible"].words() if "visible" in top else (),
        files=_templates(top.get("files")),
        control=_nodes(top.get("control")),
        dra_driver=dra["driver"].text() if "driver" in dra else "",
        classes={key: item.text() for key, item in dra["classes"].mapping().items()} if "classes" in dra else {},
        resource=plugin["resource"].text() if "resource" in plugin else "",
        whole_node=bool("whole_node" in plugin and plugin["whole_node"].plain(bool)),
        shared=shared["resource"].text() if "resource" in shared else "",
        shared_labels=_templates(shared.get("labels")),
        forms={kind: _form(top[kind]) for kind in _FORMS if kind in top},
    )


def _form(place: Place) -> Form:
    top = place.mapping("uuid", "name", "nodes", "attributes", "capacity", "resource", "labels", "profiles", "memory")
    for key in ("uuid", "name"):
        if key not in top:
            raise place.error(f"{key!r} is missing")
    attributes = top["attributes"].mapping() if "attributes" in top else {}
    return Form(
        uuid=_template(top["uuid"]),
        name=_template(top["name"]),
        nodes=_nodes(top.get("nodes")),
        attributes={key: _attribute(item) for key, item in attributes.items()},
        capacity=_templates(top.get("capacity")),
        resource=_template(top["resource"]) if "resource" in top else "",
        labels=_templates(top.get("labels")),
        profiles={k: item.text() for k, item in top["profiles"].mapping().items()} if "profiles" in top else {},
        memory=top["memory"].text() if "memory" in top else "",
    )


def _nodes(place: Place | None) -> tuple[NodeForm, ...]:
    found = []
    for item in place.items() if place else ():
        top = item.mapping("path", "major", "minor", "content")
        for key in ("path", "major"):
            if key not in top:
                raise item.error(f"{key!r} is missing")
        minor = str(top["minor"].value) if "minor" in top else "{index}"
        given = _template(top["content"]) if "content" in top else ""
        found.append(NodeForm(_template(top["path"]), top["major"].number(), minor, given))
    return tuple(found)


def _attribute(place: Place) -> Obj:
    for kind, item in place.mapping("string", "int", "bool", "version").items():
        if isinstance(item.value, str):
            _template(item)
        return {kind: item.value}
    raise place.error("want one of string, int, bool, version")


def _templates(place: Place | None) -> dict[str, str]:
    return {_tried(item, key): _template(item) for key, item in place.mapping().items()} if place else {}


def _template(place: Place) -> str:
    return _tried(place, place.text())


def _tried(place: Place, text: str) -> str:
    try:
        fill(text, _TRIAL)
    except (KeyError, IndexError, ValueError, AttributeError) as problem:
        known_ones = ", ".join(sorted(_TRIAL))
        raise place.error(f"{text!r} is no template: {problem!r}; names in braces are {known_ones}") from problem
    return text


def attribute(form: Obj, values: Obj) -> Obj:
    """An attribute of a ResourceSlice from its template."""
    ((kind, given),) = form.items()
    text: Any = fill(given, values) if isinstance(given, str) else given
    return {kind: int(text) if kind == "int" else text}
