"""The state of this process: the plan it was given and the check that it runs now.

The fixtures of ``checks/conftest.py`` and the hooks meet here; workers are given everything by the controller, as JSON, so
that the cluster is looked at once.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance import __version__
from conformance.cluster.settings import Settings
from conformance.errors import UsageError
from conformance.evidence import Evidence, now
from conformance.run import judging
from conformance.run.broker import Broker
from conformance.run.plan import Planned
from conformance.run.progress import Teller

if TYPE_CHECKING:
    from conformance.cluster.api import Api
    from conformance.inventory import Inventory
    from conformance.inventory.descriptors import Descriptor
    from conformance.probes import Sandbox


@dataclass
class Process:
    """What one process of a run knows."""

    settings: Settings
    inventory_json: dict[str, Any]
    plan: dict[str, Planned]
    """Planned checks by record id, in the order in which they run."""
    folder: Path
    """Private folder of the run: locks and the progress socket."""
    evidence: Path

    def __post_init__(self) -> None:
        self.broker = Broker(self.folder)
        self.teller = Teller(self.folder)

    @cached_property
    def inventory(self) -> "Inventory":
        """The inventory that the controller took."""
        from conformance.inventory import Inventory  # noqa: PLC0415 - not before a check asks for it

        return Inventory.from_json(self.inventory_json)

    @cached_property
    def descriptors(self) -> "tuple[Descriptor, ...]":
        """What the suite and the user know about accelerators."""
        from conformance.inventory import descriptors  # noqa: PLC0415 - not before a check asks for it

        return descriptors.load(self.settings.descriptor_files)

    @cached_property
    def api(self) -> "Api":
        """Connection of this process; checks use it under their own names."""
        from conformance.cluster import connect  # noqa: PLC0415 - the Kubernetes client loads when a check needs it

        return connect(self.settings.kubeconfig, self.settings.context)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data for a worker."""
        return {
            "settings": self.settings.to_json(),
            "inventory": self.inventory_json,
            "plan": [planned.to_json() for planned in self.plan.values()],
            "folder": str(self.folder),
            "evidence": str(self.evidence),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Process":
        """Process from what ``to_json`` gave."""
        plan = [Planned.from_json(entry) for entry in data["plan"]]
        return cls(
            settings=Settings.from_json(data["settings"]),
            inventory_json=data["inventory"],
            plan={entry.id: entry for entry in plan},
            folder=Path(data["folder"]),
            evidence=Path(data["evidence"]),
        )


class LiveEvidence(Evidence):
    """Evidence that also says on the progress line what the check does."""

    def __init__(self, folder: Path, teller: Teller, check: str) -> None:
        super().__init__(folder)
        self._teller, self._check = teller, check

    def step(self, action: str, *, expected: str = "", observed: object = "", obj: str = "", **facts: Any) -> None:
        """Add one step."""
        super().step(action, expected=expected, observed=observed, obj=obj, **facts)
        self._teller.tell(self._check, action, None)


@dataclass
class Running:
    """One check variant while it runs."""

    process: Process
    planned: Planned
    started: str = field(default_factory=now)
    began: float = field(default_factory=time.monotonic)
    judgement: judging.Judgement | None = None
    leftovers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        name = self.planned.id.replace("/", ".").replace("[", ".").rstrip("]")
        self.evidence = LiveEvidence(self.process.evidence / name, self.process.teller, self.planned.id)
        self._api: Api | None = None

    def start(self) -> None:
        """Begin to count: waiting for accelerators is not the check's own time."""
        self.started, self.began = now(), time.monotonic()
        self.process.teller.tell(self.planned.id, "", None)

    @property
    def api(self) -> "Api":
        """The cluster under the name of this check."""
        if self._api is None:
            self._api = self.process.api.with_agent(f"kube-ai-conformance/{__version__} ({self.planned.id})")
            self._api.on_wait = self._tell_wait
        return self._api

    def _tell_wait(self, what: str, limit: float) -> None:
        self.process.teller.tell(self.planned.id, f"waiting for {what}", limit)

    @contextmanager
    def sandbox(self) -> Iterator["Sandbox"]:
        """The check's own namespace; what it leaves behind goes into the record."""
        from conformance.probes import Sandbox  # noqa: PLC0415 - not before a check asks for it

        settings, label = self.process.settings, self.planned.id.replace("/", ".")
        box = Sandbox(self.api, run_id=settings.run_id, check_id=label, settings=settings, evidence=self.evidence)
        try:
            with box as entered:
                yield entered
        finally:
            self.leftovers += box.leftovers

    def record(self) -> judging.Record:
        """The record as things stand."""
        judgement = self.judgement or judging.passed(self.evidence)
        seconds = time.monotonic() - self.began
        record = judging.make(self.planned, judgement, started=self.started, seconds=seconds, evidence=self.evidence)
        record["leftovers"] = judging.clean({"found": self.leftovers})["found"]
        if self._api is not None:
            counters = self._api.counters
            spent = {"calls": counters.calls, "bytes": counters.bytes, "wait_seconds": round(counters.wait_seconds, 3)}
            record["api"] = spent
        return record


def of(state: Running | None) -> Running:
    """The running check, or the cure where a check was started without the plugin."""
    if state is None:
        cure = 'start checks with `ai-conformance run` or `pytest "$(ai-conformance path)" --ai-kubeconfig FILE`'
        raise UsageError(f"this check runs outside a conformance run; {cure}")
    return state
