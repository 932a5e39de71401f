"""The results file of a run: its header before anything is known, and the whole of it at the end."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from conformance import __version__, reports, results, scoring
from conformance.cluster import Api, Settings
from conformance.errors import ExitCode, StopError
from conformance.evidence import bounded, now
from conformance.inventory import Inventory, Kind
from conformance.inventory.vendor import SHARED_CLAIM
from conformance.profiles import Profile
from conformance.run.judging import Record
from conformance.run.request import Request


class BrokenResultsError(StopError):
    """A fault of the suite: what it found does not fit together."""

    exit_code = ExitCode.INCONCLUSIVE


def selection(request: Request) -> dict[str, Any]:
    """What the user picked."""
    return {
        "ids": list(request.select),
        "skip": list(request.skip),
        "sections": list(request.sections),
        "levels": list(request.levels),
        "variants": list(request.variants),
        "keyword": request.keyword,
        "paths": list(request.paths),
    }


def header(
    request: Request, settings: Settings, profile: Profile, inventory: Inventory, *, api: Api, version: str
) -> dict[str, Any]:
    """What is known of a run before its first check."""
    solutions = [
        {"family": s.family, "id": s.id, "title": s.title, "alive": s.alive, "seen": bounded(s.seen)}
        for s in inventory.solutions
    ]
    cluster = {
        "server": api.server,
        "context": api.context,
        "version": version,
        "simulated": request.world is not None,
        "world": request.world,
        "faults": list(request.faults),
        "nodes": inventory.nodes,
        "accelerators": accelerators(inventory),
        "solutions": solutions,
    }
    return {
        "suite_version": __version__,
        "run_id": settings.run_id,
        "started": now(),
        "profile": profile.id,
        "profile_title": profile.title,
        "partial": request.partial,
        "cluster": cluster,
        "selection": selection(request),
        "notices": [],
        "leftovers": [],
    }


def accelerators(inventory: Inventory) -> list[dict[str, Any]]:
    """Kinds of whole devices, of shares and of virtual devices, each over all its nodes."""
    whole, shares = inventory.pools or inventory.kinds, inventory.share_pools or inventory.shares
    virtual = inventory.virtual_pools or inventory.virtual
    return [_accelerator(kind) for kind in (*whole, *shares, *virtual) if kind.strategy != SHARED_CLAIM]


def _accelerator(kind: Kind) -> dict[str, Any]:
    """One kind; that pods may share a claim for a whole device is no kind of its own."""
    return {
        "id": kind.id,
        "way": kind.way,
        "title": bounded(kind.title),
        "shared": kind.strategy or None,
        "nodes": len(kind.nodes),
        "devices": kind.devices,
        "free": kind.free,
        "physical": kind.physical,
        "descriptor": kind.descriptor,
    }


def withdraw(request: Request) -> None:
    """Replace results that another run left in the folder; nothing where there are none."""
    if not (request.out / results.NAME).exists():
        return
    nothing = {"server": "", "context": request.context or "", "version": "", "nodes": 0, "accelerators": []}
    simulated = {"simulated": request.world is not None, "world": request.world, "faults": list(request.faults)}
    head = {
        "suite_version": __version__,
        "run_id": "",
        "started": now(),
        "profile": request.profile or "",
        "profile_title": "",
    }
    results.begin(request.out, {**head, "cluster": {**nothing, **simulated}, "partial": request.partial})


def finish(
    begun: Mapping[str, Any],
    profile: Profile,
    records: Sequence[Record],
    *,
    planned: Sequence[str],
    notices: Sequence[str],
    leftovers: Sequence[str],
    interrupted: bool,
) -> dict[str, Any]:
    """Score the records into the document that a run ends with; a planned id without a record is unverified."""
    ended = now()
    score = scoring.score(profile, records, partial=begun["partial"], selected=planned)
    seconds = datetime.fromisoformat(ended) - datetime.fromisoformat(begun["started"])
    return results.finish(
        {**begun, "notices": list(notices)},
        score,
        finished=ended,
        duration_seconds=seconds.total_seconds(),
        interrupted=interrupted,
        leftovers=list(leftovers),
    )


def write(out: Path, document: Mapping[str, Any], records: Sequence[Record]) -> None:
    """Write results and reports; if the results cannot be written as they are, the bare records are kept."""
    try:
        results.write(out, document)
    except results.ResultsError as error:
        kept = out / "evidence" / "records.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(list(records), indent=1), encoding="utf-8")
        raise BrokenResultsError(f"the results contradict themselves ({error}); the records are in {kept}") from error
    reports.write_all(out, document)
