"""What will run, decided before anything is touched: the list of records that the run owes, and what each may use.

A record that the plan promises and nobody delivers is reported as unverified, so no check can vanish from a report.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from conformance.catalogue import CheckInfo, requirement_of
from conformance.declaration import QUEUES, WITH
from conformance.inventory.kinds import CPU, DRA
from conformance.inventory.solutions import AUTOSCALER, METRICS, Solution
from conformance.inventory.vendor import PARTITIONS
from conformance.verdicts import Verdict


class Kind(Protocol):
    """What the plan needs to know of an accelerator kind."""

    @property
    def id(self) -> str:
        """Slug, used as the variant."""

    @property
    def way(self) -> str:
        """How it is handed out: ``dra`` or ``device-plugin``."""

    @property
    def name(self) -> str:
        """DRA driver or extended resource."""

    @property
    def strategy(self) -> str:
        """Way of sharing, empty for whole devices."""


class Inventory(Protocol):
    """What the plan needs to know of a cluster."""

    @property
    def kinds(self) -> Sequence[Kind]:
        """Accelerator kinds that were found."""

    @property
    def dra_types(self) -> Sequence[str]:
        """Served types of resource.k8s.io."""

    @property
    def pools(self) -> Sequence[Kind]:
        """The kinds over all their nodes."""

    @property
    def shares(self) -> Sequence[Kind]:
        """Kinds whose units are shares of devices, node by node."""

    @property
    def virtual(self) -> Sequence[Kind]:
        """Kinds whose units are virtual devices, node by node."""

    def virtualizable(self) -> Sequence[Kind]:
        """These, and a kind of each vendor that has none."""

    @property
    def solutions(self) -> Sequence[Solution]:
        """What is installed for scheduling and scaling."""


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
    holds: str
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
    return record_id(
        requirement_of(file.rpartition("/")[2]), name.removeprefix("test_"), variant[:-1] if bracket else None
    )


def expand(catalogue: Iterable[CheckInfo], inventory: Inventory, *, queues: bool = False) -> list[Planned]:
    """Every check of the catalogue in every variant that the inventory offers, the longest first.

    ``queues`` says that checks may make queues of their own, for which they need permissions.
    """
    planned = [
        _planned(info, variant, inventory, queues=queues) for info in catalogue for variant in variants(info, inventory)
    ]
    return sorted(planned, key=lambda entry: (-entry.longest, entry.id))


def variants(info: CheckInfo, inventory: Inventory) -> Sequence[str | None]:
    """Variant ids of a check; one without a name where there is nothing to vary over."""
    listed: dict[str, Iterable[str]] = {
        "kinds": (kind.id for kind in inventory.kinds),
        "shares": (share.id for share in inventory.shares),
        "virtual": (kind.id for kind in inventory.virtualizable()),
        "dra_kinds": (kind.id for kind in inventory.kinds if kind.way == DRA),
        "dra_pools": (pool.id for pool in inventory.pools if pool.way == DRA),
        "dra_types": inventory.dra_types,
    }
    if info.spec.variants in listed:
        return list(listed[info.spec.variants]) or [None]
    if info.spec.variants in ("gang", "metrics"):
        pools = [pool.id for pool in inventory.pools] or ([CPU] if info.spec.variants == "gang" else [])
        found = [s.id for s in inventory.solutions if s.family == info.spec.variants]
        return [f"{pool}{WITH}{solution}" for pool in pools for solution in found] or [None]
    if info.spec.variants in ("adapters", "autoscalers"):
        family = METRICS if info.spec.variants == "adapters" else AUTOSCALER
        return [s.id for s in inventory.solutions if s.family == family] or [None]
    return [None]


def _ways(variant: str | None, inventory: Inventory, *, queues: bool) -> list[str] | None:
    """What the permissions of a variant depend on: allocation way, DRA type, solution; None: nothing is known, so all."""
    if variant is None:
        return None
    base, _, solution = variant.partition(WITH)
    ways = {kind.id: kind.way for kind in (*inventory.kinds, *inventory.pools)}
    ways |= {kind.id.partition(WITH)[0]: kind.way for kind in (*inventory.shares, *inventory.virtual)}
    return [ways.get(base, base), solution, *([f"{solution}{QUEUES}"] if queues else [])]


def _locks(variant: str | None, inventory: Inventory, *, by_dra: bool = False) -> tuple[str, ...]:
    """Kinds that a check holds alone: its own, on all nodes where it is about a pool, or all where nothing says which.

    Whole devices and partitions that one DRA driver publishes for a node are cut from the same devices, so that a check of
    the ones holds the others too. ``by_dra``: all that DRA hands out, because it tries partitions and shares of the same
    devices. Gangs that ask for CPU keep out of each other's way as well.
    """
    base = (variant or "").partition(WITH)[0]
    every = (*inventory.kinds, *inventory.shares, *inventory.virtual)
    units = [(unit.id.partition(WITH)[0], unit) for unit in every if not (by_dra and variant) or unit.way == DRA]
    mine = [(name, unit) for name, unit in units if base in (name, name.partition("@")[0])]
    if mine and not by_dra:
        return tuple(sorted({name for name, unit in units for _, own in mine if _contend(unit, own)}))
    if base == CPU:
        return (CPU,)
    return tuple(sorted({name for name, _ in units}))


def _contend(one: Kind, other: Kind) -> bool:
    """Whether two kinds are the same one, or take the same devices: partitions and whole devices of one DRA driver."""
    if one.id.partition(WITH)[0] == other.id.partition(WITH)[0]:
        return True
    return one.way == other.way == DRA and one.name == other.name and PARTITIONS in (one.strategy, other.strategy)


def _planned(info: CheckInfo, variant: str | None, inventory: Inventory, *, queues: bool) -> Planned:
    spec = info.spec
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
        holds=spec.holds,
        locks=_locks(variant, inventory, by_dra=spec.variants == "dra_pools") if spec.accelerators else (),
        longest=spec.longest,
        why_longest=spec.why_longest,
        impact=spec.impact,
        needs=spec.needs_for(_ways(variant, inventory, queues=queues)),
    )
