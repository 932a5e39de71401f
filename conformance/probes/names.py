"""Names and labels of everything that a run puts on a cluster, so that it can be found again and swept."""

import hashlib
from collections.abc import Mapping
from typing import Any

RUN_LABEL = "kube-ai-conformance.dev/run"
CHECK_LABEL = "kube-ai-conformance.dev/check"
SANDBOX_LABEL = "kube-ai-conformance.dev/sandbox"
"""Tells the variants of a check apart, whose sandboxes may share a namespace that was given."""
PREFIX = "ai-conformance"


def home_namespace(run_id: str) -> str:
    """Namespace of the run itself; it holds the Lease."""
    return f"{PREFIX}-{run_id}"


def check_namespace(run_id: str, check_id: str, suffix: str = "") -> str:
    """Namespace of one check: run id and a short hash of the check id, within 63 characters."""
    return "-".join(filter(None, (PREFIX, run_id, short(check_id), suffix)))


def short(text: str) -> str:
    """Eight hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def is_of(obj: Mapping[str, Any], own: str) -> bool:
    """Whether an object carries the label of this check's sandbox."""
    return bool(((obj.get("metadata") or {}).get("labels") or {}).get(SANDBOX_LABEL) == own)


def labels(run_id: str, check_id: str) -> dict[str, str]:
    """Labels of an object that a check makes; label values hold no slash, so the variant's brackets go too."""
    value = check_id.partition("[")[0].replace("/", ".")[:63].rstrip(".-_")
    return {RUN_LABEL: run_id, CHECK_LABEL: value, SANDBOX_LABEL: short(run_id + check_id)}
