"""The controller's account of records: what the plan promises, what has come, and what is owed at the end."""

from collections.abc import Mapping

from conformance.run import judging
from conformance.run.judging import Record
from conformance.run.plan import Planned
from conformance.verdicts import Verdict

DIED = "the process that ran the check died, so nothing was judged"
NEVER = "the check was planned and no process delivered a record of it"


class Gathered:
    """Records by id."""

    def __init__(self, plan: Mapping[str, Planned]) -> None:
        self._plan = plan
        self._records: dict[str, Record] = {}
        self._final: set[str] = set()

    def add(self, record: Record, *, final: bool) -> None:
        """Take a record; the one of the teardown phase is final."""
        self._records[record["id"]] = record
        if final:
            self._final.add(record["id"])

    def complete(self, record_id: str) -> bool:
        """Whether the final record has come."""
        return record_id in self._final

    def died(self, record_id: str) -> Record | None:
        """The process that ran this check died: a pass of which the end was not seen is withdrawn, a failure stands."""
        planned, seen = self._plan.get(record_id), self._records.get(record_id)
        if planned is None or record_id in self._final:
            return None
        if seen is None or seen["verdict"] == Verdict.PASSED:
            lost = judging.missing(planned, DIED)
            seen = dict(lost, steps=seen["steps"]) if seen else lost
        self.add(seen, final=True)
        return seen

    def all(self, *, interrupted: bool) -> list[Record]:
        """One record for every promise, in the order of the plan."""
        reason = "the run was interrupted before the check began" if interrupted else NEVER
        code = "interrupted" if interrupted else "record_missing"
        return [self._records.get(id_) or judging.missing(planned, reason, code) for id_, planned in self._plan.items()]
