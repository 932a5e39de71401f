"""Defaults and rules of jobs and of what keeps replicas."""

import re

from conformance.simulator.api.errors import Cause, invalid, required, unsupported
from conformance.simulator.kinds.hooks import defaults, validates
from conformance.simulator.objects import Obj, dig, name_of, uid_of

_FIXED = "field is immutable"
_UID, _NAME = "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"


@defaults("jobs.batch")
def job(obj: Obj) -> None:
    """Counts, and the selector that the server makes."""
    spec = obj.setdefault("spec", {})
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    for key, value in (
        ("parallelism", 1),
        ("backoffLimit", 6),
        ("completionMode", "NonIndexed"),
        ("suspend", False),
        ("podReplacementPolicy", "TerminatingOrFailed"),
    ):
        spec.setdefault(key, value)
    if spec.get("manualSelector") or spec.get("selector"):
        return
    spec["manualSelector"] = False
    spec["selector"] = {"matchLabels": {_UID: uid_of(obj)}}
    meta = spec.setdefault("template", {}).setdefault("metadata", {})
    marks = {_UID: uid_of(obj), _NAME: name_of(obj), "controller-uid": uid_of(obj), "job-name": name_of(obj)}
    meta["labels"] = {**(meta.get("labels") or {}), **marks}


def _not_negative(spec: Obj, *names: str) -> list[Cause]:
    return [
        invalid(f"spec.{name}", spec[name], "must be greater than or equal to 0")
        for name in names
        if isinstance(spec.get(name), int) and spec[name] < 0
    ]


@validates("jobs.batch")
def job_rules(obj: Obj, old: Obj | None) -> list[Cause]:
    """A job ends, and what it is stays."""
    spec = obj.get("spec") or {}
    causes = _not_negative(spec, "parallelism", "completions", "backoffLimit", "activeDeadlineSeconds")
    causes += _not_negative(spec, "ttlSecondsAfterFinished")
    policy = dig(spec, "template", "spec", "restartPolicy")
    field = "spec.template.spec.restartPolicy"
    if policy not in ("OnFailure", "Never"):
        causes.append(
            required(field, 'valid values: "OnFailure", "Never"')
            if policy in ("", None)
            else unsupported(field, policy, ("OnFailure", "Never"))
        )
    if spec.get("completionMode") not in (None, "NonIndexed", "Indexed"):
        causes.append(unsupported("spec.completionMode", spec["completionMode"], ("Indexed", "NonIndexed")))
    if spec.get("completionMode") == "Indexed" and spec.get("completions") is None:
        causes.append(required("spec.completions", "when completion mode is Indexed"))
    return causes + (_job_update(spec, old["spec"]) if old else [])


def _job_update(spec: Obj, before: Obj) -> list[Cause]:
    fields = ["selector", "completionMode"]
    fields += [] if spec.get("completionMode") == "Indexed" else ["completions"]
    fields += [] if before.get("suspend") else ["template"]
    return [invalid(f"spec.{name}", spec.get(name), _FIXED) for name in fields if spec.get(name) != before.get(name)]


@validates("deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps")
def replicas(obj: Obj, old: Obj | None) -> list[Cause]:
    """A selector is there and stays; pods are always restarted."""
    spec = obj.get("spec") or {}
    causes = _not_negative(spec, "replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
    selector = spec.get("selector")
    if not selector:
        causes.append(required("spec.selector"))
    elif old and old["spec"].get("selector") != selector:
        causes.append(invalid("spec.selector", selector, _FIXED))
    for name in ("maxSurge", "maxUnavailable"):
        value = dig(spec, "strategy", "rollingUpdate", name)
        if isinstance(value, str) and not re.fullmatch(r"[0-9]+%", value):
            words = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%')"
            causes.append(invalid(f"spec.strategy.rollingUpdate.{name}", value, words))
    policy = dig(spec, "template", "spec", "restartPolicy")
    if policy != "Always":
        causes.append(unsupported("spec.template.spec.restartPolicy", policy, ("Always",)))
    if not dig(spec, "template", "spec", "containers"):
        causes.append(required("spec.template.spec.containers"))
    return causes
