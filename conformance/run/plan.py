"""What will run, decided before anything is touched: the list of records that the run owes, and what each may use.

A record that the plan promises and nobody delivers is reported as unverified, so no check can vanish from a report.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from conformance.catalogue import CheckInfo
from conformance.inventory.kinds import DRA
from conformance.verdicts import Verdict


class Kind(Protocol):
    """What the plan needs to know of an accelerator kind."""

    @property
    def id(self) -> str:
        """Slug, used as the variant."""

    @property
    def way(self) -> str:
        """How it is handed out: ``dra`` or ``device-plugin``."""


class Inventory(Protocol):
    """What the plan needs to know of a cluster."""

    @property
    def kinds(self) -> Sequence[Kind]:
        """Accelerator kinds that were found."""

    @property
    def dra_types(self) -> Sequence[str]:
        """Served types of resource.k8s.io."""


@dataclass(frozen=True, kw_only=True)
class Withheld:
    """Why a planned check gets its verdict without running."""

    verdict: Verdict
    code: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One check variant of the run."""

    id: str
    requirement: str
    check: str
    variant: str | None
    section: str
    title: str
    decides: str
    provisional: bool
    accelerators: int
    locks: tuple[str, ...]
    """Accelerator kinds that the check holds alone while it runs."""
    longest: float
    why_longest: str
    impact: str
    needs: tuple[str, ...]
    withheld: Withheld | None = None

    @property
    def check_id(self) -> str:
        """Id without the variant."""
        return f"{self.requirement}/{self.check}"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data for a worker."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Planned":
        """Planned check from what ``to_json`` gave."""
        values = dict(data, locks=tuple(data["locks"]), needs=tuple(data["needs"]))
        if withheld := data["withheld"]:
            values["withheld"] = Withheld(**dict(withheld, verdict=Verdict(withheld["verdict"])))
        return cls(**values)


def record_id(requirement: str, check: str, variant: str | None) -> str:
    """``requirement/check[variant]``."""
    return f"{requirement}/{check}" + (f"[{variant}]" if variant else "")


def id_of_node(nodeid: str) -> str:
    """Record id for a pytest node id: ``security/test_a.py::test_b[v]`` is ``a/b[v]``."""
    file, _, function = nodeid.partition("::")
    name, bracket, variant = function.partition("[")
    requirement = file.rpartition("/")[2].removesuffix(".py").removeprefix("test_")
    return record_id(requirement, name.removeprefix("test_"), variant[:-1] if bracket else None)


def expand(catalogue: Iterable[CheckInfo], inventory: Inventory) -> list[Planned]:
    """Every check of the catalogue in every variant that the inventory offers, the longest first."""
    planned = [_planned(info, variant, inventory) for info in catalogue for variant in variants(info, inventory)]
    return sorted(planned, key=lambda entry: (-entry.longest, entry.id))


def variants(info: CheckInfo, inventory: Inventory) -> Sequence[str | None]:
    """Variant ids of a check; one without a name where there is nothing to vary over."""
    if info.spec.variants == "kinds":
        return [kind.id for kind in inventory.kinds] or [None]
    if info.spec.variants == "dra_kinds":
        return [kind.id for kind in inventory.kinds if kind.way == DRA] or [None]
    if info.spec.variants == "dra_types":
        return list(inventory.dra_types) or [None]
    return [None]


def _planned(info: CheckInfo, variant: str | None, inventory: Inventory) -> Planned:
    spec = info.spec
    ways = {kind.id: kind.way for kind in inventory.kinds}
    kinds = (variant,) if variant in ways else tuple(sorted(ways))
    return Planned(
        id=record_id(info.requirement, info.name, variant),
        requirement=info.requirement,
        check=info.name,
        variant=variant,
        section=info.section,
        title=info.title,
        decides=spec.decides,
        provisional=spec.provisional,
        accelerators=spec.accelerators,
        locks=kinds if spec.accelerators else (),
        longest=spec.longest,
        why_longest=spec.why_longest,
        impact=spec.impact,
        needs=spec.needs_for(ways.get(variant, variant) if variant else None),
    )
