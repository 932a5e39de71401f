"""Breaches of a JSON Schema, said as a person would: what is there, what was wanted, what was probably meant."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from conformance.documents.wording import NodePath, did_you_mean, quoted

_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "boolean": "true or false",
    "null": "nothing",
    "integer": "a whole number",
    "number": "a number",
}


@cache
def _validator(schema: Path) -> Draft202012Validator:
    return Draft202012Validator(json.loads(schema.read_text(encoding="utf-8")))


def breaches(schema: Path, data: Any) -> list[ValidationError]:
    """Every breach, each in the branch of anyOf, oneOf or if/then that says most."""
    errors = _validator(schema).iter_errors(data)
    return [best_match([error]) or error for error in errors]


def explain(error: ValidationError, written: Mapping[NodePath, str]) -> tuple[NodePath, str]:
    """Place and sentence for one breach."""
    path: NodePath = tuple(error.absolute_path)
    value: Any = error.instance
    wanted: Any = error.validator_value
    schema: Any = error.schema
    if error.validator == "additionalProperties":
        known = sorted(schema.get("properties", ()))
        key = next(key for key in value if key not in known)
        hint = did_you_mean(key, known) or f"; known are {', '.join(known)}"
        return (*path, key), f"the key {quoted(key)} is unknown{hint}"
    if error.validator == "required":
        return path, f"the key {next(key for key in wanted if key not in value)!r} is missing"
    if error.validator == "enum":
        suggestion = did_you_mean(str(value), [w for w in wanted if isinstance(w, str)])
        return path, f"{quoted(value)} is not one of {', '.join(map(str, wanted))}{suggestion}"
    if error.validator == "type":
        return path, _explain_type(value, wanted, written.get(path))
    if error.validator == "pattern" and "description" in schema:
        return path, f"{quoted(value)} is not {schema['description']}"
    return path, quoted(error.message, 300)[1:-1]


def _explain_type(value: object, wanted: str | list[str], written: str | None) -> str:
    kinds = [wanted] if isinstance(wanted, str) else wanted
    names = " or ".join(_KINDS[kind] for kind in kinds)
    if written is not None and "string" in kinds:
        return f'{written} is read as a number, {names} is wanted; quote it: "{written}"'
    return f"{quoted(value)} is not {names}"
