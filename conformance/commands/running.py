"""One run for a person: say what will be touched, ask, show progress, end with the table and one line."""

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance import content, reports
from conformance.commands.onlooker import Onlooker
from conformance.errors import ConfigurationError, StopError
from conformance.run import describe
from conformance.run.request import Request
from conformance.run.session import Session, look

_KEPT_OUT = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")


class DeclinedError(StopError):
    """The user said no."""


def perform(request: Request, *, workers: int, ask: bool) -> dict[str, Any]:
    """Look, ask, run and report; returns the results document."""
    _writable(request.out)
    session = look(request)
    try:
        for line in describe.overview(session):
            print(line, file=sys.stderr)
        if ask and input("Go on? [y/N] ").strip().lower() not in ("y", "yes"):
            raise DeclinedError("nothing was touched; --yes goes on without asking")
        session.begin()
        code = _pytest(session, workers)
        document = session.document or session.end(interrupted=code == pytest.ExitCode.INTERRUPTED)
    finally:
        session.close()
    _say(document, request.out, code)
    return document


def _writable(out: Path) -> None:
    """Refuse a folder that cannot be written before a cluster is touched."""
    there = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    if not there.is_dir():
        raise ConfigurationError(f"--out {out}: {there} is no folder")
    if not os.access(there, os.W_OK):
        raise ConfigurationError(f"--out {out}: {there} cannot be written")


def _pytest(session: Session, workers: int) -> int:
    """Run pytest in this process, away from the user's own configuration, its words going to a log."""
    arguments = [f"--config-file={content.CHECKS / 'pytest.toml'}", "-p", "no:cacheprovider", "-p", "xdist.plugin"]
    arguments += ["-p", "conformance.plugin", "-v", f"-n{max(1, min(workers, len(session.plan)))}", str(content.CHECKS)]
    folder = session.request.out / "evidence"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "pytest.log").open("w", encoding="utf-8") as log, _alone(log):
        onlooker = Onlooker(session)
        try:
            return int(pytest.main(arguments, plugins=[session, onlooker]))
        finally:
            onlooker.close()


@contextlib.contextmanager
def _alone(log: io.TextIOBase) -> Iterator[None]:
    """No plugins and options of the user's environment, and no pytest noise on the terminal."""
    before = dict(os.environ)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in _KEPT_OUT:
        os.environ.pop(name, None)
    try:
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _say(document: dict[str, Any], out: Path, code: int) -> None:
    print(reports.terminal(document, shutil.get_terminal_size().columns, color=sys.stdout.isatty()))
    if code == pytest.ExitCode.INTERNAL_ERROR:
        print(f"pytest stopped by an internal error; see {out / 'evidence' / 'pytest.log'}", file=sys.stderr)
    state = "interrupted, " if document["interrupted"] else "partial, " if document["partial"] else ""
    print(f"{document['outcome']} ({state}{document['profile']}): results in {out}")
