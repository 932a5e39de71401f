"""Remove what dead runs left behind, and nothing else.

An object belongs to a run by its label. The run is dead when its Lease has expired, or is gone and the object is older than
a Lease lasts. Deletion is by UID, so that an object which was made again meanwhile under the same name is left alone.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from conformance.cluster import errors, waiting
from conformance.cluster.api import Api
from conformance.cluster.discovery import Discovery, Resource
from conformance.probes.names import RUN_LABEL, home_namespace
from conformance.run.home import LEASE_SECONDS, parse_time

CORE_KINDS = ("pods", "configmaps", "services", "secrets", "persistentvolumeclaims", "resourcequotas")
DRA = "resource.k8s.io"
INSIDE = {
    "apps": ("deployments",),
    "batch": ("jobs",),
    "autoscaling": ("horizontalpodautoscalers",),
    "keda.sh": ("scaledobjects",),
    "monitoring.coreos.com": ("podmonitors",),
    "scheduling.k8s.io": ("podgroups", "workloads"),
    "kueue.x-k8s.io": ("localqueues",),
    "scheduling.volcano.sh": ("podgroups",),
    "scheduling.run.ai": ("podgroups",),
    "scheduling.x-k8s.io": ("podgroups",),
}
"""What checks make inside namespaces, besides ``CORE_KINDS`` and claims; what makes others comes first."""
ABROAD = {"batch": ("jobs",), "kueue.x-k8s.io": ("localqueues",)}
"""What checks make in namespaces of others: gangs for a queue that the user names."""
CORE_ABROAD, TEMPLATES = ("pods", "configmaps"), "resourceclaimtemplates"
"""The same of core types and of DRA: pods and what they need."""
OUTSIDE = {
    "kueue.x-k8s.io": ("clusterqueues", "resourceflavors"),
    "scheduling.volcano.sh": ("queues",),
    "scheduling.run.ai": ("queues",),
}
"""What checks make beside namespaces, besides types of DRA."""
LEASES = "/apis/coordination.k8s.io/v1"


@dataclass(frozen=True)
class Found:
    """One object with a run label."""

    collection: str
    kind: str
    obj: dict[str, Any]

    @property
    def run(self) -> str:
        """Id of the run that made it."""
        return str(self.obj["metadata"].get("labels", {}).get(RUN_LABEL, ""))

    @property
    def uid(self) -> str:
        """UID, the precondition of the deletion."""
        return str(self.obj["metadata"]["uid"])

    @property
    def path(self) -> str:
        """Where the object itself is: one in a namespace is listed, but not deleted, through the collection of all namespaces."""
        meta, place = self.obj["metadata"], self.collection
        if meta.get("namespace") and "/namespaces/" not in place:
            root, _, plural = place.rpartition("/")
            place = f"{root}/namespaces/{meta['namespace']}/{plural}"
        return f"{place}/{meta['name']}"

    def __str__(self) -> str:
        meta = self.obj["metadata"]
        name = f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else meta["name"]
        return f"{self.kind} {name} ({self.uid})"


@dataclass
class Swept:
    """What a sweep did."""

    deleted: list[str] = field(default_factory=list)
    alive: set[str] = field(default_factory=set)
    """Runs that live and were not touched."""
    failed: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    pending: list[Found] = field(default_factory=list)
    """Deleted namespaces, which go away later."""


def find(api: Api, namespace: str | None, notices: list[str], run_id: str = "") -> Iterator[Found]:
    """Objects with a run label: cluster-scoped ones and namespaces, or what lies in ``namespace``; one run's or every run's."""
    selector = f"{RUN_LABEL}={run_id}" if run_id else RUN_LABEL
    refused = []
    for collection, kind in _collections(api, namespace):
        try:
            items = api.list(collection, label_selector=selector)
        except errors.NotFound:
            continue
        except errors.Forbidden:
            refused.append(kind)
            continue
        yield from (Found(collection, kind, item) for item in items)
    if refused:
        notices.append(f"not looked for leftovers, for lack of permission: {', '.join(refused)}")


def _collections(api: Api, namespace: str | None) -> Iterator[tuple[str, str]]:
    discovery = Discovery(api)
    dra = _of_dra(discovery)
    yield from ((f"{root}/{entry.plural}", entry.kind) for root, entry in dra if not entry.namespaced)
    if namespace is None:
        yield "/api/v1/namespaces", "Namespace"
        yield from ((f"/api/v1/{kind}", kind) for kind in CORE_ABROAD)
        yield from ((f"{root}/{entry.plural}", entry.kind) for root, entry in dra if entry.plural == TEMPLATES)
        yield from _of_groups(discovery, ABROAD, "")
        yield from _of_groups(discovery, OUTSIDE, "")
        return
    yield from _of_groups(discovery, INSIDE, f"/namespaces/{namespace}")
    yield from _of_groups(discovery, OUTSIDE, "")
    yield from ((f"/api/v1/namespaces/{namespace}/{kind}", kind) for kind in CORE_KINDS)
    inside = [(root, entry) for root, entry in dra if entry.namespaced]
    yield from ((f"{root}/namespaces/{namespace}/{entry.plural}", entry.kind) for root, entry in inside)
    yield f"{LEASES}/namespaces/{namespace}/leases", "Lease"


def _of_dra(discovery: Discovery) -> list[tuple[str, Resource]]:
    """Types of DRA that can be listed and deleted, each in the best version that has it: taint rules came to v1 late."""
    found: dict[str, tuple[str, Resource]] = {}
    for version in discovery.versions(DRA):
        for plural, entry in discovery.resources(f"{DRA}/{version}").items():
            if {"delete", "list"} <= set(entry.verbs):
                found.setdefault(plural, (f"/apis/{DRA}/{version}", entry))
    return list(found.values())


def _of_groups(discovery: Discovery, wanted: Mapping[str, tuple[str, ...]], place: str) -> Iterator[tuple[str, str]]:
    """Collections of the groups that are served, in the best version that has them."""
    for group, plurals in wanted.items():
        served = [(f"{group}/{v}", discovery.resources(f"{group}/{v}")) for v in discovery.versions(group)]
        for plural in plurals:
            found = next(((where, entries[plural]) for where, entries in served if plural in entries), None)
            if found:
                yield f"/apis/{found[0]}{place}/{plural}", found[1].kind


def sweep(api: Api, *, now: datetime, namespace: str | None = None, own: str = "") -> Swept:
    """Delete what dead runs left; ``now`` is the server's time, ``own`` the run that asks."""
    result = Swept()
    signs, complete = _signs(api, namespace)
    for found in list(find(api, namespace, result.notices)):
        if found.run == own:
            continue
        if _is_dead(found, signs, now, complete=complete):
            _delete(api, found, result)
        else:
            result.alive.add(found.run)
    if not complete:
        result.notices.append("Leases of all namespaces cannot be listed; what has none in sight was left alone")
    return result


