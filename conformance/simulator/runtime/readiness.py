"""Readiness probes: real requests to the pod's own address, as its kubelet makes them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus

import aiohttp

from conformance.simulator.objects import Obj
from conformance.simulator.runtime.process import Launch

EAGER = 0.2
"""Seconds between tries until the first one succeeds, where the period is longer: a server should not wait to be seen."""


class Probe:
    """The readiness probe of one container."""

    def __init__(self, container: Obj, address: str, launch: Callable[[list[str]], Launch]) -> None:
        self._container, self._address, self._launch = container, address, launch
        self._spec: Obj = container["readinessProbe"]

    async def results(self) -> AsyncIterator[tuple[bool, str]]:
        """Whether the container is ready after each try, and once in a period what a failed try saw."""
        spec = self._spec
        await asyncio.sleep(spec.get("initialDelaySeconds", 0))
        ready, good, bad = False, 0, 0
        period, told = max(spec.get("periodSeconds", 10), 1), 0.0
        while True:
            problem = await self._try()
            good, bad = (0, bad + 1) if problem else (good + 1, 0)
            if good >= spec.get("successThreshold", 1):
                ready = True
            elif bad >= spec.get("failureThreshold", 3):
                ready = False
            fresh = time.monotonic() - told >= period
            told = time.monotonic() if problem and fresh else told
            yield ready, problem if fresh else ""
            await asyncio.sleep(period if ready else EAGER)

    async def _try(self) -> str:
        """What is wrong, or nothing."""
        tries = {"httpGet": self._get, "tcpSocket": self._connect, "exec": self._exec}
        for name, look in tries.items():
            if name in self._spec:
                try:
                    return await asyncio.wait_for(look(self._spec[name]), self._spec.get("timeoutSeconds", 1))
                except TimeoutError:
                    return "context deadline exceeded"
                except (OSError, aiohttp.ClientError) as problem:
                    return str(problem)
        return ""

    def _port(self, port: int | str) -> int:
        if isinstance(port, int):
            return port
        named = (p["containerPort"] for p in self._container.get("ports") or () if p.get("name") == port)
        return int(next(named, 0))

    async def _get(self, action: Obj) -> str:
        host, port = action.get("host") or self._address, self._port(action.get("port", 0))
        url = f"{action.get('scheme', 'HTTP').lower()}://{host}:{port}/{action.get('path', '/').lstrip('/')}"
        headers = {header["name"]: header["value"] for header in action.get("httpHeaders") or ()}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers, ssl=False) as answer:
            good = HTTPStatus.OK <= answer.status < HTTPStatus.BAD_REQUEST
            return "" if good else f"HTTP probe failed with statuscode: {answer.status}"

    async def _connect(self, action: Obj) -> str:
        _, writer = await asyncio.open_connection(
            action.get("host") or self._address, self._port(action.get("port", 0))
        )
        writer.close()
        return ""

    async def _exec(self, action: Obj) -> str:
        launch = self._launch(action.get("command") or [])
        process = await asyncio.create_subprocess_exec(
            *launch.command,
            env=launch.environment,
            cwd=launch.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        return "" if process.returncode == 0 else output.decode(errors="replace")
