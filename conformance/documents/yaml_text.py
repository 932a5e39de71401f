"""YAML with the line of every node and without the guesses of YAML 1.1.

``no`` is a word, a date is a text, every key is a text; aliases, tags and duplicate keys are refused, and so is a number
that begins with 0, because YAML readers differ on it. Numbers are kept as written: ``1.30`` is 1.3 once read.
"""

import re
from typing import Any

import yaml

from conformance.documents.wording import NodePath, path_text, quoted
from conformance.errors import ConfigurationError

_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    """YAML with the plain scalars of JSON: decimal numbers, true, false, null. Everything else is a text."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - the base class declares its type

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not read; write the value out", mark)
        return super().compose_node(parent, index)


for _name, _pattern in {
    "null": r"null|~|",
    "bool": r"true|false",
    "int": r"[-+]?[0-9]+",
    "float": r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?",
}.items():
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"^(?:{_pattern})$"), None)


class _Builder:
    """Turns the node tree of one YAML file into data and remembers places."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[NodePath, int] = {}
        self.written: dict[NodePath, str] = {}

    def fail(self, node: yaml.Node, message: str) -> ConfigurationError:
        return ConfigurationError(f"{self.name}:{node.start_mark.line + 1}: {message}")

    def build(self, node: yaml.Node, path: NodePath) -> Any:
        self.lines[path] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and node.tag.startswith(_TAG):
            return self._scalar(node, path)
        raise self.fail(node, f"the tag {quoted(node.tag)} is not read; leave it out")

    def _mapping(self, node: yaml.MappingNode, path: NodePath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.fail(key_node, "a key has to be a text")
            key = key_node.value
            if key in result:
                raise self.fail(key_node, f"the key {path_text((*path, key))} stands twice")
            result[key] = self.build(value_node, (*path, key))
            self.lines[(*path, key)] = key_node.start_mark.line + 1
        return result

    def _scalar(self, node: yaml.ScalarNode, path: NodePath) -> Any:
        kind, text = node.tag.removeprefix(_TAG), node.value
        if kind in ("int", "float"):
            return self._number(node, path)
        if kind == "str":
            return text
        if kind in ("null", "bool") and node.style is None:
            return None if kind == "null" else text == "true"
        raise self.fail(node, f"the tag !!{kind} is not read; leave it out")

    def _number(self, node: yaml.ScalarNode, path: NodePath) -> int | float:
        text = node.value
        if re.match(r"[-+]?0[0-9]", text):
            raise self.fail(node, f'{quoted(text)[1:-1]} begins with 0, which YAML readers read differently: "{text}"?')
        try:
            value: int | float = int(text) if node.tag == f"{_TAG}int" else float(text)
        except ValueError as error:
            raise self.fail(node, f"{quoted(text)} is not a number") from error
        if value in (float("inf"), float("-inf")):
            raise self.fail(node, f"{quoted(text)} is too large")
        self.written[path] = text
        return value


def parse(text: str, name: str) -> tuple[Any, dict[NodePath, int], dict[NodePath, str]]:
    """Data, the line of each node, and numbers as written."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}" if mark else name
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise ConfigurationError(f"{place}: not valid YAML: {quoted(reason, 200)[1:-1]}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigurationError(f"{name}:{line}: a control character is in the text; remove it") from error
    if node is None:
        raise ConfigurationError(f"{name}: the file is empty")
    builder = _Builder(name)
    data = builder.build(node, ())
    return data, builder.lines, builder.written
