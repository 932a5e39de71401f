"""A small Prometheus: scrapes pods that ask for it and answers queries at the address of its own pod."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

import aiohttp
from aiohttp import web

from conformance.simulator import addons
from conformance.simulator.controllers.base import Controller
from conformance.simulator.metrics import prometheus
from conformance.simulator.metrics.scraping import scrape, target
from conformance.simulator.objects import uid_of

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

SPACE, NAME = "monitoring", "prometheus"
INTERVAL = 0.5
"""Seconds between scrapes."""


class Monitoring(Controller):
    """Runs while a pod of its deployment is ready; the pod's address is where it listens."""

    watches: ClassVar[tuple[str, ...]] = ("pods",)

    def __init__(self, cluster: "Cluster") -> None:
        super().__init__(cluster)
        self._runner = web.AppRunner(prometheus.application(cluster.archive), access_log=None, shutdown_timeout=0.1)
        self._sites: dict[str, web.TCPSite] = {}
        self._serves = asyncio.Event()

    def start(self) -> None:
        """Make its objects where the world has it."""
        if self.world.metrics.any and self.world.nodes:
            addons.namespace(self.registry, SPACE)
            addons.deployment(self.registry, SPACE, NAME, "prometheus:v3.16.0", node=self.world.nodes[0].name)
            addons.service(self.registry, SPACE, NAME, prometheus.PORT, prometheus.PORT)

    async def settle(self) -> None:
        """Wait until it answers."""
        if self.world.metrics.any and self.world.nodes:
            await self._serves.wait()

    async def run(self) -> None:
        """Scrape for ever."""
        if not self.world.metrics.any:
            return
        await self.until(lambda: addons.alive(self.registry, SPACE, NAME))
        await self._runner.setup()
        async with aiohttp.ClientSession() as session:
            while True:
                await self._listen()
                if self._sites:
                    await self._scrape(session)
                await asyncio.sleep(INTERVAL)

    async def _listen(self) -> None:
        """Listen at the addresses of the ready pods, and nowhere else."""
        wanted = {pod["status"]["podIP"] for pod in addons.pods(self.registry, SPACE, NAME)}
        for address in [address for address in self._sites if address not in wanted]:
            await self._sites.pop(address).stop()
        for address in wanted - set(self._sites):
            site = web.TCPSite(self._runner, address, prometheus.PORT)
            try:
                await site.start()
                self._sites[address] = site
            except OSError as problem:
                await site.stop()
                self._cannot(address, problem)
            self._serves.set()

    def _cannot(self, address: str, problem: OSError) -> None:
        """Say that something else on the machine has the port; the cluster goes on without this part."""
        words = (
            f"cannot listen on {address}:{prometheus.PORT}: {problem.strerror}; end what listens there on all addresses"
        )
        for pod in addons.pods(self.registry, SPACE, NAME):
            self.cluster.recorder.event(pod, "Warning", "FailedToListen", words, component="prometheus")

    async def _scrape(self, session: aiohttp.ClientSession) -> None:
        pods = [pod for pod in self.store.select("pods") if target(pod)]
        self.cluster.archive.end(uid_of(pod) for pod in pods)
        await asyncio.gather(*(scrape(session, self.cluster.archive, pod) for pod in pods))

    async def stop(self) -> None:
        """Listen no longer."""
        await self._runner.cleanup()
