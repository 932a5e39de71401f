"""Inference servers of ours as a Deployment behind a Service, load on them, and what they themselves say about their work."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.cluster import errors, waiting
from conformance.cluster.api import Object
from conformance.cluster.crowd import Crowd, Members
from conformance.cluster.discovery import Discovery
from conformance.inventory import odd
from conformance.probes import pods, starting, tenants
from conformance.probes.sandbox import Sandbox, refused
from conformance.probes.tenants import MAIN
from conformance.verdicts import Unverified

APP = "kube-ai-conformance.dev/serves"
PORT = 8000
CLIENTS = 12
"""Requests under way at any time: enough for three servers to have a queue each."""
LOAD_SECONDS = 1200
QUEUE_SECONDS = 180.0
"""Limit for the load to fill the queue, or for the queue to empty when it is gone."""
MONITORS = "monitoring.coreos.com"
SERVE = ("serve", "--seconds-per-request", "0.25", "--tokens-per-request", "24", "--port", str(PORT))


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a server, or the load, says about itself at one moment."""

    elapsed: float
    """Seconds since it began, by its own clock."""
    tokens: int
    waiting: int = 0
    errors: int = 0

    def rate(self, before: "Work") -> float:
        """Tokens per second between two moments."""
        seconds = self.elapsed - before.elapsed
        return (self.tokens - before.tokens) / seconds if seconds > 0 else 0.0


