"""From a request body to an object: apiVersion and kind agree, unknown fields are dropped or refused, types are right."""

from typing import Any

from conformance.simulator.api import errors
from conformance.simulator.api.errors import Cause
from conformance.simulator.api.options import Options
from conformance.simulator.kinds import Kind, Kinds
from conformance.simulator.kinds.conversion import convert
from conformance.simulator.kinds.schemas import Reader
from conformance.simulator.objects import Obj


def decode(kinds: Kinds, kind: Kind, body: Any, options: Options) -> tuple[Obj, list[Cause]]:
    """The object in the version that is stored, and the required values that are missing in it."""
    if not isinstance(body, dict):
        raise errors.bad_request(f"the object provided is not a JSON object but a {type(body).__name__}")
    body = {"apiVersion": kind.api_version, "kind": kind.kind, **body}
    if (body["apiVersion"], body["kind"]) != (kind.api_version, kind.kind):
        given = f"{body['kind']} in version {body['apiVersion']}"
        raise errors.bad_request(
            f"the API version in the data ({given}) does not match the expected API version ({kind.api_version})"
        )
    reader = Reader(kinds.resolve, custom=kind.custom is not None)
    obj = reader.read(kind.schema, body)
    found = reader.findings
    if not isinstance(obj.get("metadata", {}), dict) or found.wrong_types:
        words = ", ".join(found.wrong_types) or "metadata is not an object"
        what = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}'
        raise errors.bad_request(f"{what}: json: {words}")
    unknown = [f'unknown field "{path}"' for path in found.unknown]
    if unknown and options.field_validation == "Strict":
        what = f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}'
        raise errors.bad_request(f"{what}: strict decoding error: {', '.join(unknown)}")
    if options.field_validation == "Warn":
        options.warnings.extend(unknown)
    obj.setdefault("metadata", {}).pop("managedFields", None)
    return dict(convert(kinds.get(kind.stored_as), obj)), found.causes
