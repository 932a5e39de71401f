"""What can go wrong around a check never becomes a pass and never makes a record vanish."""

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from conformance.run.plan import Withheld
from conformance.verdicts import Verdict

if TYPE_CHECKING:
    from tests.plugin.conftest import Suite

PASSES = '''
@declare()
def test_passes(evidence):
    """Passes."""
    evidence.grade(Grade.STATIC)
'''


def test_a_worker_that_dies_leaves_an_unverified_record_and_the_others_run(suite: "Suite") -> None:
    suite.write(
        PASSES
        + '''
@declare(longest=50)
def test_dies():
    """Dies."""
    os._exit(11)
'''
    )

    result = suite.run("-n", "1")

    records = suite.records()
    assert (records["sample/dies"]["verdict"], records["sample/dies"]["code"]) == ("unverified", "record_missing")
    assert records["sample/passes"]["verdict"] == "passed"
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_worker_that_dies_in_cleanup_withdraws_the_pass_and_keeps_a_failure(suite: "Suite") -> None:
    suite.write(
        PASSES
        + '''
@pytest.fixture
def grave():
    yield
    os._exit(11)

@declare()
def test_looked_good(evidence, grave):
    """Passes before its end."""
    evidence.grade(Grade.STATIC)

@declare()
def test_looked_bad(evidence, grave):
    """Fails before its end."""
    raise Failure("bad", observed="bad", expected="good")
'''
    )

    suite.run("-n", "1")

    records = suite.records()
    assert (records["sample/looked_good"]["verdict"], records["sample/looked_good"]["code"]) == (
        "unverified",
        "record_missing",
    )
    assert (records["sample/looked_bad"]["verdict"], records["sample/looked_bad"]["code"]) == ("failed", "bad")
    assert records["sample/passes"]["verdict"] == "passed"


def test_a_cleanup_that_breaks_is_a_leftover_and_no_verdict(suite: "Suite") -> None:
    suite.write('''
@pytest.fixture
def mess():
    yield
    raise RuntimeError("cannot tidy up")

@declare()
def test_passes(evidence, mess):
    """Passes."""
    evidence.grade(Grade.STATIC)
''')

    suite.run()

    assert suite.records()["sample/passes"]["verdict"] == "passed"
    assert suite.document()["leftovers"] == ["clean-up of sample/passes broke off: RuntimeError: cannot tidy up"]


def test_a_fixture_that_says_unknown_makes_the_check_unknown(suite: "Suite") -> None:
    suite.write('''
@declare(variants="kinds")
def test_of_a_kind(kind, evidence):
    """Needs an accelerator."""
''')

    suite.run()

    record = suite.records()["sample/of_a_kind"]
    assert (record["verdict"], record["code"], record["variant"]) == ("unknown", "no_accelerator", None)


def test_a_withheld_check_does_not_run(suite: "Suite") -> None:
    suite.write('''
@declare()
def test_runs_never():
    """Must not run."""
    os._exit(11)
''')
    held = Withheld(verdict=Verdict.UNKNOWN, code="forbidden", reason="the account may not create pods")
    suite.change = lambda planned: replace(planned, withheld=held)

    result = suite.run("-rs")

    record = suite.records()["sample/runs_never"]
    assert (record["verdict"], record["code"], record["reason"]) == ("unknown", "forbidden", held.reason)
    assert suite.document()["leftovers"] == []
    result.stdout.fnmatch_lines(["*unknown: the account may not create pods*"])


def test_a_planned_check_that_is_never_collected_is_unverified(suite: "Suite") -> None:
    module = suite.write(PASSES)
    opening = suite.open

    def open_and_lose(*args: object) -> object:
        session = opening(*args)  # type: ignore[arg-type]
        module.write_text("")
        return session

    suite.open = open_and_lose  # type: ignore[assignment, method-assign]

    suite.run()

    record = suite.records()["sample/passes"]
    assert (record["verdict"], record["code"]) == ("unverified", "record_missing")


def test_an_overrun_is_broken_off_as_a_timeout(suite: "Suite") -> None:
    suite.write('''
@declare()
def test_hangs(settings):
    """Hangs."""
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    time.sleep(30)
''')

    suite.run()

    record = suite.records()["sample/hangs"]
    assert (record["verdict"], record["code"]) == ("unverified", "timeout")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_a_signal_ends_the_running_check_cleans_up_and_keeps_what_is_known(
    suite: "Suite", workers: tuple[str, ...]
) -> None:
    suite.write('''
@pytest.fixture
def tidy(settings):
    yield
    open(os.environ["TIDY"], "w").close()

@declare(longest=50)
def test_passes_first(evidence):
    """Passes."""
    evidence.grade(Grade.STATIC)

@declare(longest=40)
def test_is_interrupted(evidence, tidy):
    """Is interrupted while it waits."""
    os.kill(int(os.environ["CONTROLLER"]), signal.SIGTERM)
    time.sleep(30)

@declare(longest=3)
def test_never_begins(evidence):
    """Comes last."""
    evidence.grade(Grade.STATIC)
''')
    tidied = suite.pytester.path / "tidied"
    suite.patch.setenv("TIDY", str(tidied))
    suite.patch.setenv("CONTROLLER", str(os.getpid()))

    result = suite.run(*workers)

    document, records = suite.document(), suite.records()
    assert (document["complete"], document["interrupted"], document["outcome"]) == (False, True, "inconclusive")
    assert (records["sample/is_interrupted"]["verdict"], records["sample/is_interrupted"]["code"]) == (
        "unverified",
        "interrupted",
    )
    assert tidied.exists()
    assert document["leftovers"] == []
    assert result.ret == pytest.ExitCode.INTERRUPTED
    if not workers:
        assert records["sample/passes_first"]["verdict"] == "passed"
        assert records["sample/never_begins"]["code"] == "interrupted"


def test_texts_that_no_transport_can_carry_do_not_lose_the_record(suite: "Suite") -> None:
    suite.write('''
@declare()
def test_odd():
    """Odd words of a cluster."""
    raise Unverified("half a character \\ud800 and \\x00", code="odd")
''')

    suite.run("-n", "1")

    assert suite.records()["sample/odd"]["code"] == "odd"
