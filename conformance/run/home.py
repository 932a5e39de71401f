"""The run's own place on the cluster: a namespace and a Lease that says 'this run is alive'.

Whoever sweeps later trusts the Lease and nothing else. Its times are written in the server's clock, which is learnt from
the creation time of the home namespace or the Lease, so that two machines with different clocks do not sweep each other.
"""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance.cluster import errors, waiting
from conformance.cluster.api import Api
from conformance.probes.names import RUN_LABEL, home_namespace

LEASE = "run"
LEASE_SECONDS = 60
"""A run that has not renewed for so long is dead."""
RENEW_SECONDS = 15.0


def parse_time(text: object) -> datetime | None:
    """Time of a Kubernetes object; None where it cannot be read."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def offset(created: dict[str, Any], local: datetime) -> timedelta:
    """How far the server's clock is ahead of ours, from an object that it has just created."""
    seen = parse_time(created.get("metadata", {}).get("creationTimestamp"))
    return seen - local.replace(microsecond=0) if seen else timedelta()


def clock_of(api: Api, namespace: str | None) -> timedelta:
    """How far the server's clock is ahead of ours, by a dry run; nothing where that is not allowed."""
    metadata = {"name": "ai-conformance-clock"}
    path, kind = (
        (f"/api/v1/namespaces/{namespace}/configmaps", "ConfigMap")
        if namespace
        else ("/api/v1/namespaces", "Namespace")
    )
    local = datetime.now(UTC)
    try:
        made = api.create(path, {"apiVersion": "v1", "kind": kind, "metadata": metadata}, dry_run=True)
    except errors.ApiError:
        return timedelta()
    return offset(made, local)


class Home:
    """Home namespace and Lease of a run, renewed by a thread until ``close``."""

    def __init__(self, api: Api, run_id: str, namespace: str | None) -> None:
        self._api, self._run_id, self._given = api, run_id, namespace
        self.namespace = namespace or home_namespace(run_id)
        self.offset = timedelta()
        self.lost = ""
        """Why the Lease could not be renewed any more, for the report; empty while all is well."""
        self._uid = ""
        self._lease = ""
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_end, name="lease", daemon=True)

    @property
    def _leases(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"

    @property
    def lease_name(self) -> str:
        """``run`` in a namespace of our own, with the run id in one that is shared."""
        return home_namespace(self._run_id) if self._given else LEASE

    def server_now(self) -> datetime:
        """Present time in the server's clock."""
        return datetime.now(UTC) + self.offset

    def open(self) -> None:
        """Create namespace and Lease and begin to renew. Raises ``errors.ApiError``."""
        labels = {RUN_LABEL: self._run_id}
        local = datetime.now(UTC)
        if not self._given:
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": labels}}
            made = self._api.create("/api/v1/namespaces", body)
            self._uid, self.offset = made["metadata"]["uid"], offset(made, local)
        now = self._stamp()
        made = self._api.create(
            self._leases,
            {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self.lease_name, "labels": labels},
                "spec": {
                    "holderIdentity": self._run_id,
                    "leaseDurationSeconds": LEASE_SECONDS,
                    "acquireTime": now,
                    "renewTime": now,
                },
            },
        )
        self._lease = made["metadata"]["uid"]
        self._thread.start()

    def renew(self) -> None:
        """Write the present time into the Lease; why that was not possible is remembered in ``lost``."""
        try:
            self._api.patch(f"{self._leases}/{self.lease_name}", {"spec": {"renewTime": self._stamp()}})
        except errors.ApiError as error:
            self.lost = f"the Lease of the run could not be renewed: {error.message}"
        else:
            self.lost = ""

    def close(self, *, limit: float = 60.0, keep: bool = False) -> list[str]:
        """Stop renewing, delete Lease and namespace and wait until they are gone; returns what could not be deleted.

        ``keep`` leaves both: the Lease expires and a later sweep takes everything of the run.
        """
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(timeout=limit)
        if keep:
            return []
        lease, self._lease = self._lease, ""
        uid, self._uid = self._uid, ""
        try:
            if lease:
                self._api.delete(f"{self._leases}/{self.lease_name}", uid=lease)
            if uid:
                self._api.delete(f"/api/v1/namespaces/{self.namespace}", uid=uid)
                waiting.wait_gone(self._api, "/api/v1/namespaces", self.namespace, uid=uid, limit=limit)
        except (errors.ApiError, errors.WaitTimeout) as error:
            return [f"Namespace {self.namespace} ({uid or lease}): {error}"]
        return []

    def _stamp(self) -> str:
        return self.server_now().isoformat(timespec="microseconds").replace("+00:00", "Z")

    def _renew_until_end(self) -> None:
        while not self._end.wait(RENEW_SECONDS):
            self.renew()
