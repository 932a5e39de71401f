"""Gangs in the words of each solution, for tests that hold for all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.simulator.client import PODS, Client, pod

STAY = "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()"
Test = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True)
class Solution:
    """How a solution wants its gangs, and how it says what became of them."""

    world: str
    groups: str
    count: str
    """Field of the group's spec with the minimum."""
    scheduler: str
    label: str = ""
    annotation: str = ""
    started: Test = lambda _group: True
    held: Test = lambda _group: True


def phase(*words: str) -> Test:
    return lambda group: group.get("status", {}).get("phase") in words


VOLCANO = Solution(
    "volcano",
    "/apis/scheduling.volcano.sh/v1beta1/namespaces/{}/podgroups",
    "minMember",
    "volcano",
    annotation="scheduling.k8s.io/group-name",
    started=phase("Running"),
    held=phase("Inqueue", "Pending"),
)
KAI = Solution(
    "kai",
    "/apis/scheduling.run.ai/v2alpha2/namespaces/{}/podgroups",
    "minMember",
    "kai-scheduler",
    annotation="pod-group-name",
    started=lambda group: bool(group["status"]["resourcesStatus"]["allocated"]),
    held=lambda group: bool(group.get("status", {}).get("schedulingConditions")),
)
COSCHEDULING = Solution(
    "coscheduling",
    "/apis/scheduling.x-k8s.io/v1alpha1/namespaces/{}/podgroups",
    "minMember",
    "scheduler-plugins-scheduler",
    label="scheduling.x-k8s.io/pod-group",
    started=phase("Running"),
    held=phase("Pending", "Scheduling"),
)


class Gangs:
    """Gangs whose pods each hold one accelerator of the device plugin."""

    def __init__(self, client: Client, namespace: str, solution: Solution) -> None:
        self.client, self.namespace, self.solution = client, namespace, solution
        self.pods, self.groups = PODS.format(namespace), solution.groups.format(namespace)

    def group(self, name: str, count: int) -> None:
        self.client.create(self.groups, {"metadata": {"name": name}, "spec": {self.solution.count: count}})

    def member(self, gang: str, name: str, script: str = STAY) -> None:
        main = {"resources": {"limits": {"sim.dev/accel": "1"}}}
        body = pod(name, script, container=main, schedulerName=self.solution.scheduler)
        if self.solution.label:
            body["metadata"]["labels"] = {self.solution.label: gang}
        if self.solution.annotation:
            body["metadata"]["annotations"] = {self.solution.annotation: gang}
        self.client.create(self.pods, body)

    def start(self, gang: str, size: int, script: str = STAY) -> None:
        self.group(gang, size)
        for n in range(size):
            self.member(gang, f"{gang}-{n}", script)

    def until(self, gang: str, test: Test) -> dict[str, Any]:
        """The group once it is as wanted."""
        return self.client.until(f"{self.groups}/{gang}", test)

    def until_started(self, gang: str, size: int) -> None:
        self.until_bound(*(f"{gang}-{n}" for n in range(size)))
        self.until(gang, self.solution.started)

    def until_bound(self, *names: str) -> None:
        for name in names:
            self.client.until(f"{self.pods}/{name}", lambda p: bool(p["spec"].get("nodeName")))

    def until_refused(self, name: str) -> dict[str, Any]:
        """The condition of a pod that waits."""
        return scheduled(self.client.until(f"{self.pods}/{name}", lambda p: scheduled(p).get("status") == "False"))

    def bound(self) -> list[str]:
        items = self.client.get(self.pods)["items"]
        return sorted(item["metadata"]["name"] for item in items if item["spec"].get("nodeName"))

    def delete(self, *names: str) -> None:
        for name in names:
            self.client.call("DELETE", f"{self.pods}/{name}")
            self.client.until_gone(f"{self.pods}/{name}")


def scheduled(obj: dict[str, Any]) -> dict[str, Any]:
    """The condition PodScheduled."""
    found = (c for c in obj["status"].get("conditions", []) if c["type"] == "PodScheduled")
    return next(found, {})
