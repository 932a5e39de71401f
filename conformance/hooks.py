"""Hooks of a conformance run in every process that runs checks: which ones, when, and what their end means (DESIGN 3).

The record of a check travels on its test reports, and so through xdist, as ``conformance_record``. The report of the
teardown phase has the final one, because only then is it known what was left behind.
"""

import importlib
import json
import signal
from collections.abc import Generator
from types import FrameType
from typing import Any

import pytest

from conformance.run.interruption import Interruption
from conformance.run.judging import Held, Overrun, judge, passed
from conformance.run.plan import Planned, id_of_node
from conformance.run.running import Process, Running, of
from conformance.verdicts import Verdict

PROCESS = pytest.StashKey[Process]()
INTERRUPTION = pytest.StashKey[Interruption]()
RUNNING = pytest.StashKey[Running]()
WORKER_INPUT = "ai_conformance"
CONTROLLER = "conformance.controller"
RECORD = "conformance_record"
"""Attribute of the test reports."""

_TEXT_LIMIT = 50_000
LEAST_OVERRUN = 120.0
"""Seconds that every check has at least, because some of its limits are never shortened."""
_FIXTURES = {
    "kinds": "kind",
    "shares": "share",
    "dra_kinds": "kind",
    "dra_pools": "kind",
    "virtual": "virtual",
    "dra_types": "dra_type",
    "gang": "variant",
    "metrics": "variant",
    "adapters": "variant",
    "autoscalers": "variant",
}
_OUTCOMES = {Verdict.PASSED: "passed", Verdict.FAILED: "failed", Verdict.UNVERIFIED: "failed"}
_STATUS = {
    Verdict.PASSED: ("passed", ".", "PASSED"),
    Verdict.FAILED: ("failed", "F", "FAILED"),
    Verdict.UNVERIFIED: ("error", "E", "UNVERIFIED"),
    Verdict.NOT_APPLICABLE: ("skipped", "n", "NOT APPLICABLE"),
    Verdict.UNKNOWN: ("skipped", "u", "UNKNOWN"),
    Verdict.SKIPPED: ("skipped", "s", "SKIPPED"),
}


def running(item: pytest.Item) -> Running:
    """State of the check that this item runs."""
    return of(item.stash.get(RUNNING, None))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Take the plan in a worker; take the run over in the controller."""
    given = getattr(config, "workerinput", {}).get(WORKER_INPUT)
    if given is None:
        if not config.option.collectonly:
            config.pluginmanager.register(importlib.import_module(CONTROLLER), CONTROLLER)
        return
    config.option.keyword = ""
    config.stash[PROCESS] = Process.from_json(json.loads(given))
    config.stash[INTERRUPTION] = Interruption(repeat_ends=False)
    config.stash[INTERRUPTION].install()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """A signal ends the session after the check that runs."""
    if interruption := session.config.stash.get(INTERRUPTION, None):
        interruption.on_ask.append(lambda: setattr(session, "shouldstop", "interrupted"))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give back what this process holds."""
    if process := config.stash.get(PROCESS, None):
        process.broker.release()
        process.teller.close()
    if interruption := config.stash.get(INTERRUPTION, None):
        interruption.restore()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item for each planned variant; none planned leaves the one item without a variant."""
    process = metafunc.config.stash.get(PROCESS, None)
    spec = getattr(metafunc.function, "conformance_check", None)
    fixture = _FIXTURES.get(getattr(spec, "variants", None) or "")
    if process is None or fixture is None or fixture not in metafunc.fixturenames:
        return
    check = id_of_node(f"{metafunc.definition.path.name}::{metafunc.function.__name__}")
    variants = [entry.variant for entry in process.plan.values() if entry.check_id == check and entry.variant]
    if variants:
        metafunc.parametrize(fixture, variants, ids=variants, indirect=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the planned checks in the order of the plan; tests that are no checks come after them."""
    process = config.stash.get(PROCESS, None)
    if process is None:
        return
    order = {id_: index for index, id_ in enumerate(process.plan)}
    checks = [item for item in items if _is_check(item)]
    kept = sorted((i for i in checks if id_of_node(i.nodeid) in order), key=lambda i: order[id_of_node(i.nodeid)])
    left_out = [item for item in checks if id_of_node(item.nodeid) not in order]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    items[:] = kept + [item for item in items if not _is_check(item)]


