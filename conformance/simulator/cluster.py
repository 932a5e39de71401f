"""One simulated cluster in its own thread: store, registry, server, controllers and the processes of its pods."""

import asyncio
import logging
import ssl
import tempfile
import threading
from pathlib import Path
from typing import Any

from aiohttp import web

from conformance.simulator import certificates, controllers
from conformance.simulator.addresses import Block
from conformance.simulator.api.access import Access
from conformance.simulator.api.aggregation import Aggregation
from conformance.simulator.api.registry import Registry
from conformance.simulator.api.server import Server
from conformance.simulator.api.verbs import Verbs
from conformance.simulator.autoscaling.fleet import Fleet
from conformance.simulator.kinds import Kinds
from conformance.simulator.metrics.archive import Archive
from conformance.simulator.objects import Obj, thaw
from conformance.simulator.placement.room import Kept
from conformance.simulator.places import WorldError
from conformance.simulator.recorder import Recorder
from conformance.simulator.runtime.logs import LogStore
from conformance.simulator.runtime.process import Watchdog
from conformance.simulator.storage import Store
from conformance.simulator.world import World

HOST = "127.0.0.1"
NATIVE_GANGS = ("scheduling.k8s.io/v1beta1", "scheduling.k8s.io/v1alpha3")
"""Group versions that are not served while their gate is off."""
SETTLING = 10.0
"""Seconds that add-ons have until the cluster is handed out all the same."""
_LOG = logging.getLogger(__name__)


class Cluster:
    """The parts of a cluster, as its controllers see them."""

    def __init__(self, world: World) -> None:
        self.world, self.switches = world, world.switches
        self.fleet = Fleet(world)
        self.store, self.addresses = Store(), Block()
        native = () if world.switches.gang.native else NATIVE_GANGS
        kinds = Kinds(serve=world.serve, withhold=(*world.withhold, *native))
        if not world.switches.dra.serves_device_taint_rules:
            kinds.drop("resource.k8s.io", "devicetaintrules")
        self.registry = Registry(self.store, kinds, world.switches.api, self.addresses, world.switches.dra)
        self.archive, self.aggregation = Archive(), Aggregation(self.store)
        self.recorder, self.logs = Recorder(self.registry), LogStore()
        self.access = Access(list(world.users))
        self.kept: Kept = {}
        """What a scheduler with a fault holds back for gangs that are gone."""
        self.folder = Path(tempfile.mkdtemp(prefix="ai-conformance-world-"))
        self.watchdog = Watchdog(self.folder)
        self.certificate = certificates.make("simulated")
        self.crashes: list[BaseException] = []
        self._thread = threading.Thread(target=self._serve, name=f"world {world.name}", daemon=True)
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where the API server listens."""
        return f"https://{HOST}:{self.port}"

    def start(self) -> None:
        """Start, and wait until requests are answered."""
        self._thread.start()
        self._ready.wait()
        if self.crashes:
            self.stop()
            raise self.crashes[0]

    def stop(self) -> None:
        """End everything; no process and no file is left."""
        if self._loop and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self.watchdog.close()
        self.addresses.close()

    def crashed(self, task: "asyncio.Task[Any]") -> None:
        """A part has died of a mistake of ours: say so loudly, and remember it."""
        problem = task.exception()
        if problem:
            self.crashes.append(problem)
            _LOG.critical("a part of the simulated cluster crashed", exc_info=problem)

    def _serve(self) -> None:
        try:
            asyncio.run(self._live())
        except (OSError, WorldError) as problem:
            self.crashes.append(problem)
        finally:
            self._ready.set()

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        parts = [kind(self) for kind in controllers.every()]
        for part in sorted(parts, key=lambda p: type(p).__name__ != "Nodes"):
            part.start()
        for obj in self.world.objects:
            self._add(obj)
        verbs = Verbs(self.registry, self.switches.api, self.logs)
        server = Server(verbs, self.access, self.switches.api, self.world.version, self.aggregation)
        runner = web.AppRunner(server.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, HOST, 0, ssl_context=self._tls())
        await site.start()
        self.port = int(runner.addresses[0][1])
        tasks = [asyncio.create_task(part.run(), name=type(part).__name__) for part in parts]
        for task in tasks:
            task.add_done_callback(lambda done: None if done.cancelled() else self.crashed(done))
        await asyncio.sleep(0)
        _, late = await asyncio.wait([asyncio.create_task(part.settle()) for part in parts], timeout=SETTLING)
        for settling in late:
            settling.cancel()
        self._ready.set()
        await self._stop.wait()
        open_ones = [each.transport for each in (runner.server.connections if runner.server else ())]
        await runner.cleanup()
        for transport in filter(None, open_ones):
            transport.abort()  # a client that is gone never answers the end of TLS
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for part in parts:
            await part.stop()

    def _tls(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        file = self.folder / "server.pem"
        file.touch(mode=0o600)
        file.write_text(self.certificate.key + self.certificate.certificate)
        context.load_cert_chain(file)
        file.unlink()
        return context

    def _add(self, obj: Obj) -> None:
        kind = self.registry.kinds.of(str(obj.get("apiVersion")), str(obj.get("kind")))
        if kind is None:
            raise WorldError(
                f"world {self.world.name}: objects: {obj.get('apiVersion')}/{obj.get('kind')} is not served"
            )
        self.registry.create(kind, obj.get("metadata", {}).get("namespace", ""), thaw(obj))
