"""What kube-proxy does: connections to the address of a service go in turn to its ready endpoints.

Each port of a service is a listener on its loopback address. Without a ready endpoint nothing listens, so that a connection is
refused as by the real one.
"""

import asyncio
import itertools
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from conformance.simulator.controllers.base import Controller, Key
from conformance.simulator.controllers.endpoints import SERVICE_LABEL, SLICES
from conformance.simulator.objects import Obj, deleting, dig, labels_of, name_of, namespace_of
from conformance.simulator.storage import Event

if TYPE_CHECKING:
    from conformance.simulator.cluster import Cluster

Backend = tuple[str, int]
_CHUNK = 65536


@dataclass
class _Port:
    """A port that is listened on."""

    server: asyncio.Server | None = None
    backends: list[Backend] = field(default_factory=list)
    turn: "itertools.count[int]" = field(default_factory=itertools.count)
    opening: "asyncio.Task[None] | None" = None
    open: set["asyncio.Task[None]"] = field(default_factory=set)


class Proxies(Controller):
    """Listens for all services."""

    watches: ClassVar[tuple[str, ...]] = ("services", SLICES)

    def __init__(self, cluster: "Cluster") -> None:
        super().__init__(cluster)
        self._ports: dict[Key, dict[Backend, _Port]] = {}

    def keys(self, event: Event) -> list[Key]:
        """The service itself, or the one that a slice belongs to."""
        own = name_of(event.obj) if event.resource == "services" else labels_of(event.obj).get(SERVICE_LABEL, "")
        return [(namespace_of(event.obj), own)] if own else []

    def reconcile(self, namespace: str, name: str) -> None:
        """Open, change and close the listeners of a service."""
        service = self.registry.find("services", namespace, name)
        wanted = self._wanted(service) if service is not None and not deleting(service) else {}
        have = self._ports.setdefault((namespace, name), {})
        for place in [place for place in have if not wanted.get(place)]:
            self._close(have.pop(place))
        for place, backends in wanted.items():
            if place in have:
                have[place].backends = backends
            elif backends:
                self._open(service or {}, have, place, backends)
        if not have:
            del self._ports[namespace, name]

    def _wanted(self, service: Obj) -> dict[Backend, list[Backend]]:
        address = service["spec"].get("clusterIP")
        if not address or not self.cluster.addresses.is_service(address):
            return {}
        found = {}
        for port in service["spec"].get("ports") or ():
            if port.get("protocol", "TCP") == "TCP":
                found[address, port["port"]] = self._backends(service, port.get("name", ""))
        return found

    def _backends(self, service: Obj, port: str) -> list[Backend]:
        slices = self.store.select(SLICES, namespace_of(service))
        return [
            (address, entry["port"])
            for one in slices
            if labels_of(one).get(SERVICE_LABEL) == name_of(service)
            for entry in one.get("ports") or ()
            if (entry.get("name") or "") == port and entry.get("port")
            for endpoint in one.get("endpoints") or ()
            if dig(endpoint, "conditions", "ready", default=True)
            for address in endpoint.get("addresses") or ()
        ]

    def _open(self, service: Obj, have: dict[Backend, _Port], place: Backend, backends: list[Backend]) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(place)
            listener.listen()
        except OSError as problem:
            listener.close()
            words = f"cannot listen on {place[0]}:{place[1]}: {problem.strerror}; take a port above 1023 without root"
            self.cluster.recorder.event(service, "Warning", "FailedToListen", words, component="kube-proxy")
            return
        listener.setblocking(False)
        port = have[place] = _Port(backends=backends)
        port.opening = asyncio.create_task(self._serve(port, listener))

    async def _serve(self, port: _Port, listener: socket.socket) -> None:
        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                port.open.add(task)
                task.add_done_callback(port.open.discard)
            await _pass_on(port, reader, writer)

        port.server = await asyncio.start_server(pass_on, sock=listener)

    def _close(self, port: _Port) -> None:
        """Stop listening; what is open may go on."""
        if port.server is not None:
            port.server.close()
        elif port.opening is not None:
            port.opening.add_done_callback(lambda _: self._close(port))

    async def stop(self) -> None:
        """Close everything."""
        ports = [port for ports in self._ports.values() for port in ports.values()]
        for port in ports:
            self._close(port)
            for task in list(port.open):
                task.cancel()
        await asyncio.gather(*(task for port in ports for task in port.open), return_exceptions=True)


async def _connect(port: _Port) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
    """A connection to the backend whose turn it is, or to one after it."""
    backends = list(port.backends)
    start = next(port.turn)
    for step in range(len(backends)):
        try:
            return await asyncio.open_connection(*backends[(start + step) % len(backends)])
        except OSError:
            continue
    return None


async def _pass_on(port: _Port, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        found = await _connect(port)
        if found is None:
            return
        there, back = found
        try:
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            back.close()
    finally:
        writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Everything from one side to the other, and then the end."""
    try:
        while data := await source.read(_CHUNK):
            target.write(data)
            await target.drain()
        if target.can_write_eof():
            target.write_eof()
    except OSError:
        target.close()