def _is_check(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and hasattr(item.function, "conformance_check")


def _planned(item: pytest.Item) -> Planned | None:
    process = item.config.stash.get(PROCESS, None)
    return process.plan.get(id_of_node(item.nodeid)) if process and _is_check(item) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Give a check its state for the time that it runs, and its accelerators back afterwards."""
    planned = _planned(item)
    if planned is None:
        return (yield)
    process = item.config.stash[PROCESS]
    item.stash[RUNNING] = Running(process, planned)
    try:
        return (yield)
    finally:
        process.broker.release()
        del item.stash[RUNNING]


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Hold back what the plan holds back; wait for the accelerators before anything is made.

    Last of the wrappers: pytest's own ones have then prepared what their teardown relies on.
    """
    run = item.stash.get(RUNNING, None)
    if run is None:
        return (yield)
    interruption = item.config.stash[INTERRUPTION]
    with interruption.breaking():
        if (withheld := run.planned.withheld) is not None:
            raise Held(withheld.verdict, withheld.code, withheld.reason)
        if run.planned.locks:
            run.process.teller.tell(run.planned.id, f"waiting for accelerators ({', '.join(run.planned.locks)})", None)
            run.process.broker.acquire(run.planned.locks)
        run.start()
        _arm(run)
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Let a signal or the alarm break the check off."""
    if item.stash.get(RUNNING, None) is None:
        return (yield)
    with item.config.stash[INTERRUPTION].breaking():
        return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Nothing breaks clean-up off."""
    if item.stash.get(RUNNING, None) is not None:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return (yield)


def _arm(run: Running) -> None:
    """End a check that runs far longer than it may, such as one that hangs in a call without a limit."""
    seconds = max(LEAST_OVERRUN, run.process.settings.limit(2 * run.planned.longest + 120))

    def overrun(_number: int, _frame: FrameType | None) -> None:
        raise Overrun(f"the check ran for more than {seconds:.0f} s; it said {run.planned.longest:.0f} s")

    signal.signal(signal.SIGALRM, overrun)
    signal.setitimer(signal.ITIMER_REAL, seconds)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn the end of a phase into the record."""
    report = yield
    run = item.stash.get(RUNNING, None)
    if run is None:
        return report
    if report.when == "teardown":
        if call.excinfo is not None:
            run.leftovers.append(f"clean-up of {run.planned.id} broke off: {judge(call.excinfo.value).reason}")
        setattr(report, RECORD, run.record())
    elif call.excinfo is not None:
        run.judgement = judge(call.excinfo.value)
        _settle(report, run, item)
    elif report.when == "call":
        run.judgement = passed(run.evidence)
        _settle(report, run, item)
    return report


def _settle(report: pytest.TestReport, run: Running, item: pytest.Item) -> None:
    """Give the report the outcome, the words and the record of the judgement."""
    judgement = run.judgement
    assert judgement is not None
    record = run.record()
    setattr(report, RECORD, record)
    report.user_properties.append(("conformance_verdict", str(judgement.verdict)))
    report.outcome = _OUTCOMES.get(judgement.verdict, "skipped")  # type: ignore[assignment]
    if report.outcome == "skipped":
        path, line, _ = item.reportinfo()
        report.longrepr = (str(path), line or 0, f"{judgement.verdict}: {judgement.reason}")
    elif judgement.verdict is Verdict.FAILED:
        report.longrepr = explain(run.planned, record)
    elif judgement.code == "no_grade":
        report.longrepr = f"{run.planned.id}: unverified: {judgement.reason}"
    elif report.outcome == "failed":
        report.longrepr = _carried(str(report.longrepr))
    report.sections = [(_carried(title), _carried(text)) for title, text in report.sections]


def _carried(text: str) -> str:
    """Text that every transport takes, from words that may come from a cluster."""
    return text[:_TEXT_LIMIT].encode("utf-8", "replace").decode()


def explain(planned: Planned, record: dict[str, Any]) -> str:
    """Failure as text: what was seen, what was wanted, what to do."""
    lines = [
        f"{planned.id}: {record['code']}",
        f"  wanted:   {planned.title}",
        f"  observed: {record['observed']}",
        f"  expected: {record['expected']}",
    ]
    return "\n".join([*lines, *([f"  hint:     {record['hint']}"] if record["hint"] else [])])


@pytest.hookimpl(tryfirst=True)
def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    """Show each verdict as itself; an unverified check is an error."""
    record = getattr(report, RECORD, None)
    if record is None or report.when == "teardown":
        return None
    return _STATUS[Verdict(record["verdict"])]
