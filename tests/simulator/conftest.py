"""One simulated cluster for all tests of a worker; every test has a namespace of its own."""

import itertools
from collections.abc import Iterator

import pytest

from conformance import simulator
from conformance.simulator.switches import Switches
from tests.simulator.client import PODS, Client
from tests.simulator.dra import Maker

_numbers = itertools.count()


@pytest.fixture(scope="session")
def running() -> Iterator[simulator.Running]:
    """The world ``conformant``."""
    with simulator.start("conformant") as cluster:
        yield cluster
        assert cluster.crashes == []


@pytest.fixture
def client(running: simulator.Running) -> Client:
    """A client of the administrator."""
    return Client(running.kubeconfig)


@pytest.fixture
def viewer(running: simulator.Running) -> Client:
    """A client of a user who may only read."""
    return Client(running.kubeconfig, "simulated-viewer")


@pytest.fixture
def namespace(client: Client) -> Iterator[str]:
    """A namespace that no other test uses; what it held is free again afterwards."""
    name = client.namespace(f"test-{next(_numbers)}")
    yield name
    client.call("DELETE", PODS.format(name) + "?gracePeriodSeconds=0")
    client.call("DELETE", f"/api/v1/namespaces/{name}")
    client.until_gone(f"/api/v1/namespaces/{name}")


@pytest.fixture
def switches(running: simulator.Running) -> Iterator[Switches]:
    """The switches of the shared cluster; all are back in place afterwards."""
    live = running._cluster.switches
    saved = {name: dict(vars(part)) for name, part in vars(live).items()}
    yield live
    for name, values in saved.items():
        vars(getattr(live, name)).update(values)


@pytest.fixture
def made(client: Client) -> Iterator[Maker]:
    """Creates cluster-wide objects that are gone after the test."""
    maker = Maker(client)
    yield maker
    maker.remove()