def remove_run(api: Api, run_id: str, namespace: str | None) -> Swept:
    """Delete whatever still carries the label of this run, at its end; its Lease and home are not touched."""
    result = Swept()
    for found in list(find(api, namespace, result.notices, run_id)):
        if found.kind != "Lease" and found.obj["metadata"]["name"] != home_namespace(run_id):
            _delete(api, found, result)
    return result


def await_gone(api: Api, result: Swept, *, limit: float) -> None:
    """Wait until the namespaces that were deleted are gone, ``limit`` seconds for all; what stays is a failure of the sweep."""
    deadline = time.monotonic() + limit
    for found in result.pending:
        left = max(0.0, deadline - time.monotonic())
        try:
            waiting.wait_gone(api, found.collection, found.obj["metadata"]["name"], uid=found.uid, limit=left)
        except (errors.ApiError, errors.WaitTimeout) as error:
            result.failed.append(f"{found}: {error}")


def _signs(api: Api, namespace: str | None) -> tuple[dict[str, datetime], bool]:
    """Until when the Lease of each run holds, and whether every namespace could be asked."""
    try:
        return _holding(api.list(f"{LEASES}/leases", label_selector=RUN_LABEL)), True
    except errors.Forbidden:
        pass
    if namespace is None:
        return {}, False
    return _holding(api.list(f"{LEASES}/namespaces/{namespace}/leases", label_selector=RUN_LABEL)), False


def _holding(leases: Iterable[dict[str, Any]]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for lease in leases:
        run, spec = lease["metadata"].get("labels", {}).get(RUN_LABEL, ""), lease.get("spec") or {}
        renewed, seconds = parse_time(spec.get("renewTime")), spec.get("leaseDurationSeconds")
        lasts = timedelta(seconds=seconds if isinstance(seconds, int) else LEASE_SECONDS)
        if renewed:
            found[run] = max(renewed + lasts, found.get(run, renewed))
    return found


def _is_dead(found: Found, signs: dict[str, datetime], now: datetime, *, complete: bool) -> bool:
    if found.run in signs:
        return signs[found.run] < now
    made = parse_time(found.obj["metadata"].get("creationTimestamp"))
    return complete and made is not None and made + timedelta(seconds=LEASE_SECONDS) < now


def _delete(api: Api, found: Found, result: Swept) -> None:
    if found.kind == "Namespace" and found.obj["metadata"].get("deletionTimestamp"):
        result.pending.append(found)
        return
    try:
        api.delete(found.path, uid=found.uid)
    except errors.ApiError as error:
        result.failed.append(f"{found}: {error.message}")
        return
    result.deleted.append(str(found))
    if found.kind == "Namespace":
        result.pending.append(found)


def lines(result: Swept) -> Iterable[str]:
    """The result for a person, one line per object."""
    yield from (f"deleted {text}" for text in result.deleted)
    yield from (f"left alone: run {run} is alive" for run in sorted(result.alive))
    yield from (f"not deleted: {text}" for text in result.failed)
    yield from result.notices
