"""An API server that answers what a test wrote down, and a client without pauses."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from kubernetes.client import ApiClient, Configuration

from conformance.cluster import api, errors, transport, waiting


class Script:
    """Answers in order, and what was asked for them."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes, dict[str, str]]] = []
        self.asked: list[str] = []
        self.url = ""

    def say(self, status: int, body: object = None, **headers: str) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append((status, data, {"Content-Length": str(len(data))} | given))


@pytest.fixture
def script() -> Iterator[Script]:
    made = Script()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.asked.append(f"{self.command} {self.path}")
            status, data, headers = made.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 - names of http.server

        def log_message(self, *_words: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Delays that would have been waited."""
    found: list[float] = []

    def pause(attempt: int, error: errors.ApiError) -> None:
        found.append(transport._delay(attempt, error))

    monkeypatch.setattr(transport, "pause", pause)
    monkeypatch.setattr(api, "pause", pause)
    monkeypatch.setattr(waiting, "_calm", lambda _seconds: None)
    return found


@pytest.fixture
def server(script: Script, pauses: list[float]) -> Iterator[api.Api]:
    assert pauses == []
    configuration = Configuration(host=script.url)
    with ApiClient(configuration) as client:
        yield api.Api(transport.Transport(client, "test"), "test")
        client.rest_client.pool_manager.clear()
