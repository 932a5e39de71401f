"""The simulated inference server and its load: a real queue, the metrics of vLLM, and an end at once on SIGTERM."""

import contextlib
import http.client
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conformance import content

FOLDER = content.FIXTURES / "probe"
Json = dict[str, Any]
SECONDS = 30.0
"""Limit for what takes milliseconds."""


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"probe_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


serve, load = _load("serve"), _load("load")


class Ground:
    """A server in this process."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.listener = serve.start("127.0.0.1", 0, engine, "m")
        self.port: int = self.listener.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(self, method: str, path: str, body: bytes = b"") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def metrics(self) -> dict[str, float]:
        _, text = self.send("GET", "/metrics")
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        assert all(sample.labels["model_name"] == "m" for sample in samples)
        return {sample.name: sample.value for sample in samples if "le" not in sample.labels}

    def until(self, fits: Callable[[Json], bool]) -> Json:
        """The engine's state once it fits."""
        seen: list[Json] = []
        stop = threading.Event()

        def say(line: str) -> None:
            seen.append(json.loads(line)["serving"])
            if fits(seen[-1]):
                stop.set()

        timer = threading.Timer(SECONDS, stop.set)
        timer.start()
        serve.tell(self.engine, say, lambda: stop.wait(0.005))
        timer.cancel()
        assert fits(seen[-1]), seen[-1]
        return seen[-1]


@pytest.fixture
def ground() -> Iterator[Callable[..., Ground]]:
    made: list[Ground] = []

    def make(*, seconds: float = 0.0, tokens: int = 8, room: int = 16) -> Ground:
        made.append(Ground(serve.Engine(seconds, tokens, room)))
        return made[-1]

    yield make
    for one in made:
        one.listener.shutdown()
        one.listener.server_close()


def _clients(ground: Ground, count: int) -> None:
    """Requests whose answer nobody waits for."""

    def ask() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            ground.send("POST", load.PATH, b"{}")

    for _ in range(count):
        threading.Thread(target=ask, daemon=True).start()


def test_a_completion_has_the_usage_that_clients_of_openai_read(ground: Callable[..., Ground]) -> None:
    status, text = ground(tokens=5).send("POST", "/v1/completions", json.dumps({"prompt": "a b c"}).encode())
    answer = json.loads(text)
    assert status == 200
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    assert answer["choices"][0]["finish_reason"] == "length"


def test_one_request_runs_and_the_others_wait(ground: Callable[..., Ground]) -> None:
    server = ground(seconds=600)
    _clients(server, 4)
    server.until(lambda state: bool(state["running"] == 1 and state["waiting"] == 3))
    seen = server.metrics()
    assert (seen["vllm:num_requests_running"], seen["vllm:num_requests_waiting"]) == (1, 3)


def test_counters_start_at_zero_and_grow_with_every_answer(ground: Callable[..., Ground]) -> None:
    server = ground(tokens=7)
    assert server.metrics()["vllm:generation_tokens_total"] == 0
    for _ in range(3):
        server.send("POST", load.PATH, b'{"prompt": "a b"}')
    seen = server.metrics()
    assert seen["vllm:generation_tokens_total"] == 21
    assert seen["vllm:prompt_tokens_total"] == 6
    assert seen["vllm:time_to_first_token_seconds_count"] == seen["vllm:request_success_total"] == 3


def test_a_full_queue_refuses(ground: Callable[..., Ground]) -> None:
    server = ground(seconds=600, room=1)
    _clients(server, 1)
    server.until(lambda state: bool(state["running"] == 1))
    _clients(server, 1)
    server.until(lambda state: bool(state["waiting"] == 1))
    status, _ = server.send("POST", load.PATH, b"{}")
    assert (status, server.engine.state()["refused"]) == (503, 1)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/health", b"", 200),
        ("GET", "/other", b"", 404),
        ("POST", "/other", b"{}", 404),
        ("POST", "/v1/completions", b"no json", 400),
        ("POST", "/v1/completions", b"[]", 404),
    ],
)
def test_what_is_asked_wrongly_is_refused(
    ground: Callable[..., Ground], method: str, path: str, body: bytes, status: int
) -> None:
    assert ground().send(method, path, body)[0] == status


@pytest.mark.parametrize("tokens", [1, 3, 4, 24, 25])
def test_portions_of_tokens_add_up(tokens: int) -> None:
    assert sum(serve.Engine(0, tokens, 1)._steps()) == tokens


def test_the_load_counts_answers_and_tokens(ground: Callable[..., Ground]) -> None:
    server, count = ground(tokens=4), load.Count()
    tokens = [load.ask(server.url) for _ in range(3)]
    for made in tokens:
        count.good(made)
    assert count.state()["tokens"] == 12
    assert server.metrics()["vllm:generation_tokens_total"] == 12


def test_a_client_that_is_refused_counts_errors_and_goes_on(ground: Callable[..., Ground]) -> None:
    count, stop = load.Count(), threading.Event()
    server = ground()
    server.listener.shutdown()
    server.listener.server_close()
    tries = iter([False, False, True])
    stop.is_set = lambda: next(tries)  # type: ignore[method-assign]
    stop.set()
    load.client(server.url, count, stop)
    assert (count.errors, count.answered) == (2, 0)
    assert count.state()["last_error"].startswith("ConnectionRefusedError")


def _program(*words: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(FOLDER / "probe.py"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONSAFEPATH": "1", **environment},
    )


def test_the_server_reports_devices_listens_at_its_pod_ip_and_ends_on_sigterm_with_a_request_on_its_way() -> None:
    with _program("serve", "--port", "18731", "--seconds-per-request", "600", POD_IP="127.83.1.9") as child:
        assert child.stdout is not None
        report, first = json.loads(child.stdout.readline()), json.loads(child.stdout.readline())
        connection = http.client.HTTPConnection("127.83.1.9", 18731, timeout=SECONDS)
        connection.request("POST", load.PATH, b"{}")
        running = json.loads(child.stdout.readline())
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=SECONDS)
        connection.close()
    assert (report["probe"], report["nodes"]) == ("serve", [])
    assert (first["serving"]["running"], running["serving"]["running"]) == (0, 1)
    assert (child.returncode, err) == (0, "")


def test_the_load_ends_on_sigterm_and_its_last_line_has_the_sums(ground: Callable[..., Ground]) -> None:
    server = ground(tokens=2)
    with _program("load", "--target", server.url, "--concurrency", "2", "--seconds", "600") as child:
        assert child.stdout is not None
        begun = json.loads(child.stdout.readline())
        child.stdout.readline()
        child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=SECONDS)
    last = json.loads(out.splitlines()[-1])["load"]
    assert (begun["probe"], begun["concurrency"]) == ("load", 2)
    assert last["answered"] > 0
    assert last["tokens"] == 2 * last["answered"]
    assert (child.returncode, err, last["errors"]) == (0, "", 0)


def test_the_load_ends_by_itself(ground: Callable[..., Ground]) -> None:
    with _program("load", "--target", ground().url, "--concurrency", "1", "--seconds", "0") as child:
        out, _ = child.communicate(timeout=SECONDS)
    assert child.returncode == 0
    assert json.loads(out.splitlines()[-1])["load"]["errors"] == 0
