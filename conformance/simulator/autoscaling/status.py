"""What Cluster Autoscaler says of itself: the ConfigMap ``cluster-autoscaler-status`` of ``kube-system``."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import yaml

from conformance.simulator.objects import Obj, stamp
from conformance.simulator.pools import PoolSpec

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

NAMESPACE, NAME = "kube-system", "cluster-autoscaler-status"
_UPDATED = "cluster-autoscaler.kubernetes.io/last-updated"


@dataclass(frozen=True)
class GroupState:
    """One node group as the autoscaler sees it."""

    pool: PoolSpec
    least: int
    most: int
    target: int
    ready: int
    growing: bool
    candidates: int


class StatusMap:
    """Writes the ConfigMap; the time of a transition moves only when a status changes."""

    def __init__(self, cluster: "Cluster") -> None:
        self._cluster = cluster
        self._transitions: dict[str, tuple[str, str]] = {}

    def write(self, groups: list[GroupState]) -> Obj:
        """Tell the state of now."""
        now = _now()
        meta = {"name": NAME, "namespace": NAMESPACE, "annotations": {_UPDATED: now}}
        data = {"status": yaml.safe_dump(self._status(now, groups), sort_keys=False)}
        registry = self._cluster.registry
        if registry.find("configmaps", NAMESPACE, NAME) is None:
            kind = registry.kinds.get("configmaps")
            return registry.create(kind, NAMESPACE, {"metadata": meta, "data": data})

        def edit(obj: Obj) -> None:
            obj["data"] = data
            obj["metadata"]["annotations"] = {**(obj["metadata"].get("annotations") or {}), _UPDATED: now}

        return registry.change("configmaps", NAMESPACE, NAME, edit) or {}

    def _status(self, now: str, groups: list[GroupState]) -> Obj:
        growing = any(group.growing for group in groups)
        candidates = sum(group.candidates for group in groups)
        return {
            "time": now,
            "autoscalerStatus": "Running",
            "clusterWide": {
                "health": {"status": "Healthy", "nodeCounts": _counts(groups), **self._times("health", "Healthy")},
                "scaleUp": self._condition("up", "InProgress" if growing else "NoActivity"),
                "scaleDown": self._down("down", candidates),
            },
            "nodeGroups": [self._group(group) for group in groups],
        }

    def _group(self, group: GroupState) -> Obj:
        name = group.pool.name
        return {
            "name": name,
            "health": {
                "status": "Healthy",
                "nodeCounts": _counts([group]),
                "cloudProviderTarget": group.target,
                "minSize": group.least,
                "maxSize": group.most,
                **self._times(f"{name}/health", "Healthy"),
            },
            "scaleUp": self._condition(f"{name}/up", "InProgress" if group.growing else "NoActivity"),
            "scaleDown": self._down(f"{name}/down", group.candidates),
        }

    def _down(self, key: str, candidates: int) -> Obj:
        found = self._condition(key, "CandidatesPresent" if candidates else "NoCandidates")
        return {**found, **({"candidates": candidates} if candidates else {})}

    def _condition(self, key: str, status: str) -> Obj:
        return {"status": status, **self._times(key, status)}

    def _times(self, key: str, status: str) -> Obj:
        if self._transitions.get(key, ("", ""))[0] != status:
            self._transitions[key] = status, stamp()
        return {"lastProbeTime": stamp(), "lastTransitionTime": self._transitions[key][1]}


def _counts(groups: list[GroupState]) -> dict[str, Any]:
    total, ready = sum(group.target for group in groups), sum(group.ready for group in groups)
    registered = {"total": total, "ready": ready, "notStarted": total - ready, "suspended": 0}
    return {"registered": registered, "longUnregistered": 0, "unregistered": 0}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f +0000 UTC")
