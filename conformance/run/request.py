"""What the user asked for, in one value: the command and the pytest options both end here, so that they cannot differ."""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from conformance.cluster.settings import DEFAULT_IMAGE, Settings
from conformance.verdicts import Impact

SIMULATED_WINDOW = 2.0
"""Absence window in seconds on the simulated cluster, whose controllers answer within milliseconds."""


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
            descriptor_files=tuple(str(Path(file).resolve()) for file in self.descriptors),
        )


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
