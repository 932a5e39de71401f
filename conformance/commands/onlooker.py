"""Feeds the progress board from the hooks of the controller, for a person who looks on."""

import pytest

from conformance.run.plan import id_of_node
from conformance.run.progress import Board
from conformance.run.session import Session
from conformance.verdicts import Verdict

_QUIET = (Verdict.PASSED,)


class Onlooker:
    """Hooks that see checks begin and end."""

    def __init__(self, session: Session) -> None:
        self._plan = {entry.id for entry in session.plan}
        self._board = Board(session.begin().folder, len(session.plan))
        self._verdicts: dict[str, str] = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A worker has taken a check."""
        if (check := id_of_node(nodeid)) in self._plan:
            self._board.started(check)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A phase has ended; the check is over with its teardown, or with its process."""
        record = getattr(report, "conformance_record", None)
        if record is None or report.when in ("setup", "call"):
            return
        told = record["grade"] if record["verdict"] in _QUIET else f"{record['code']}: {record['reason']}".strip(": ")
        self._board.finished(record["id"], record["verdict"], f"  {told}" if told else "")

    def close(self) -> None:
        """Leave the terminal clean."""
        self._board.close()
