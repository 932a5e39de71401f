"""Records, checks and whole results documents for the tests of scoring, results and reports."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from conformance import results, scoring
from conformance.catalogue import CheckInfo
from conformance.declaration import CheckSpec
from conformance.profiles import Profile, Requirement
from conformance.verdicts import Decides

STARTED = "2026-11-23T11:26:32.000Z"


def check(
    check_id: str, *, decides: str = "programme", provisional: bool = False, title: str = "It works"
) -> CheckInfo:
    """Entry of a catalogue."""
    requirement, _, name = check_id.partition("/")
    spec = CheckSpec(decides=Decides(decides), needs=(), longest=1, why_longest="it is quick", provisional=provisional)
    path = Path(f"checks/security/test_{requirement}.py")
    return CheckInfo(requirement=requirement, name=name, section="security", path=path, title=title, text="", spec=spec)


def record(check_id: str, verdict: str = "passed", **fields: Any) -> dict[str, Any]:
    """Record of one check variant, with what a real one would say."""
    requirement, _, rest = check_id.partition("/")
    name, _, variant = rest.partition("[")
    silent = {"code": "", "reason": ""}
    said = silent if verdict == "passed" else {"code": f"{verdict}_here", "reason": f"it was seen to be {verdict}"}
    return {
        "id": check_id,
        "requirement": requirement,
        "check": name,
        "variant": variant.removesuffix("]") or None,
        "title": "It works",
        "decides": "programme",
        "provisional": False,
        "verdict": verdict,
        "grade": "controlled" if verdict == "passed" else None,
        **said,
        "observed": "",
        "expected": "",
        "hint": "",
        "attempts": 1,
        "started": STARTED,
        "duration_seconds": 1.5,
        "steps": [],
        "leftovers": [],
        "api": {"calls": 3, "bytes": 1234, "wait_seconds": 0.5},
        **fields,
    }


def step(action: str, **fields: Any) -> dict[str, Any]:
    """One step of a record."""
    return {"time": STARTED, "action": action, "observed": "as expected", **fields}


def requirement(requirement_id: str, level: str = "MUST", *, conditional: bool = False, **fields: Any) -> Requirement:
    """Requirement of a profile."""
    title = requirement_id.capitalize()
    known = {"section": "security", "title": title, "text": f"{title} is there.", **fields}
    return Requirement(id=requirement_id, level=level, conditional=conditional, **known)


def profile(*requirements: Requirement) -> Profile:
    """Profile of just these requirements."""
    return Profile(id="mine", title="My own profile", kubernetes="1.37", requirements=requirements)


def header(**fields: Any) -> dict[str, Any]:
    """What a run knows before it begins."""
    cluster = {
        "server": "https://127.0.0.1:6443",
        "context": "kind-test",
        "version": "v1.37.2",
        "simulated": False,
        "world": None,
        "faults": [],
        "nodes": 3,
        "accelerators": [
            {"id": "dra-t1000", "way": "dra", "title": "Test T1000 by DRA", "nodes": 2, "devices": 4, "free": 3}
        ],
    }
    return {
        "suite_version": "0.1.0",
        "run_id": "ab12cd",
        "started": STARTED,
        "profile": "mine",
        "profile_title": "My own profile",
        "cluster": cluster,
        **fields,
    }


def document(
    judged_by: Profile,
    records: Iterable[Mapping[str, Any]],
    out: Path,
    *,
    checks: Iterable[CheckInfo] = (),
    selected: Iterable[str] = (),
    head: Mapping[str, Any] | None = None,
    **ending: Any,
) -> dict[str, Any]:
    """Results of a run with these records, made as a run makes them."""
    begun = results.begin(out, {**header(), **(head or {})})
    score = scoring.score(judged_by, records, partial=begun["partial"], selected=selected, checks=list(checks))
    return results.finish(begun, score, **{"finished": STARTED, "duration_seconds": 43.2, **ending})


_TEXT = """Two tenants on one node must not share a device, or one reads what the other computes.

Proven by: two pods on one node, each asking for one device; the probe opens what it was given and compares `uuid`.

Fix: see that the driver gives every claim its own CDI device."""


def realistic(out: Path, *, judged_by: Profile, head: Mapping[str, Any] | None = None, **ending: Any) -> dict[str, Any]:
    """A run on a cluster with one fault, one missing permission, one retry and one lost record."""
    isolation, dra = "secure_accelerator_access", "dra_support"
    checks = [
        check(f"{dra}/types_are_usable", title="Each served DRA type can be created, changed and deleted"),
        check(f"{dra}/claim_is_released", decides="readiness", title="A deleted claim frees its device"),
        check(f"{isolation}/own_device_only", title="A pod sees exactly the accelerator that was allocated to it"),
        check(f"{isolation}/two_pods_get_different_devices", title="Two pods get different accelerators"),
        check(
            f"{isolation}/environment_opens_nothing", decides="hardening", title="An environment variable opens nothing"
        ),
    ]
    failure = {
        "code": "claims_share_a_device",
        "observed": "pods a and b on node-a both opened device SIM-0001",
        "expected": "two different devices",
        "hint": "Look at `allocation.devices` of both claims.",
        "reason": "observed pods a and b on node-a both opened device SIM-0001; expected two different devices",
    }
    steps = [
        step(
            "create pod",
            expected="it runs",
            observed="Running on node-a after 2.1 s",
            object="Pod ai-conformance-ab12cd-1/a",
        ),
        step("read what the probe saw", expected="1 device", observed="1 device", facts={"uuid": ["SIM-0001"]}),
        step("compare", expected="different", observed="equal", artefacts=["two_pods/pods.json", "two_pods/a.log"]),
    ]
    forbidden = {
        "code": "forbidden",
        "reason": "create pods is forbidden; run `ai-conformance rbac` to see what is needed",
    }
    records = [
        record(f"{dra}/types_are_usable[deviceclasses]", grade="behavioural", title=checks[0].title),
        record(f"{dra}/types_are_usable[resourceclaims]", attempts=2, title=checks[0].title, steps=steps[:1]),
        record(f"{dra}/claim_is_released", "unknown", **forbidden, decides="readiness", title=checks[1].title),
        record(f"{isolation}/own_device_only[dra-t1000]", title=checks[2].title, steps=steps[:2]),
        record(f"{isolation}/own_device_only[plugin-t1000]", "unknown", **forbidden, title=checks[2].title),
        record(
            f"{isolation}/two_pods_get_different_devices[dra-t1000]", "failed", **failure, title=checks[3].title,
            text=_TEXT, steps=steps, leftovers=["Namespace ai-conformance-ab12cd-1 (7f3c)"],
        ),
        record(f"{isolation}/environment_opens_nothing[dra-t1000]", decides="hardening", title=checks[4].title),
    ]  # fmt: skip
    lost = f"{isolation}/two_pods_get_different_devices[plugin-t1000]"
    selected = [*(r["id"] for r in records), lost]
    named = {"profile": judged_by.id, "profile_title": judged_by.title, **(head or {})}
    return document(judged_by, records, out, checks=checks, selected=selected, head=named, **ending)
