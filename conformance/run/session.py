"""One run against one cluster: look, plan, begin, end. The command and plain pytest both go through here.

Looking touches nothing; ``begin`` makes the run's home on the cluster and ``end`` takes everything away again.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance import adapters, catalogue, profiles, reports, results
from conformance.cluster import Api, Settings, access, connect, errors
from conformance.errors import ClusterError, UsageError
from conformance.inventory import Inventory, Solution, descriptors, take
from conformance.inventory.solutions import GANG
from conformance.profiles import Profile
from conformance.run import document, preflight, selection, sweep
from conformance.run.gather import Gathered
from conformance.run.home import Home
from conformance.run.plan import Planned, expand
from conformance.run.request import Request, new_run_id
from conformance.run.running import Process

CLEANUP_SECONDS = 120.0
"""Longest wait for what a dead check left to be gone."""


class Session:
    """A run from its plan to its results."""

    def __init__(
        self,
        *,
        request: Request,
        api: Api,
        settings: Settings,
        inventory: Inventory,
        tried: Inventory | None = None,
        profile: Profile,
        plan: list[Planned],
    ) -> None:
        self.request, self.api, self.settings = request, api, settings
        self.inventory, self.profile, self.plan = inventory, profile, plan
        self.tried = tried or inventory
        """The inventory with a kind for each node on which checks are tried."""
        self.notices: list[str] = []
        self.header: dict[str, Any] = {}
        self._begun: dict[str, Any] = {}
        self.gathered = Gathered({entry.id: entry for entry in plan})
        self.document: dict[str, Any] | None = None
        self._home = Home(api.with_agent("kube-ai-conformance (lease)"), settings.run_id, settings.namespace)
        self._folder: Path | None = None
        self._process: Process | None = None
        self._began = False

    def begin(self) -> Process:
        """Replace old results, make the home, sweep what dead runs left; returns what the processes of the run get."""
        if self._process is None:
            self._process = self._begin()
        return self._process

    def _begin(self) -> Process:
        self._begun = results.begin(self.request.out, self.header)
        reports.write_all(self.request.out, self._begun)
        self._folder = Path(tempfile.mkdtemp(prefix="aic-"))
        if any(not entry.withheld for entry in self.plan):
            self._open_home()
        return Process(
            settings=self.settings,
            inventory_json=self.tried.to_json(),
            plan={entry.id: entry for entry in self.plan},
            folder=self._folder,
            evidence=(self.request.out / "evidence").resolve(),
        )

    def _open_home(self) -> None:
        self._began = True
        try:
            self._home.open()
            swept = sweep.sweep(
                self.api, now=self._home.server_now(), namespace=self.settings.namespace, own=self.settings.run_id
            )
        except errors.Forbidden as error:
            self.notices.append(f"the run has no Lease on the cluster: {error.message}")
            return
        except errors.ApiError as error:
            raise ClusterError(f"{self.api.server}: the run could not begin: {error}") from error
        self.notices += [f"swept a dead run: {text}" for text in swept.deleted]
        self.notices += [f"could not sweep a dead run: {text}" for text in swept.failed]

    def end(self, *, interrupted: bool) -> dict[str, Any]:
        """Clean up, score and write the results; returns the document."""
        left = self.close()
        records = self.gathered.all(interrupted=interrupted)
        if self._home.lost:
            self.notices.append(self._home.lost)
        planned = [entry.id for entry in self.plan]
        self.document = document.finish(
            self._begun,
            self.profile,
            records,
            planned=planned,
            notices=self.notices,
            leftovers=left,
            interrupted=interrupted,
        )
        document.write(self.request.out, self.document, records)
        return self.document

    def close(self) -> list[str]:
        """Take away what the run still has on the cluster and here; returns what could not be taken away."""
        left: list[str] = []
        if self._began:
            self._began = False
            left = self._remove()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        return left

    def _remove(self) -> list[str]:
        if self.settings.keep:
            self.notices.append(f"--keep: the objects of run {self.settings.run_id} stay until `ai-conformance sweep`")
            return self._home.close(keep=True)
        limit = self.settings.limit(CLEANUP_SECONDS)
        try:
            swept = sweep.remove_run(self.api, self.settings.run_id, self.settings.namespace)
            sweep.await_gone(self.api, swept, limit=limit)
        except errors.ApiError as error:
            return [f"objects of run {self.settings.run_id}: {error}", *self._home.close(limit=limit)]
        self.notices += [f"removed after its check: {text}" for text in swept.deleted]
        return swept.failed + self._home.close(limit=limit)


def look(request: Request) -> Session:
    """``open_session`` for a run that is to happen: if the cluster cannot be asked, old results do not stay as if new."""
    try:
        return open_session(request)
    except ClusterError:
        document.withdraw(request)
        raise


def open_session(request: Request) -> Session:
    """Connect, look and plan; nothing is created. Raises ``StopError`` in one line for whatever is in the way."""
    extra = descriptors.load(request.descriptors)
    named = profiles.load(request.profile) if request.profile else None
    selection.precheck(request, catalogue.load())
    api = connect(request.kubeconfig, request.context)
    try:
        return _look(request, api, named, lambda: take(api, extra))
    except errors.Unauthorized as error:
        raise ClusterError(f"{api.server} no longer accepts our credentials (401); renew the token") from error
    except errors.ApiError as error:
        raise ClusterError(f"{api.server}: the cluster could not be looked at: {error}") from error


def _look(request: Request, api: Api, named: Profile | None, inventory: Callable[[], Inventory]) -> Session:
    version = api.version()
    profile, notice = (named, None) if named else profiles.for_version(version)
    settings = request.settings(new_run_id())
    if request.namespace:
        _namespace_exists(api, request.namespace)
    found = inventory()
    tried, left_out = found.by_node()
    solutions, unseen = adapters.detect(api)
    tried = replace(tried, solutions=_chosen_gang(solutions, request.gang_solution))
    levels = {requirement.id: requirement.level for requirement in profile.requirements}
    words = selection.Vocabulary(checks=catalogue.load(), levels=levels)
    plan = selection.choose(
        expand(words.checks, tried, queues=settings.create_queues and not settings.local_queue), request, words
    )
    needs = preflight.needs_of(plan, request.namespace)
    plan = preflight.apply(plan, access.review(api, needs, request.namespace), request.namespace)
    session = Session(
        request=request, api=api, settings=settings, inventory=found, tried=tried, profile=profile, plan=plan
    )
    session.notices += [notice] if notice else []
    session.header = document.header(request, settings, profile, tried, api=api, version=version)
    session.notices += [*found.notes, *left_out, *unseen]
    return session


def _chosen_gang(found: Sequence[Solution], wanted: str | None) -> tuple[Solution, ...]:
    """The solutions of a run; with ``--gang-solution`` no other gang scheduler."""
    gangs = [solution.id for solution in found if solution.family == GANG]
    if wanted is not None and wanted not in gangs:
        raise UsageError(f"--gang-solution {wanted}: not found on this cluster{selection.suggestion(wanted, gangs)}")
    return tuple(s for s in found if wanted is None or s.family != GANG or s.id == wanted)


def _namespace_exists(api: Api, namespace: str) -> None:
    try:
        api.get(f"/api/v1/namespaces/{namespace}")
    except errors.NotFound as error:
        raise UsageError(
            f"--namespace {namespace}: there is no such namespace; create it or leave the option out"
        ) from error
    except errors.Forbidden:
        return
