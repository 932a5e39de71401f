"""The four patches: JSON patch, merge patch, strategic merge patch and a simple form of apply."""

from typing import Any

from conformance.simulator.api.errors import bad_request
from conformance.simulator.kinds.schemas import Resolve
from conformance.simulator.objects import Obj, thaw

_DIRECTIVES = ("$patch", "$retainKeys")


def json_patch(document: Any, operations: Any) -> Any:
    """RFC 6902."""
    if not isinstance(operations, list):
        raise bad_request("error decoding patch: a JSON patch is a list of operations")
    holder = {"": thaw(document)}
    for operation in operations:
        _operate(holder, operation)
    return holder[""]


def _operate(holder: Obj, operation: Obj) -> None:
    if not isinstance(operation, dict):
        raise bad_request("error decoding patch: an operation is an object")
    kind, path = operation.get("op"), str(operation.get("path", ""))
    if kind in ("add", "replace"):
        _write(holder, path, thaw(operation.get("value")), insert=kind == "add")
    elif kind == "remove":
        _remove(holder, path)
    elif kind in ("move", "copy"):
        value = thaw(_read(holder, operation["from"]))
        if kind == "move":
            _remove(holder, operation["from"])
        _write(holder, path, value, insert=True)
    elif kind == "test":
        if _read(holder, path) != operation.get("value"):
            raise bad_request(f"the server rejected our request due to an error in our request: test of {path} failed")
    else:
        raise bad_request(f"error decoding patch: unknown operation {kind!r}")


def _steps(path: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")]


def _step(node: Any, step: str, path: str) -> Any:
    try:
        return node[int(step)] if isinstance(node, list) else node[step]
    except (KeyError, IndexError, ValueError, TypeError) as missing:
        raise bad_request(f"error in json patch: doc is missing path: {path}") from missing


def _read(holder: Obj, path: str) -> Any:
    node: Any = holder
    for step in _steps(path):
        node = _step(node, step, path)
    return node


def _write(holder: Obj, path: str, value: Any, *, insert: bool) -> None:
    *parents, last = _steps(path)
    node: Any = holder
    for step in parents:
        node = _step(node, step, path)
    if not isinstance(node, list):
        node[last] = value
    elif last == "-":
        node.append(value)
    elif insert:
        node.insert(int(last), value)
    else:
        node[int(last)] = value


def _remove(holder: Obj, path: str) -> None:
    *parents, last = _steps(path)
    node: Any = holder
    for step in parents:
        node = _step(node, step, path)
    _step(node, last, path)
    node.pop(int(last) if isinstance(node, list) else last)


def merge_patch(document: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return thaw(patch)
    result = thaw(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


class Strategic:
    """Strategic merge patch: lists of objects are merged by the key that the schema names."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    def merge(self, schema: Any, document: Any, patch: Any) -> Any:
        """The document with the patch in it."""
        schema = self._resolve(schema)
        if not isinstance(patch, dict):
            return thaw(patch)
        if patch.get("$patch") == "replace":
            return {key: thaw(value) for key, value in patch.items() if key not in _DIRECTIVES}
        result = thaw(document) if isinstance(document, dict) else {}
        if "$retainKeys" in patch:
            result = {key: value for key, value in result.items() if key in patch["$retainKeys"]}
        for key, value in patch.items():
            if key in _DIRECTIVES or key.startswith("$setElementOrder/"):
                continue
            if key.startswith("$deleteFromPrimitiveList/"):
                field = key.partition("/")[2]
                result[field] = [item for item in result.get(field) or [] if item not in value]
            elif value is None:
                result.pop(key, None)
            else:
                result[key] = self._field(self._child(schema, key), result.get(key), value)
        return self._ordered(schema, result, patch)

    def _child(self, schema: Obj, key: str) -> Obj:
        properties = schema.get("properties") or {}
        child: Obj = properties.get(key) or schema.get("additionalProperties") or {}
        return child if isinstance(child, dict) else {}

    def _field(self, schema: Obj, document: Any, patch: Any) -> Any:
        if isinstance(patch, dict):
            if patch.get("$patch") == "delete":
                return {}
            return self.merge(schema, document, patch)
        if not isinstance(patch, list) or "merge" not in str(schema.get("x-kubernetes-patch-strategy", "")):
            return thaw(patch)
        key = schema.get("x-kubernetes-patch-merge-key")
        if not key:
            return [*(document or []), *(item for item in patch if item not in (document or []))]
        return self._list(schema.get("items", {}), key, document or [], patch)

    def _list(self, items: Any, key: str, document: list[Any], patch: list[Any]) -> list[Any]:
        if any(item.get("$patch") == "replace" for item in patch if isinstance(item, dict)):
            return [thaw(item) for item in patch if item.get("$patch") != "replace"]
        result = thaw(document)
        for item in patch:
            if key not in item:
                raise bad_request(f"map: {item} does not contain declared merge key: {key}")
            place = next((n for n, old in enumerate(result) if old.get(key) == item[key]), None)
            if item.get("$patch") == "delete":
                result = [old for old in result if old.get(key) != item[key]]
            elif place is None:
                result.append(self.merge(items, {}, item))
            else:
                result[place] = self.merge(items, result[place], item)
        return list(result)

    def _ordered(self, schema: Obj, result: Obj, patch: Obj) -> Obj:
        for name, order in patch.items():
            field = name.partition("/")[2]
            if not name.startswith("$setElementOrder/") or not isinstance(result.get(field), list):
                continue
            key = self._child(schema, field).get("x-kubernetes-patch-merge-key")
            wanted = [item.get(key) if isinstance(item, dict) else item for item in order]
            present = result[field]
            ranks = {id(item): (item.get(key) if isinstance(item, dict) else item) for item in present}
            result[field] = sorted(
                present, key=lambda item: wanted.index(ranks[id(item)]) if ranks[id(item)] in wanted else len(wanted)
            )
        return result


class Apply:
    """Server-side apply without ownership: lists with keys are merged, everything else that is named is set."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    def merge(self, schema: Any, document: Any, applied: Any) -> Any:
        """The document with what was applied in it."""
        schema = self._resolve(schema)
        if isinstance(applied, list) and schema.get("x-kubernetes-list-type") in ("map", "set"):
            return self._list(schema, document or [], applied)
        if not isinstance(applied, dict) or schema.get("x-kubernetes-map-type") == "atomic":
            return thaw(applied)
        result = thaw(document) if isinstance(document, dict) else {}
        for key, value in applied.items():
            child = (schema.get("properties") or {}).get(key) or schema.get("additionalProperties") or {}
            if value is None:
                result.pop(key, None)
            else:
                result[key] = self.merge(child, result.get(key), value)
        return result

    def _list(self, schema: Obj, document: list[Any], applied: list[Any]) -> list[Any]:
        keys = schema.get("x-kubernetes-list-map-keys")
        result = thaw(document)
        for item in applied:
            if not keys or not isinstance(item, dict):
                result += [] if item in result else [item]
                continue
            own = [item.get(key) for key in keys]
            place = next((n for n, old in enumerate(result) if _same(old, keys, own)), None)
            if place is None:
                result.append(thaw(item))
            else:
                result[place] = self.merge(schema.get("items", {}), result[place], item)
        return list(result)


def _same(old: Obj, keys: list[str], own: list[Any]) -> bool:
    return all(value is None or old.get(key) == value for key, value in zip(keys, own, strict=True))
