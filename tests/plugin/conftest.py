"""Runs of the plugin over small checks of our own, on a cluster that is not asked anything."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conformance import catalogue, content, controller, profiles
from conformance.cluster import Settings
from conformance.inventory import Inventory
from conformance.run import document
from conformance.run.plan import Planned, expand
from conformance.run.request import Request
from conformance.run.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import FakeApi

HEAD = """
import os, signal, time
import pytest
from conformance import *
from conformance.declaration import check

def declare(**more):
    values = dict(decides=Decides.PROGRAMME, needs=("get pods",), longest=5, why_longest="quick", impact=Impact.OBSERVE)
    return check(**{**values, **more})

"""


class Suite:
    """A checks folder, and runs of it."""

    def __init__(self, pytester: pytest.Pytester, api: "FakeApi", patch: pytest.MonkeyPatch) -> None:
        self.pytester, self.api, self.patch = pytester, api, patch
        self.folder = pytester.mkdir("checks")
        self.out = pytester.path / "out"
        self.change: Callable[[Planned], Planned] = lambda planned: planned
        self.inventory = Inventory((), None, (), 1, ())
        for name in ("pytest.toml", "conftest.py"):
            shutil.copy(content.CHECKS / name, self.folder / name)

    def write(self, body: str, *, section: str = "security", requirement: str = "sample") -> Path:
        """A module of checks."""
        path = self.folder / section / f"test_{requirement}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(HEAD + body, encoding="utf-8")
        return path

    def open(self, request: Request) -> Session:
        """What ``open_session`` does, without a cluster."""
        infos = [info for path in sorted(self.folder.glob("*/test_*.py")) for info in catalogue._entries(path)]
        plan = [self.change(entry) for entry in expand(infos, self.inventory)]
        profile = profiles.load("cncf-1.37")
        settings = Settings(run_id="testrun1")
        session = Session(
            request=replace(request, out=self.out),
            api=self.api,  # type: ignore[arg-type]
            settings=settings,
            inventory=self.inventory,
            profile=profile,
            plan=plan,
        )
        session.header = document.header(request, settings, profile, self.inventory, api=session.api, version="v1.37.2")
        return session

    def run(self, *arguments: str) -> pytest.RunResult:
        """Run the checks; the controller is in this process, workers are not."""
        self.patch.setattr(controller, "look", self.open)
        arguments = ("-p", "no:cacheprovider", f"--config-file={self.folder / 'pytest.toml'}", *arguments)
        return self.pytester.runpytest_inprocess(*arguments, str(self.folder))

    def document(self) -> dict[str, Any]:
        """The results file."""
        found: dict[str, Any] = json.loads((self.out / "conformance.json").read_text())
        return found

    def records(self) -> dict[str, dict[str, Any]]:
        """Records of the results file by id."""
        return {record["id"]: record for entry in self.document()["requirements"] for record in entry["checks"]}


@pytest.fixture
def suite(pytester: pytest.Pytester, fake_api: "FakeApi", monkeypatch: pytest.MonkeyPatch) -> Suite:
    """An empty suite."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    return Suite(pytester, fake_api, monkeypatch)
