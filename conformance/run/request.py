"""What the user asked for, in one value: the command and the pytest options both end here, so that they cannot differ."""

import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.cluster.settings import DEFAULT_IMAGE, Settings
from conformance.errors import UsageError
from conformance.verdicts import Impact

SIMULATED_WINDOW = 2.0
"""Absence window in seconds on the simulated cluster, whose controllers answer within milliseconds."""

SIMULATED_SCALING = 20.0
"""The same for nodes that come and go."""
AS_GIVEN = (
    *("profile", "namespace", "keep", "timeout_scale", "registry", "runtime_class", "gang_solution", "gang_nodes"),
    *("create_queues", "allow_scale_up", "queue_metric", "token_metric"),
)
"""Options whose values are taken as they are."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """Choices of one run; every field has the default that a user gets."""

    out: Path
    """Folder for results, reports and evidence."""
    kubeconfig: str | None = None
    context: str | None = None
    profile: str | None = None
    """Name or file; None: by the version of the server."""
    select: tuple[str, ...] = ()
    """Requirement, check, variant, section or level; anything that matches one of them runs."""
    skip: tuple[str, ...] = ()
    """The same words; what matches is reported as skipped."""
    sections: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    keyword: str = ""
    """Expression of words, and, or, not and parentheses over ids and titles."""
    paths: tuple[str, ...] = ()
    """Folders, files or node ids that plain pytest was given; empty: the whole checks folder."""
    namespace: str | None = None
    keep: bool = False
    timeout_scale: float = 1.0
    probe_image: str = DEFAULT_IMAGE
    registry: str | None = None
    runtime_class: str | None = None
    impact: Impact = Impact.PROBE
    descriptors: tuple[str, ...] = ()
    gang_solution: str | None = None
    """The only gang scheduler that is tried; None: every one that is found."""
    local_queue: str | None = None
    create_queues: bool = False
    gang_nodes: str = "few"
    node_pool: str | None = None
    allow_scale_up: bool = False
    prometheus: str | None = None
    queue_metric: str | None = None
    token_metric: str | None = None
    world: str | None = None
    """Name of the simulated world, where the cluster is one of ours."""
    faults: tuple[str, ...] = ()

    @property
    def partial(self) -> bool:
        """Whether the user picked some of the checks; a part of a profile is never conformant."""
        return any((self.select, self.sections, self.levels, self.variants, self.keyword, self.paths))

    def settings(self, run_id: str) -> Settings:
        """The part that reaches below the run."""
        return Settings(
            run_id=run_id,
            kubeconfig=_absolute(self.kubeconfig),
            context=self.context,
            namespace=self.namespace,
            keep=self.keep,
            timeout_scale=self.timeout_scale,
            probe_image=self.probe_image,
            registry=self.registry,
            runtime_class=self.runtime_class,
            impact=self.impact,
            window_seconds=SIMULATED_WINDOW if self.world is not None else 10.0,
            scale_up_seconds=SIMULATED_SCALING if self.world is not None else 1200.0,
            scale_down_seconds=SIMULATED_SCALING if self.world is not None else 1800.0,
            descriptor_files=tuple(str(Path(file).resolve()) for file in self.descriptors),
            local_queue=self.local_queue,
            create_queues=self.create_queues or self.world is not None,
            gang_nodes=self.gang_nodes,
            node_pool=self.node_pool,
            allow_scale_up=self.allow_scale_up or self.world is not None,
            prometheus=self.prometheus,
            queue_metric=self.queue_metric,
            token_metric=self.token_metric,
        )


def from_options(option: Callable[[str], Any], begin: str, **more: Any) -> Request:
    """Request of the values of ``conformance.options``, whose names begin with ``begin`` where the user types them.

    ``more`` says what no option says, or says otherwise. Raises ``UsageError`` for a value that is none.
    """
    values: dict[str, Any] = {name: option(name) for name in AS_GIVEN}
    many = {
        "sections": "section",
        "levels": "level",
        "variants": "variant",
        "descriptors": "descriptor",
        "skip": "skip",
    }
    values |= {name: tuple(option(word)) for name, word in many.items()}
    values |= {
        "out": Path(option("out")) if option("out") else default_out(),
        "probe_image": option("probe_image") or DEFAULT_IMAGE,
        "impact": Impact(option("impact")),
        "local_queue": check_form(f"{begin}local-queue", option("local_queue"), "NAMESPACE/NAME"),
        "node_pool": check_form(f"{begin}node-pool", option("node_pool"), "LABEL=VALUE"),
        "prometheus": check_url(f"{begin}prometheus", option("prometheus")),
    }
    return Request(**(values | more))


def check_form(option: str, value: str | None, form: str) -> str | None:
    """The value of an option that is two words joined by the sign in ``form``. Raises ``UsageError`` with the form."""
    sign = "/" if "/" in form else "="
    if value is not None and (value.count(sign) < 1 or not all(value.partition(sign)[::2])):
        raise UsageError(f"{option} {value!r}: want {form}")
    return value


def check_url(option: str, value: str | None) -> str | None:
    """The value of an option that is a URL of http or https. Raises ``UsageError``."""
    if value is not None and not re.fullmatch(r"https?://[^\s/]+\S*", value):
        raise UsageError(f"{option} {value!r}: want a URL such as http://prometheus.monitoring:9090")
    return value


def _absolute(kubeconfig: str | None) -> str | None:
    """The path from the root, because a worker may run elsewhere; a list of files (as in $KUBECONFIG) stays."""
    if kubeconfig is None or not Path(kubeconfig).is_file():
        return kubeconfig
    return str(Path(kubeconfig).resolve())


def new_run_id() -> str:
    """Short id of a run: part of namespace names and the run label of every object."""
    return secrets.token_hex(4)


def default_out() -> Path:
    """New folder with the time in its name, in the working directory."""
    name = f"ai-conformance-{time.strftime('%Y%m%d-%H%M%S')}"
    candidates = (Path(name if n == 0 else f"{name}-{n}") for n in range(1000))
    return next(path for path in candidates if not path.exists())
