"""One real cluster and what tests do with it: run the suite, plant faults, list what is left."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from conformance import content
from conformance.cluster import Api, connect, waiting
from conformance.probes.names import RUN_LABEL
from conformance.run import proof

TESTBED = Path(__file__).resolve().parents[1] / "testbed"
DESCRIPTOR = TESTBED / "accelerator.yaml"
IMAGE = "docker.io/local/python:1"
GONE_SECONDS = 60
SHARED = (
    "admin_access_granted",
    "advertised_version_differs",
    "alternatives_in_any_order",
    "capacity_ignored",
    "constraint_ignored",
    "counters_ignored",
    "extended_resource_not_injected",
    "extended_resource_not_served",
    "fewer_shares_than_configured",
    "list_never_falls_back",
    "partition_sees_whole_memory",
    "partitions_are_one_device",
    "replicas_are_never_shared",
    "selector_ignored",
    "share_beyond_the_limit",
    "share_injects_nothing",
    "share_opens_every_device",
    "taint_ignored",
)
"""Faults that are tried where the testbed has shared devices."""
PLACES = (
    "/api/v1/namespaces",
    "/api/v1/pods",
    "/api/v1/configmaps",
    "/api/v1/services",
    "/apis/apps/v1/deployments",
    "/apis/autoscaling/v2/horizontalpodautoscalers",
    "/apis/resource.k8s.io/v1/deviceclasses",
    "/apis/resource.k8s.io/v1/resourceslices",
    "/apis/resource.k8s.io/v1/resourceclaims",
    "/apis/resource.k8s.io/v1/resourceclaimtemplates",
    "/apis/resource.k8s.io/v1/devicetaintrules",
    "/apis/coordination.k8s.io/v1/leases",
)


def real_faults(*requirements: str) -> dict[str, proof.Fault]:
    """Faults that the testbed can have and that checks of these requirements catch.

    Those that run into their limits come first, so that no worker begins one at the end.
    """
    found = {fault.name: fault for fault in proof.faults() if fault.requirements() & set(requirements)}
    real = [name for name in found if name not in SHARED and "real" in _grounds(name)]
    return {name: found[name] for name in sorted(real, key=lambda name: (found[name].limits, name))}


def faults_of(names: Iterable[str]) -> list[proof.Fault]:
    """These faults, each of which the testbed can have."""
    found = {fault.name: fault for fault in proof.faults()}
    assert [name for name in names if "real" not in _grounds(name)] == []
    return [found[name] for name in names]


def _grounds(name: str) -> list[str]:
    text = (content.FIXTURES / "faults" / f"{name}.yaml").read_text(encoding="utf-8")
    return list(yaml.safe_load(text)["grounds"])


@dataclass(frozen=True)
class Ground:
    """A real cluster."""

    kubeconfig: Path
    state: Path | None
    """State folder of the testbed; None for a cluster of the user's."""
    options: tuple[str, ...]
    """Descriptor and image that fit the cluster."""

    def command(self, out: Path, *words: str) -> list[str]:
        """The command of a run."""
        place = ("--kubeconfig", str(self.kubeconfig), "--out", str(out), "--yes")
        return [sys.executable, "-m", "conformance", "run", *place, *self.options, *words]

    def run(self, out: Path, *words: str) -> tuple[int, dict[str, Any]]:
        """Run the suite; exit code and results."""
        done = subprocess.run(self.command(out, *words), capture_output=True, text=True, check=False)
        sys.stdout.write(done.stdout + done.stderr)
        document: dict[str, Any] = json.loads((out / "conformance.json").read_text(encoding="utf-8"))
        return done.returncode, document

    def api(self) -> Api:
        """A connection of the tests' own."""
        return connect(str(self.kubeconfig))

    def settle(self) -> None:
        """Wait until every namespace of a run is gone, and with it the claims that hold devices."""
        api, place = self.api(), PLACES[0]
        for found in api.list(place, label_selector=RUN_LABEL):
            meta = found["metadata"]
            waiting.wait_gone(api, place, meta["name"], uid=meta["uid"], limit=GONE_SECONDS)

    def leftovers(self) -> list[str]:
        """Every object that carries a run's label."""
        api = self.api()
        return [
            f"{place} {o['metadata']['name']}" for place in PLACES for o in api.list(place, label_selector=RUN_LABEL)
        ]

    def expire_leases(self) -> None:
        """Let the time of every run's Lease be over, as it is a minute after a run has died."""
        api, past = self.api(), {"spec": {"renewTime": "2000-01-01T00:00:00.000000Z"}}
        for lease in api.list("/apis/coordination.k8s.io/v1/leases", label_selector=RUN_LABEL):
            meta = lease["metadata"]
            api.patch(f"/apis/coordination.k8s.io/v1/namespaces/{meta['namespace']}/leases/{meta['name']}", past)

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """The testbed with this fault planted; afterwards nothing is left of what ran meanwhile."""
        self._switch("on", name)
        try:
            yield
        finally:
            self._switch("off", name)
            self.settle()

    def _switch(self, word: str, name: str) -> None:
        subprocess.run([sys.executable, str(TESTBED), "fault", word, name, "--state", str(self.state)], check=True)
