"""Options of a run, told once: the command has them under their own names, pytest under names that begin with ``--ai-``."""

import argparse
from collections.abc import Callable
from typing import Any

Add = Callable[..., Any]
"""``add_argument`` of argparse or ``addoption`` of pytest."""


def positive(text: str) -> float:
    """A number above 0 and up to 100."""
    value = float(text)
    if not 0 < value <= 100:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0 and up to 100")
    return value


def count(text: str) -> int:
    """A whole number from 1 to 64."""
    value = int(text)
    if not 1 <= value <= 64:  # noqa: PLR2004
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 64")
    return value


def _many(metavar: str, text: str) -> dict[str, Any]:
    return {"action": "append", "default": [], "metavar": metavar, "help": text}


def _one(metavar: str, text: str) -> dict[str, Any]:
    return {"metavar": metavar, "help": text}


def _flag(text: str) -> dict[str, Any]:
    return {"action": "store_true", "help": text}


SELECT = "requirement, check, variant, section or level; all of the profile if none"
CLUSTER = {
    "kubeconfig": _one("FILE", "default: $KUBECONFIG, ~/.kube/config, or the pod's account"),
    "context": _one("NAME", "context of the kubeconfig (default: the current one)"),
}
RUN = {
    "profile": _one("P", "name or YAML file (default: by the version of the server)"),
    "out": _one("DIR", "folder for results and evidence (default: a new one with the time in its name)"),
    "section": _many("S", "only checks of this section"),
    "level": _many("L", "only requirements of this level: MUST, SHOULD, none"),
    "variant": _many("V", "only this variant, such as an accelerator kind"),
    "skip": _many("WORD", "report what matches as skipped"),
    "descriptor": _many("FILE", "descriptor of one more kind of accelerator"),
    "timeout-scale": {
        "type": positive,
        "default": 1.0,
        "metavar": "F",
        "help": "factor on every limit, for slow clusters",
    },
    "namespace": _one("NS", "work inside this namespace, where creating namespaces is forbidden"),
    "probe-image": _one("IMAGE", "image of the probe pods"),
    "registry": _one("HOST", "registry that replaces the one of every image"),
    "runtime-class": _one("NAME", "RuntimeClass of pods that hold an accelerator"),
    "impact": {
        "default": "probe",
        "choices": ["observe", "probe", "contend", "disrupt"],
        "help": "most that a check may do",
    },
    "keep": _flag("leave the objects of the checks in place; `sweep` removes them later"),
}
SCHEDULING = {
    "gang-solution": _one("NAME", "try this gang scheduler only, such as kueue (default: every one that is found)"),
    "local-queue": _one("NAMESPACE/NAME", "Kueue LocalQueue to use; gangs for Kueue run in its namespace"),
    "create-queues": _flag("let checks make queues of their own; their quota oversells accelerators of others' queues"),
    "gang-nodes": {
        "choices": ["few", "all"],
        "default": "few",
        "help": "nodes on which gangs are tried; all takes every free accelerator of a kind (default: few)",
    },
    "node-pool": _one("LABEL=VALUE", "node pool that is to grow"),
    "allow-scale-up": _flag("let checks make the cluster add nodes, which may cost money"),
    "prometheus": _one("URL", "Prometheus as pods of the cluster reach it, for KEDA"),
    "queue-metric": _one("NAME", "name by which a metrics adapter serves the probe's queue depth"),
    "token-metric": _one("NAME", "name by which a metrics adapter serves the probe's tokens per second"),
}
"""What checks of scheduling and scaling may use and do."""


def add(table: dict[str, dict[str, Any]], adder: Add, prefix: str = "--") -> None:
    """Add the options of a table, each under its name after the prefix."""
    for name, keywords in table.items():
        adder(f"{prefix}{name}", **keywords)
