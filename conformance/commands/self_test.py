"""``self-test``: plant every fault in a simulated cluster and see that the checks catch it (DESIGN 5).

Each world and each fault is a run in a process of its own, so that one cannot disturb another and every verdict comes the way a
user's does. All checks of the requirements that a fault touches run, whichever are asked for: what a fault does to one may rest
on what the others left. With ``--everything`` the checks of all other requirements run too, and none of them may change.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from conformance import catalogue, results
from conformance.commands.output import show
from conformance.errors import ConfigurationError, ExitCode, UsageError
from conformance.run import proof
from conformance.run.proof import Fault, Row
from conformance.run.selection import suggestion

Found = dict[str, proof.Ended] | str
"""Verdicts of one run, or why there are none."""
Submit = Callable[[str, Fault | None, Collection[str]], Future[Found]]
"""Begins a run of a world with a fault, or of the right world, over these requirements."""
LIMIT_SECONDS = 600.0
"""Longest time for one world with one fault."""


class Runs:
    """Runs of the demo in child processes; they end when this one does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def verdicts(self, world: str, fault: str | None, scale: float, checks: Sequence[str] = ()) -> Found:
        """Verdicts of one run of these checks, or of everything; or why there are none."""
        out = self._folder / (fault or f"world-{world}")
        command = [sys.executable, "-m", "conformance", "demo", "--world", world, "--out", str(out), "--workers", "3"]
        command += ["--fault", fault] if fault else []
        command += ["--timeout-scale", f"{scale:.3f}", *checks]
        with (self._folder / f"{out.name}.log").open("wb") as log:
            with self._lock:
                child = subprocess.Popen(command, stdout=log, stderr=log)
                self._children.add(child)
            try:
                child.wait(LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                return f"the run took more than {LIMIT_SECONDS:.0f} s"
        return self._read(out, Path(log.name))

    def _read(self, out: Path, log: Path) -> Found:
        try:
            document = results.read(out)
        except ConfigurationError:
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no word"]
            return f"the run ended without results: {lines[-1][:300]}"
        return proof.verdicts(document) if document["complete"] else "the run did not end"

    def stop(self) -> None:
        """End what still runs."""
        with self._lock:
            for child in self._children:
                if child.poll() is None:
                    child.terminate()
                    child.wait()


def main(args: argparse.Namespace) -> int:
    """Run every fault of the chosen checks and print the table."""
    chosen = _chosen(args.checks)
    faults = [fault for fault in proof.faults() if fault.checks() & set(chosen)]
    with tempfile.TemporaryDirectory(prefix="ai-conformance-self-test-") as folder:
        runs = Runs(Path(folder))
        with ThreadPoolExecutor(args.parallel) as pool:
            try:
                submit = partial(_submit, pool, runs, args.timeout_scale, everything=args.everything)
                rows = _rows(faults, chosen, submit)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
                runs.stop()
    table = [_entry(row) for row in rows]
    table += [_without_fault(check) for check in chosen if not any(check in fault.checks() for fault in faults)]
    show(table, ["check", "fault", "wanted", "found", "caught", "why_not"], args.output)
    return _close(table)


def _close(table: Sequence[dict[str, Any]]) -> ExitCode:
    """Say at the very end what was not caught, so that the tail of a log is enough; the exit code."""
    missed = [entry for entry in table if entry["caught"] != "yes"]
    for entry in missed:
        print(f"not caught: {entry['fault']} by {entry['check']}: {entry['why_not']}", file=sys.stderr)
    print(f"{len(table) - len(missed)} of {len(table)} caught", file=sys.stderr)
    return ExitCode.NOT_CONFORMANT if missed else ExitCode.CONFORMANT


def _chosen(words: list[str]) -> list[str]:
    infos = catalogue.load()
    known = sorted({name for info in infos for name in (info.id, info.requirement)})
    for word in words:
        if word not in known:
            raise UsageError(f"no check or requirement {word!r}{suggestion(word, known)}")
    return [info.id for info in infos if not words or {info.id, info.requirement} & set(words)]


def _submit(
    pool: ThreadPoolExecutor,
    runs: Runs,
    scale: float,
    world: str,
    fault: Fault | None,
    checks: Collection[str],
    *,
    everything: bool,
) -> Future[Found]:
    chosen = () if everything else sorted(checks)
    if fault is None:
        return pool.submit(runs.verdicts, world, None, scale, chosen)
    return pool.submit(runs.verdicts, world, fault.name, scale * fault.limits, chosen)


def _rows(faults: list[Fault], chosen: list[str], submit: Submit) -> list[Row]:
    touched: dict[str, set[str]] = {}
    for fault in faults:
        touched.setdefault(fault.world, set()).update(_touched(fault))
    worlds = {world: submit(world, None, checks) for world, checks in sorted(touched.items())}
    planted = [(fault, submit(fault.world, fault, _touched(fault))) for fault in faults]
    rows: list[Row] = []
    for fault, future in planted:
        right, wrong = worlds[fault.world].result(), future.result()
        found = _judge(fault, right, wrong, chosen)
        rows += found
        missed = [f"{row.check}: {row.problems[0]}" for row in found if not row.caught]
        print(
            f"{fault.name}: {'; '.join(['NOT CAUGHT', *missed]) if missed else 'caught'}", file=sys.stderr, flush=True
        )
    return rows


def _touched(fault: Fault) -> set[str]:
    """The checks that the fault's file lists, and those that stand in one module with them: these must keep their verdict."""
    infos = catalogue.load()
    modules = {info.path for info in infos if info.id in fault.checks()}
    return {info.id for info in infos if info.path in modules}


def _tried(fault: Fault, right: dict[str, proof.Ended], wrong: dict[str, proof.Ended]) -> dict[str, proof.Ended]:
    """What the right world came to, of the checks that were tried with the fault."""
    tried = _touched(fault) | {proof.check_of(record_id) for record_id in wrong}
    return {record_id: ended for record_id, ended in right.items() if proof.check_of(record_id) in tried}


def _judge(
    fault: Fault, right: dict[str, proof.Ended] | str, wrong: dict[str, proof.Ended] | str, chosen: list[str]
) -> list[Row]:
    if isinstance(right, str) or isinstance(wrong, str):
        why = [f"{name}: {text}" for name, text in (("right world", right), ("fault", wrong)) if isinstance(text, str)]
        return [
            Row(fault=fault.name, check=check, wanted=("", ""), found="nothing", problems=tuple(why))
            for check in sorted(fault.checks() & set(chosen))
        ]
    return proof.compare(fault, _tried(fault, right, wrong), wrong, chosen)


def _entry(row: Row) -> dict[str, Any]:
    wanted = " ".join(filter(None, (row.wanted[0], f"({row.wanted[1]})" if row.wanted[1] else "")))
    caught = "yes" if row.caught else "NO"
    return {**asdict(row), "wanted": wanted, "caught": caught, "why_not": "; ".join(row.problems)}


def _without_fault(check: str) -> dict[str, Any]:
    reason = "no fault of the suite has to be caught by it"
    return {"check": check, "fault": "none", "wanted": "", "found": "", "caught": "NO", "why_not": reason}