class Serving:
    """One Deployment of servers; ``pod`` is the manifest that its replicas are made from."""

    def __init__(self, sandbox: Sandbox, name: str, pod: Object) -> None:
        self.sandbox, self.name = sandbox, sandbox.name(name)
        self._labels = {APP: self.name, **sandbox.labels}
        self.selector = ",".join(f"{key}={value}" for key, value in sorted(self._labels.items()))
        self.deployments = sandbox.path("deployments", group_version="apps/v1")
        self.pods = sandbox.path("pods")
        self._load: Object | None = None
        self._service: Object = {}
        self._pod = pod

    def deploy(self, *, listens: bool = True) -> Object:
        """Create the Deployment with one replica, the Service, and a PodMonitor where such are served."""
        try:
            made = self.sandbox.create("deployments", self._deployment(), group_version="apps/v1")
        except errors.Forbidden as error:
            raise refused(error, f"Deployment {self.name}") from error
        if listens:
            spec = {"selector": self._labels, "ports": [{"name": "http", "port": PORT, "targetPort": PORT}]}
            body = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": self.name}, "spec": spec}
            self._service = self.sandbox.create("services", body)
            self._monitor()
        return made

    def _deployment(self) -> Object:
        spec = {
            key: value
            for key, value in self._pod["spec"].items()
            if key not in ("restartPolicy", "activeDeadlineSeconds")
        }
        main = {
            **spec["containers"][0],
            "ports": [{"name": "http", "containerPort": PORT}],
            "readinessProbe": {"httpGet": {"path": "/health", "port": PORT}, "periodSeconds": 1, "timeoutSeconds": 2},
        }
        address = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
        spec["containers"] = [{**main, "env": [*main["env"], address]}]
        annotations = {"scrape": "true", "port": str(PORT), "path": "/metrics"}
        metadata = {
            "labels": self._labels,
            "annotations": {f"prometheus.io/{key}": value for key, value in annotations.items()},
        }
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.name},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": self._labels},
                "template": {"metadata": metadata, "spec": spec},
            },
        }

    def _monitor(self) -> None:
        """Ask an operator of Prometheus to scrape our pods, where one is and where we may."""
        discovery = Discovery(self.sandbox.api)
        served = [f"{MONITORS}/{v}" for v in discovery.versions(MONITORS)]
        group_version = next((gv for gv in served if "podmonitors" in discovery.resources(gv)), None)
        if group_version is None:
            return
        endpoint = {"port": "http", "path": "/metrics", "interval": "15s"}
        body = {
            "apiVersion": group_version,
            "kind": "PodMonitor",
            "metadata": {"name": self.name},
            "spec": {"selector": {"matchLabels": self._labels}, "podMetricsEndpoints": [endpoint]},
        }
        try:
            self.sandbox.create("podmonitors", body, group_version=group_version)
        except (errors.Forbidden, errors.Invalid, errors.NotFound) as error:
            self.sandbox.evidence.step("tried to make a PodMonitor", observed=f"not made: {error}")

    def first(self) -> Object:
        """Wait until the one replica is ready. Raises what ``starting`` raises where it does not start."""
        found = Crowd(self.sandbox.api, self.pods, self.selector)
        limit = self.sandbox.limit(starting.START_SECONDS)
        try:
            return found.until(_one_ready, limit=limit, what="the first server to be ready")
        except errors.WaitTimeout as error:
            raise self.not_ready(found.members, error.seconds) from error

    def not_ready(self, members: Members, seconds: float) -> Exception:
        """Why none of these pods is ready: what ``starting`` says about the first of them."""
        name = next((name for name, pod in sorted(members.items()) if not is_ready(pod)), None)
        if name is None:
            return Unverified(f"{self._pods_missing(len(members))} after {seconds:.0f} s", code="no_pods")
        told = starting.describe(members[name])
        if starting.started(members[name]):
            seen = f"pod {name} started and is not ready after {seconds:.0f} s: {told}"
            return Unverified(seen, code="pod_not_ready")
        late = errors.WaitTimeout(f"pod {name} to start", seconds, told)
        return starting.not_started(self.sandbox.api, self.pods, name, late, holds_device=True)

    def _pods_missing(self, there: int) -> str:
        """That there are too few pods, and what the Deployment says about it: a quota, an admission that refuses them."""
        deployment = self.deployment()
        told = odd.entries(odd.part(deployment, "status"), "conditions")
        failed = next((c for c in told if c.get("type") == "ReplicaFailure" and c.get("status") == "True"), None)
        why = f" ({failed.get('reason')}: {failed.get('message')})" if failed else ""
        return f"Deployment {self.name} wants {wanted(deployment)} pods and has {there}{why}"

    def begin_load(self) -> Object:
        """Start the load, and wait until it runs."""
        address = str(odd.part(self._service, "spec").get("clusterIP"))
        target = f"http://[{address}]:{PORT}" if ":" in address else f"http://{address}:{PORT}"
        words = ["load", "--target", target, "--concurrency", str(CLIENTS), "--seconds", str(LOAD_SECONDS)]
        main = pods.Container(name=MAIN, arguments=words)
        plan = pods.PodPlan(
            name="load",
            containers=[main],
            node=None,
            tolerations=self._pod["spec"]["tolerations"],
            deadline=LOAD_SECONDS + 60,
        )
        made = tenants.submit(self.sandbox, plan, self.sandbox.namespace())
        limit = self.sandbox.limit(starting.START_SECONDS)
        name = made["metadata"]["name"]
        self._load = starting.wait_started(self.sandbox.api, self.pods, name, limit=limit, holds_device=False)
        return self._load

    def end_load(self) -> None:
        """Take the load away, and wait until it is gone."""
        if self._load is not None:
            self.sandbox.delete_pod(self._load)

    def await_queue(self, pod: Object, fits: Callable[[Work], bool], what: str) -> Work:
        """Follow what a server says about itself until it fits. Raises ``Unverified`` where it does not."""
        return self._follow(pod, "serving", fits, what, QUEUE_SECONDS)

    def load_seen(self, seconds: float = 0.0) -> Work:
        """What the load says now, or once it has gone on for so many seconds."""
        if self._load is None:
            raise RuntimeError("the load was not started")
        now = self._follow(self._load, "load", lambda _work: True, "the load to say something", QUEUE_SECONDS)
        if not seconds:
            return now
        until, what = now.elapsed + seconds, "the load to go on"
        return self._follow(self._load, "load", lambda w: w.elapsed >= until, what, QUEUE_SECONDS + seconds)

    def _follow(self, pod: Object, key: str, fits: Callable[[Work], bool], what: str, seconds: float) -> Work:
        name, limit = pod["metadata"]["name"], self.sandbox.limit(seconds)
        self.sandbox.api.on_wait(what, limit)
        deadline = time.monotonic() + limit
        last: list[str] = [""]

        def read(line: str) -> Work | bool | None:
            work = parse(line, key)
            if work is not None and fits(work):
                return work
            last[:] = [line[:200]] if work is not None else last
            return True if time.monotonic() > deadline else None

        query: dict[str, Any] = {"container": MAIN, "follow": "true", "tailLines": 1}
        try:
            found = self.sandbox.api.first_line(f"{self.pods}/{name}/log", read, seconds=limit, **query)
        except errors.ApiError as error:
            raise Unverified(f"the log of {name} cannot be read: {error}", code="log_unreadable") from error
        if not isinstance(found, Work):
            seen = f"waited {limit:.0f} s for {what}; pod {name} says {last[0] or 'nothing'}"
            raise Unverified(seen, code="load_without_effect")
        return found

    def deployment(self) -> Object:
        """The Deployment as it is now."""
        return self.sandbox.api.get(f"{self.deployments}/{self.name}")

    def scaled(self, fits: Callable[[int], bool], limit: float, what: str) -> None:
        """Wait until the Deployment asks for as many replicas as fit. Raises ``errors.WaitTimeout``."""
        waiting.wait_for(
            self.sandbox.api,
            self.deployments,
            self.name,
            lambda d: d if fits(wanted(d)) else None,
            limit=limit,
            what=what,
            show=lambda d: f"{wanted(d)} replicas wanted",
        )


def parse(line: str, key: str) -> Work | None:
    """A line of a server (``serving``) or of the load (``load``); None for any other."""
    if not line.startswith(f'{{"{key}"'):
        return None
    try:
        told = json.loads(line)[key]
        tokens = told["tokens"] if key == "load" else told["generation_tokens"]
        return Work(
            elapsed=float(told["elapsed"]),
            tokens=int(tokens),
            waiting=int(told.get("waiting", 0)),
            errors=int(told.get("errors", 0)),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise Unverified(
            f"the probe wrote a line that is no report: {line[:200]!r}", code="probe_unreadable"
        ) from error


def wanted(deployment: Object) -> int:
    """Replicas that a Deployment is to have; one where it does not say."""
    found = odd.part(deployment, "spec").get("replicas")
    return found if isinstance(found, int) else 1


def is_ready(pod: Object) -> bool:
    """Whether a pod is ready and stays."""
    conditions = odd.entries(odd.part(pod, "status"), "conditions")
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
    return ready and not odd.part(pod, "metadata").get("deletionTimestamp")


def _one_ready(members: Members) -> Object | None:
    return next((pod for pod in members.values() if is_ready(pod)), None)
