"""The plan in words: what a run will do to a cluster, before it does it."""

from collections import Counter
from collections.abc import Iterable

from conformance.cluster.settings import Settings
from conformance.evidence import bounded
from conformance.inventory import Inventory
from conformance.inventory.vendor import SHARED_CLAIM
from conformance.probes.names import home_namespace
from conformance.run import preflight
from conformance.run.plan import Planned
from conformance.run.session import Session
from conformance.verdicts import Impact


def overview(session: Session) -> list[str]:
    """Which cluster is about to be touched, and what will be made on it."""
    cluster = session.header["cluster"]
    context = f"context {cluster['context']}, " if cluster["context"] else ""
    where = f"simulated, world {cluster['world']}" if cluster["simulated"] else cluster["server"]
    running = [entry for entry in session.plan if not entry.withheld]
    rows = [
        ("cluster", f"{where} ({context}Kubernetes {cluster['version']}, {cluster['nodes']} nodes)"),
        ("profile", f"{session.profile.id}: {session.profile.title}"),
        ("accelerators", accelerators(session.inventory)),
        ("checks", _checks(session.plan)),
        ("creates", creates(running, session.settings)),
        ("images", session.settings.image() if any(map(makes_pods, running)) else "none"),
        ("holds", holds(running)),
        ("longest", longest(running)),
    ]
    return [bounded(f"{name:<13}{text}") for name, text in rows]


def accelerators(inventory: Inventory) -> str:
    """The kinds and how many devices of each are free."""
    shares = (share for share in inventory.shares if share.strategy != SHARED_CLAIM)
    found = (*inventory.kinds, *shares, *inventory.virtual)
    kinds = [f"{kind.title}: {_free(kind.free)} of {kind.devices} free" for kind in found]
    return "; ".join(kinds) or inventory.why_none()


def _free(count: int | None) -> str:
    return "unknown number" if count is None else str(count)


def _checks(plan: Iterable[Planned]) -> str:
    held = Counter(str(entry.withheld.verdict) for entry in plan if entry.withheld)
    running = sum(1 for entry in plan if not entry.withheld)
    extra = "".join(f", {count} {verdict} without running" for verdict, count in sorted(held.items()))
    return f"{running} to run{extra}"


def makes_pods(entry: Planned) -> bool:
    """Whether the check makes pods."""
    return "create pods" in entry.needs


def creates(running: list[Planned], settings: Settings) -> str:
    """What is made on the cluster."""
    if not any(entry.impact != Impact.OBSERVE for entry in running):
        return "nothing"
    kinds = sorted(
        {need.removeprefix("create ") for entry in running for need in entry.needs if need.startswith("create ")}
    )
    names = ", ".join(
        kind.partition(".")[0] for kind in kinds if kind not in ("namespaces", "leases.coordination.k8s.io")
    )
    if settings.namespace:
        place = f"objects in namespace {settings.namespace}"
    else:
        place = (
            f"namespaces {home_namespace(settings.run_id)}*, removed at the end"
            if not settings.keep
            else "namespaces that stay (--keep)"
        )
    return f"{place}; in them or beside them: {names}" if names else place


def holds(running: list[Planned]) -> str:
    """Most accelerators held at once, and for how long at most."""
    peak: dict[tuple[str, ...], int] = {}
    for entry in running:
        if entry.locks:
            peak[entry.locks] = max(peak.get(entry.locks, 0), entry.accelerators)
    minutes = sum(entry.accelerators * entry.longest for entry in running if entry.locks) / 60
    if not peak:
        return "no accelerator"
    parts = [f"{count} of {' or '.join(locks)}" for locks, count in sorted(peak.items())]
    more = sorted({f"{entry.requirement}: {entry.holds}" for entry in running if entry.holds})
    told = f"; {'; '.join(more)}" if more else ""
    return f"at most {', '.join(parts)} at once; at most {minutes:.0f} accelerator-minutes in all{told}"


def longest(running: list[Planned]) -> str:
    """The check that may take longest, with its reason."""
    if not running:
        return "nothing to run"
    top = max(running, key=lambda entry: entry.longest)
    return f"{top.longest:.0f} s: {top.check_id} ({top.why_longest})"


def details(session: Session) -> list[str]:
    """The checks one by one, and the permissions that they need."""
    lines = ["", "checks:"]
    for entry in session.plan:
        held = f"  [{entry.withheld.verdict}: {bounded(entry.withheld.reason, 300)}]" if entry.withheld else ""
        lines.append(f"  {entry.id}  ({entry.decides}, at most {entry.longest:.0f} s){held}")
    lines += ["", "permissions:"]
    lines += [f"  {need}" for need in preflight.needs_of(session.plan, session.settings.namespace)]
    return lines
