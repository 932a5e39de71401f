"""A pod for one device more than were free may run where somebody gave one back meanwhile, and only there."""

from typing import Any

import pytest

from conformance.probes import tenants
from conformance.probes.dra.extended import Extended
from conformance.probes.dra.published import Published
from conformance.verdicts import Failure, Unknown, Unverified
from tests.probes.test_dra_choice import device

BOUND = {"metadata": {"uid": "pod"}, "spec": {"nodeName": "n"}}
HELD = {"metadata": {"name": "c", "ownerReferences": [{"uid": "pod"}]}}


class FakeTrial:
    """Devices, of which the pod's own claim holds some: they are free where it does not count."""

    def __init__(self, *devices: Published) -> None:
        self.devices = devices

    def rivals(self, own: Any = None) -> list[Published]:
        assert own is None or own(HELD)
        return list(self.devices)


def extended(*devices: Published, counted: int = 1) -> Any:
    made = Extended.__new__(Extended)
    values = {"resource": "x", "free": counted, "_counted": counted, "_trial": FakeTrial(*devices)}
    pod = {"_refused": lambda _pod: BOUND, "_bench": type("B", (), {"plan": lambda *_a: None})()}
    made.__dict__ |= {**values, **pod, "_sandbox": type("S", (), {"namespace": lambda _self: "n"})()}
    return made


@pytest.mark.parametrize(("free", "error"), [(1, Failure), (2, Unverified)])
def test_a_pod_beyond_what_is_free_fails_only_where_as_many_are_free_as_before(
    monkeypatch: pytest.MonkeyPatch, free: int, error: type[Exception]
) -> None:
    monkeypatch.setattr(tenants, "submit", lambda *_a: BOUND)
    with pytest.raises(error):
        extended(*(device(name) for name in "ab"[:free])).too_many_wait("p", 1)


def test_devices_that_some_nodes_reach_together_cannot_be_counted() -> None:
    far = device("a")
    with pytest.raises(Unknown, match="cannot be counted"):
        extended(Published(far.device, "", far.body, True, False))._everywhere()
