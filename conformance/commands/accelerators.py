"""``accelerators``: what the inventory finds on a cluster, by kind and by node; nothing is created."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from conformance.cluster import connect, errors
from conformance.commands import accelerator_tables
from conformance.errors import ClusterError
from conformance.inventory import Inventory, Kind, descriptors, take


def main(args: argparse.Namespace) -> int:
    """Look and print; what must not be listed is said to be unknown."""
    known = descriptors.load(args.descriptor)
    api = connect(args.kubeconfig, args.context, agent="kube-ai-conformance (accelerators)")
    try:
        version, found = api.version(), take(api, known)
    except errors.ApiError as error:
        raise ClusterError(f"{api.server}: the cluster could not be looked at: {error}") from error
    told = document(found, server=api.server, context=api.context, version=version)
    if args.output == "json":
        json.dump(told, sys.stdout, indent=2)
        print()
    else:
        print(accelerator_tables.text(told))
    return 0


def document(found: Inventory, *, server: str, context: str | None, version: str) -> dict[str, Any]:
    """The inventory as plain data, the same for people and for programs."""
    kinds = (*found.kinds, *found.shares, *found.virtual)
    return {
        "server": server,
        "context": context,
        "version": version,
        "nodes": found.nodes,
        "dra": found.dra_version,
        "kinds": _kinds(kinds),
        "notes": [*found.notes, *(f"{kind.id}: {kind.note}" for kind in kinds if kind.note)],
        "none": "" if kinds else found.why_none(),
    }


def _kinds(kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    return [
        {
            "id": kind.id,
            "title": kind.title,
            "way": kind.way,
            "name": kind.name,
            "extended_resource": kind.extended_resource or None,
            "device_class": kind.device_class,
            "model": kind.model or None,
            "pool": kind.pool or None,
            "descriptor": kind.descriptor,
            "shared": kind.strategy or None,
            "unit": dict(kind.unit),
            **_counts(kind.devices, kind.free, kind.physical),
            "nodes": [{"name": n.name, **_counts(n.devices, n.free, n.physical)} for n in kind.nodes],
        }
        for kind in kinds
    ]


def _counts(units: int, free: int | None, physical: int | None) -> dict[str, int | None]:
    allocated = None if free is None else units - free
    return {"units": units, "allocated": allocated, "free": free, "physical": physical}
