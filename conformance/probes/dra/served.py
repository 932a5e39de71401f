"""Whether the API server serves a field: written as a dry run and read back, because a gate that is off drops it silently."""

from conformance.cluster import errors
from conformance.cluster.api import Object
from conformance.inventory import taint_rules
from conformance.probes import names
from conformance.probes.crud import missing
from conformance.probes.sandbox import Sandbox
from conformance.verdicts import NotApplicable, Unverified


def must_keep(sandbox: Sandbox, collection: str, body: Object, without: Object, field: str) -> None:
    """``NotApplicable`` where the server drops ``field`` of the body, or refuses it and takes the body ``without`` it.

    A required field that is dropped makes the object invalid, and an older server knows no such field: both refuse it.
    """
    version = body["apiVersion"]
    try:
        stored = sandbox.api.create(collection, body, dry_run=True)
    except (errors.Invalid, errors.BadRequest) as error:
        _must_take(sandbox, collection, without, error)
        raise NotApplicable(
            f"{version} does not take {field} ({error}); the same {body['kind']} without it is taken",
            code="field_not_served",
        ) from error
    lost = missing(body["spec"], stored.get("spec"))
    sandbox.evidence.step(
        f"sent a {body['kind']} with {field} (dry run) and read the answer",
        expected="every field that was sent",
        observed=f"spec{lost} was dropped" if lost else "every field that was sent",
    )
    if lost:
        raise NotApplicable(
            f"{version} drops {field}: of a {body['kind']} that was sent as a dry run, spec{lost} did not come back",
            code="field_not_served",
        )


def _must_take(sandbox: Sandbox, collection: str, body: Object, refusal: errors.ApiError) -> None:
    try:
        sandbox.api.create(collection, body, dry_run=True)
    except (errors.Invalid, errors.BadRequest) as error:
        raise Unverified(
            f"the server refuses the object with the field ({refusal}) and without it ({error})", code="create_refused"
        ) from error


def taint_rules_of_others(sandbox: Sandbox) -> list[Object]:
    """DeviceTaintRules that are not of this check; none where the type is not served. One that another check left closes a device."""
    return [rule for rule in taint_rules.rules(sandbox.api) if not names.is_of(rule, sandbox.own)]
