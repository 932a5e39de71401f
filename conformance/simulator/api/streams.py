"""Answers that go on for a while: watches and followed logs."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

from aiohttp import web

from conformance.simulator.api import errors, table
from conformance.simulator.api.paths import Target
from conformance.simulator.api.registry import Registry
from conformance.simulator.api.watch import Watch, Wish, line
from conformance.simulator.objects import Obj, dig, name_of, namespace_of
from conformance.simulator.storage import Store


class Logs(Protocol):
    """Where the output of containers is."""

    def stream(
        self, uid: str, container: str, *, previous: bool, follow: bool, timestamps: bool, tail: int | None
    ) -> AsyncIterator[bytes]:
        """The output of a container, line by line."""
        ...


async def send_watch(store: Store, wish: Wish, request: web.Request, drop_after: int) -> web.StreamResponse:
    """Serve a watch; ``drop_after`` breaks the connection after so many events."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    as_table = "as=Table" in request.headers.get("Accept", "").partition(",")[0]
    include = request.query.get("includeObject", "Metadata")
    sent = 0
    events = Watch(store, wish).events()
    try:
        async for kind, obj in events:
            shown = obj
            if as_table and kind not in ("ERROR", "BOOKMARK"):
                shown = table.table(wish.kind, [obj], {"resourceVersion": obj["metadata"]["resourceVersion"]}, include)
            await response.write(line(kind, shown))
            sent += 1
            if drop_after and sent >= drop_after and request.transport:
                request.transport.abort()
                return response
        await response.write_eof()
    except ConnectionError:
        return response
    finally:
        await events.aclose()  # type: ignore[attr-defined]
    return response


async def send_log(registry: Registry, logs: Logs, target: Target, request: web.Request) -> web.StreamResponse:
    """Serve the log of a container."""
    pod, query = registry.get(target.kind, target.namespace, target.name), request.query
    container = _container(pod, query.get("container", ""))
    if not dig(pod, "spec", "nodeName"):
        return web.Response(content_type="text/plain")  # the real server has nobody to ask, and says nothing
    _must_have_run(pod, container, previous=query.get("previous") == "true")
    chunks = logs.stream(
        pod["metadata"]["uid"],
        container,
        previous=query.get("previous") == "true",
        follow=query.get("follow") in ("1", "true"),
        timestamps=query.get("timestamps") in ("1", "true"),
        tail=number(query, "tailLines"),
    )
    left = number(query, "limitBytes") or 1 << 40
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        async for chunk in chunks:
            await response.write(chunk[:left])
            left -= len(chunk)
            if left <= 0:
                break
        await response.write_eof()
    except ConnectionError:
        return response
    finally:
        await chunks.aclose()  # type: ignore[attr-defined]
    return response


def number(query: Mapping[str, str], name: str) -> int | None:
    """A number in a query, or None; 400 for anything else."""
    text = query.get(name)
    if text and not text.isdigit():
        raise errors.bad_request(f"invalid query parameter {name}={text!r}: want a number")
    return int(text) if text else None


def _container(pod: Obj, wanted: str) -> str:
    names = [c["name"] for c in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"])]
    if not wanted and len(names) > 1:
        words = " ".join(names)
        raise errors.bad_request(f"a container name must be specified for pod {name_of(pod)}, choose one of: [{words}]")
    if wanted and wanted not in names:
        raise errors.bad_request(f"container {wanted} is not valid for pod {name_of(pod)}")
    return wanted or names[0]


def _must_have_run(pod: Obj, container: str, *, previous: bool) -> None:
    groups = ("containerStatuses", "initContainerStatuses")
    statuses = [s for group in groups for s in dig(pod, "status", group, default=[]) if s["name"] == container]
    state = statuses[0]["state"] if statuses else {}
    if previous:
        if not dig(statuses[0] if statuses else {}, "lastState", "terminated"):
            raise errors.bad_request(f'previous terminated container "{container}" in pod "{name_of(pod)}" not found')
        return
    if "waiting" in state and not dig(statuses[0], "lastState", "terminated"):
        reason = state["waiting"].get("reason", "ContainerCreating")
        raise errors.bad_request(f'container "{container}" in pod "{name_of(pod)}" is waiting to start: {reason}')
    if not statuses:
        raise errors.bad_request(
            f'container "{container}" in pod "{namespace_of(pod)}/{name_of(pod)}" is not available'
        )
