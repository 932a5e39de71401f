"""The HTTP API of the stand-in for Prometheus: one kind of question, asked as people ask the real one."""

import time
from http import HTTPStatus

from aiohttp import web

from conformance.simulator.metrics.archive import Archive
from conformance.simulator.metrics.query import UnknownQueryError, evaluate

PORT = 9090


def application(archive: Archive) -> web.Application:
    """The aiohttp application."""

    async def query(request: web.Request) -> web.Response:
        given = {**request.query, **(await request.post() if request.method == "POST" else {})}
        text = str(given.get("query", ""))
        try:
            value = evaluate(archive, text)
        except UnknownQueryError as problem:
            body = {"status": "error", "errorType": "bad_data", "error": f'invalid parameter "query": {problem}'}
            return web.json_response(body, status=HTTPStatus.BAD_REQUEST)
        result = [] if value is None else [{"metric": {}, "value": [round(time.time(), 3), f"{value:.12g}"]}]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})

    async def ready(_request: web.Request) -> web.Response:
        return web.Response(text="Prometheus Server is Ready.\n")

    app = web.Application()
    app.router.add_route("GET", "/api/v1/query", query)
    app.router.add_route("POST", "/api/v1/query", query)
    app.router.add_get("/-/ready", ready)
    app.router.add_get("/-/healthy", ready)
    return app
