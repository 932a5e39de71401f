"""A claim has to stay with its pod, and to give the device that it has now."""

from types import SimpleNamespace
from typing import Any

import pytest

from conformance.cluster import Settings
from conformance.evidence import Evidence
from conformance.probes import keeping
from conformance.probes.allocation import Running
from conformance.verdicts import Failure, Unverified

POD = {"metadata": {"name": "p", "uid": "u"}, "status": {"phase": "Running"}}


def claim(device: str = "") -> dict[str, Any]:
    results = [{"driver": "x.dev", "pool": "n", "device": device, "request": "accelerator"}]
    held = {"allocation": {"devices": {"results": results}}, "reservedFor": [{"uid": "u"}]}
    return {"metadata": {"name": "c"}, "status": held if device else {}}


def bench(phase: str = "Running") -> Any:
    now = {**POD, "status": {"phase": phase}}
    sandbox = SimpleNamespace(
        api=SimpleNamespace(get=lambda _path: now),
        evidence=Evidence(),
        settings=Settings(run_id="r"),
        path=lambda plural, **_more: plural,
    )
    return SimpleNamespace(sandbox=sandbox, group_version="resource.k8s.io/v1", node="n")


def watched(monkeypatch: pytest.MonkeyPatch, *seen: dict[str, Any]) -> None:
    """What the watch of the window delivers."""

    def stays(_api: Any, _where: str, _claim: Any, lost: Any, **_more: Any) -> tuple[str | None, float, int]:
        return next(filter(None, map(lost, seen)), None), 2.0, 0

    monkeypatch.setattr("conformance.probes.keeping.waiting.stays", stays)


def test_a_claim_that_is_held_through_the_window_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    watched(monkeypatch, claim("a"), claim("a"))
    keeping.stays_held(bench(), Running(POD, claim("a"), 0.1))


def test_a_claim_that_is_let_go_while_its_pod_runs_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    watched(monkeypatch, claim("a"), claim())
    with pytest.raises(Failure, match="while pod p runs: allocated nothing") as failure:
        keeping.stays_held(bench(), Running(POD, claim("a"), 0.1))
    assert failure.value.code == "claim_not_held"


def test_a_claim_that_is_let_go_because_its_pod_has_ended_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    watched(monkeypatch, claim())
    with pytest.raises(Unverified) as outcome:
        keeping.stays_held(bench("Failed"), Running(POD, claim("a"), 0.1))
    assert outcome.value.code == "no_witness"


@pytest.mark.parametrize(
    ("before", "opened", "beside", "fails"),
    [
        ("A", "A", "A", True),
        ("A", "B", "A", False),
        ("B", "A", "A", False),
        ("A", "A", "B", False),
        ("A", None, "A", False),
    ],
)
def test_only_a_claim_that_was_given_another_device_and_opens_the_old_one_fails(
    monkeypatch: pytest.MonkeyPatch, before: str, opened: str | None, beside: str, fails: bool
) -> None:
    told = {"second": ["B"], "between": ["A"]}
    seen = {"second": opened, "between": beside}
    monkeypatch.setattr("conformance.probes.reading.identity", lambda n, _descriptor: n.content)
    given = bench()
    given.identified = lambda t: told[t.name]
    given.descriptor = SimpleNamespace(can_identify=True)
    holders = {
        name: SimpleNamespace(
            name=name,
            claim=claim("B"),
            report=SimpleNamespace(opened=lambda _d, value=value: [SimpleNamespace(content=value)]),
        )
        for name, value in seen.items()
    }

    def judge() -> None:
        keeping._opens_the_new_one(given, holders["second"], holders["between"], Running(POD, claim(before), 0.1))  # type: ignore[arg-type]

    if not fails:
        judge()
        return
    with pytest.raises(Failure) as failure:
        judge()
    assert failure.value.code == "wrong_device"
