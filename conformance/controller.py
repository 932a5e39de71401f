"""Hooks of the controller of a run: one process that looks, plans, hands out work, gathers records and writes the results."""

import json
from typing import Any

import pytest

from conformance import content
from conformance.errors import StopError
from conformance.hooks import INTERRUPTION, PROCESS, RECORD, WORKER_INPUT
from conformance.run.gather import Gathered
from conformance.run.interruption import Interruption
from conformance.run.plan import id_of_node
from conformance.run.request import Request, from_options
from conformance.run.scheduling import Scheduling
from conformance.run.session import Session, look

SESSION = pytest.StashKey[Session]()
DIED = "???"
"""Phase of the report that xdist makes for an item whose worker died."""


def request_of(config: pytest.Config) -> Request:
    """What the options of a plain pytest run ask for."""
    option = config.option
    return from_options(
        lambda name: getattr(option, f"ai_{name}"),
        "--ai-",
        kubeconfig=option.ai_kubeconfig,
        context=option.ai_context,
        select=tuple(option.ai_select),
        keyword=option.keyword,
        paths=narrower(config),
    )


def narrower(config: pytest.Config) -> tuple[str, ...]:
    """Arguments that name less than all checks."""
    folder = content.CHECKS.resolve()
    paths = [
        (argument, (config.invocation_params.dir / argument.partition("::")[0]).resolve()) for argument in config.args
    ]
    if any(path == folder or path in folder.parents for _, path in paths):
        return ()
    return tuple(f"{path}{argument[len(argument.partition('::')[0]) :]}" for argument, path in paths)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Look at the cluster, plan and begin, before workers start and before anything is collected."""
    config = session.config
    given = [plugin for plugin in config.pluginmanager.get_plugins() if isinstance(plugin, Session)]
    try:
        run = given[0] if given else look(request_of(config))
        config.stash[SESSION] = run
        config.stash[PROCESS] = run.begin()
    except StopError as error:
        raise pytest.UsageError(str(error)) from error
    config.option.keyword = ""
    interruption = config.stash[INTERRUPTION] = Interruption(repeat_ends=True)
    interruption.on_ask.append(lambda: _stop(session))
    interruption.install()
    config.pluginmanager.register(Gatherer(run.gathered), "conformance-gatherer")


def _stop(session: pytest.Session) -> None:
    """End the session, and that of xdist, after what runs now."""
    session.shouldstop = "interrupted"
    distributed = session.config.pluginmanager.get_plugin("dsession")
    if distributed is not None:
        distributed.shouldstop = "interrupted"


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say which cluster is about to be touched."""
    run = config.stash.get(SESSION, None)
    return f"cluster: {run.api.server} (context {run.api.context}), profile {run.profile.id}" if run else None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the plan to a worker, and learn whom to tell when the run is interrupted."""
    node.workerinput[WORKER_INPUT] = json.dumps(node.config.stash[PROCESS].to_json())
    channel = node.gateway.remote_exec("import os; channel.send(os.getpid())")
    node.conformance_pid = channel.receive()
    channel.waitclose()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodeready(node: Any) -> None:
    """A worker listens to signals now."""
    interruption = node.config.stash[INTERRUPTION]
    interruption.children.add(node.conformance_pid)
    if interruption.asked:
        interruption.tell(node.conformance_pid)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker is gone."""
    node.config.stash[INTERRUPTION].children.discard(node.conformance_pid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config) -> Scheduling | None:
    """Our scheduling, unless the user asks for another one."""
    workers = len(config.option.tx)
    return Scheduling(config.stash[PROCESS].plan, workers) if config.option.dist == "load" else None


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the results, after the workers are gone."""
    config = session.config
    if run := config.stash.get(SESSION, None):
        interrupted = config.stash[INTERRUPTION].asked or exitstatus == pytest.ExitCode.INTERRUPTED
        run.end(interrupted=interrupted)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say outcome and place."""
    run = config.stash.get(SESSION, None)
    if run is not None and run.document is not None:
        terminalreporter.write_line(
            f"{run.document['profile']}: {run.document['outcome']}; results in {run.request.out}"
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Clean up where the session could not."""
    if run := config.stash.get(SESSION, None):
        run.close()


class Gatherer:
    """Takes the records off the reports."""

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather the record, also that of a check whose process died."""
        record = getattr(report, RECORD, None)
        if record is not None:
            self._gathered.add(record, final=report.when == "teardown")
        elif report.when == DIED:
            record = self._gathered.died(id_of_node(report.nodeid))
            if record is not None:
                setattr(report, RECORD, record)
