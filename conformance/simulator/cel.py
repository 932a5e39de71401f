"""CEL expressions of device selectors, compiled and evaluated by a real CEL library.

The library knows neither ``cel.bind`` nor optional field access; such an expression is refused loudly, never guessed at. The
functions of Kubernetes (``quantity``, ``semver`` and their methods) are added here.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from conformance.simulator.quantities import parse

_VERSION = re.compile(r"^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$")
_METHODS = (
    "compareTo",
    "isGreaterThan",
    "isLessThan",
    "add",
    "sub",
    "sign",
    "asInteger",
    "isInteger",
    "asApproximateFloat",
    "major",
    "minor",
    "patch",
)
_KNOWN = {
    "quantity", "isQuantity", "semver", "isSemver", *_METHODS, "size", "startsWith", "endsWith", "contains", "matches", "int", "uint",
    "double", "string", "bool", "bytes", "type", "dyn", "has", "all", "exists", "exists_one", "map", "filter", "duration", "timestamp",
    "lowerAscii", "upperAscii", "replace", "split", "join", "substring", "indexOf", "lastIndexOf", "trim", "charAt", "intersects",
    "equivalent", "min", "max", "sum", "isSorted", "find", "findAll", "includes", "reverse", "format", "getType",
}  # fmt: skip
_FIELDS = ("driver", "attributes", "capacity", "allowMultipleAllocations")
_FIELD = re.compile(r"\bdevice\s*\.\s*([A-Za-z_]\w*)")
_DOMAIN = re.compile(r"""\bdevice\s*\.\s*(attributes|capacity)\s*\[\s*(["'])([^"']+)\2\s*\]""")
_WORDS = re.compile(r"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")


class CelError(ValueError):
    """An expression that does not compile, or that failed while it was evaluated."""


def _tagged(kind: str, text: str) -> dict[str, Any]:
    return {"kind": kind, "text": text}


def quantity(text: str) -> dict[str, Any]:
    """The CEL value of a quantity."""
    parse(text)
    return _tagged("quantity", str(text))


def semver(text: str) -> dict[str, Any]:
    """The CEL value of a semantic version."""
    if not _VERSION.match(text):
        raise ValueError(f"semver {text!r}: want MAJOR.MINOR.PATCH")
    return _tagged("semver", text)


def _key(value: Any) -> Any:
    if value["kind"] == "quantity":
        return parse(value["text"])
    found = _VERSION.match(value["text"])
    if not found:
        raise ValueError(f"semver {value['text']!r}: want MAJOR.MINOR.PATCH")
    before = [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in (found[4] or "").split(".") if p]
    return (int(found[1]), int(found[2]), int(found[3]), not before, before)


def _compare(left: Any, right: Any) -> int:
    return int(_key(left) > _key(right)) - int(_key(left) < _key(right))


def _holds(check: Callable[[str], Any]) -> Callable[[str], bool]:
    def test(text: str) -> bool:
        try:
            check(text)
        except ValueError:
            return False
        return True

    return test


def _part(n: int) -> Callable[[Any], int]:
    return lambda value: int(_key(value)[n])


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "quantity": quantity,
    "semver": semver,
    "isQuantity": _holds(quantity),
    "isSemver": _holds(semver),
    "compareTo": _compare,
    "isGreaterThan": lambda left, right: _compare(left, right) > 0,
    "isLessThan": lambda left, right: _compare(left, right) < 0,
    "asInteger": lambda value: int(_key(value)),
    "isInteger": lambda value: _key(value).denominator == 1,
    "asApproximateFloat": lambda value: float(_key(value)),
    "sign": lambda value: int(_key(value) > 0) - int(_key(value) < 0),
    "major": _part(0),
    "minor": _part(1),
    "patch": _part(2),
}


@lru_cache(maxsize=1000)
def compile_selector(expression: str) -> Any:
    """A device selector's program; ``CelError`` with the reason where it does not compile."""
    import cel  # noqa: PLC0415 - loaded when it is needed

    code = _WORDS.sub("''", expression)
    if "cel.bind" in code:
        raise CelError("compilation failed: cel.bind is not supported by the simulated cluster")
    try:
        program = cel.compile(expression)
    except ValueError as wrong:
        words = str(wrong).partition("': ")[2] or str(wrong)
        raise CelError(f"compilation failed: {words}".replace("\n|", "\n |")) from wrong
    for name in program.functions():
        if name[0].isalpha() and name not in _KNOWN:
            raise _failed(code, name, f"undeclared reference to '{name}' (in container '')")
    bound = set(re.findall(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*(\w+)\s*,", code))
    for name in program.variables():
        if name not in {"device", "sets", "math", "cel", *bound} and not name.startswith("@"):
            raise _failed(expression, name, f"undeclared reference to '{name}' (in container '')")
    for name in _FIELD.findall(code):
        if name not in _FIELDS:
            raise _failed(expression, f".{name}", f"undefined field '{name}'")
    if kind := _constant_kind(program, code):
        raise CelError(f"must evaluate to bool or the unknown type, not {kind}")
    return program


def _failed(expression: str, name: str, words: str) -> CelError:
    """A refusal that shows the place, as the real compiler does."""
    place = max(expression.find(name), 0)
    return CelError(f"compilation failed: ERROR: <input>:1:{place + 1}: {words}\n | {expression}\n | {'.' * place}^")


def undefined(expression: str, field: str) -> str:
    """Why an expression does not compile where devices have no such field; nothing where it does not use it."""
    if field not in _FIELD.findall(_WORDS.sub("''", expression)):
        return ""
    return str(_failed(expression, f".{field}", f"undefined field '{field}'"))


def _constant_kind(program: Any, code: str) -> str:
    """The type of an expression without any device in it, where that is not true or false; others are judged when evaluated."""
    if "device" in code:
        return ""
    try:
        value = _run(program, {})
    except CelError:
        return "error"
    return "" if isinstance(value, bool) else {"str": "string"}.get(type(value).__name__, type(value).__name__)


def selects(expression: str, device: dict[str, Any]) -> bool:
    """Whether a selector takes a device (``driver``, ``attributes`` and ``capacity`` by domain, changed in place).

    A domain that a device knows nothing of is an empty map, as on a real cluster.
    """
    for side, _, domain in _DOMAIN.findall(expression):
        device[side].setdefault(domain, {})
    result = _run(compile_selector(expression), {"device": device})
    if not isinstance(result, bool):
        raise CelError(f"CEL expression evaluated to {type(result).__name__}, want bool")
    return result


def _run(program: Any, variables: dict[str, Any]) -> Any:
    import cel  # noqa: PLC0415 - loaded when it is needed
    from cel.stdlib import add_stdlib_to_context  # noqa: PLC0415 - loaded when it is needed

    context = cel.Context(variables=variables)
    add_stdlib_to_context(context)
    for name, function in _FUNCTIONS.items():
        context.add_function(name, function)
    try:
        return program.execute(context)
    except KeyError as missing:
        raise CelError(f"no such key: {missing.args[0]}") from missing
    except (TypeError, ValueError, RuntimeError, AttributeError) as wrong:
        raise CelError(str(wrong)) from wrong


def device_view(driver: str, device: dict[str, Any]) -> dict[str, Any]:
    """A device of a ResourceSlice as CEL sees it: unqualified names belong to the driver's domain."""
    view: dict[str, Any] = {"driver": driver, "attributes": {}, "capacity": {}}
    view["allowMultipleAllocations"] = bool(device.get("allowMultipleAllocations"))
    for name, typed in (device.get("attributes") or {}).items():
        domain, _, short = name.rpartition("/")
        kind, value = next(iter(typed.items()), ("", None))
        view["attributes"].setdefault(domain or driver, {})[short] = (
            semver(str(value)) if kind == "version" and _VERSION.match(str(value)) else value
        )
    for name, amount in (device.get("capacity") or {}).items():
        domain, _, short = name.rpartition("/")
        view["capacity"].setdefault(domain or driver, {})[short] = quantity(amount["value"])
    for side in ("attributes", "capacity"):
        view[side].setdefault(driver, {})
    return view
