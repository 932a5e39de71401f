"""Each way to end a check is its own verdict, from the check to the results file, with and without workers."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Suite

EVERY_WAY = '''
@declare()
def test_passes(evidence):
    """Passes."""
    evidence.step("looked", expected="good", observed="good")
    evidence.grade(Grade.CONTROLLED)

@declare()
def test_fails(evidence):
    """Fails."""
    raise Failure("bad_thing", observed="bad", expected="good", hint="mend it")

@declare()
def test_has_no_grade(evidence):
    """Shows nothing."""

@declare()
def test_asserts(evidence):
    """Bare assert."""
    assert 1 == 2

@declare()
def test_crashes(evidence):
    """Crashes."""
    raise ZeroDivisionError("oh \\x1b[31m")

@declare()
def test_does_not_apply():
    """Not applicable."""
    raise NotApplicable("there is no autoscaler: no Deployment of one")

@declare()
def test_cannot_know():
    """Unknown."""
    raise Unknown("no descriptor", code="no_descriptor")

@declare()
def test_was_not_verified():
    """Unverified."""
    raise Unverified("timed out", code="timeout")

@declare()
def test_skips_itself():
    """Not a way to end a check."""
    pytest.skip("no mood")
'''

EXPECTED = {
    "passes": ("passed", "", "controlled"),
    "fails": ("failed", "bad_thing", None),
    "has_no_grade": ("unverified", "no_grade", None),
    "asserts": ("unverified", "crashed", None),
    "crashes": ("unverified", "crashed", None),
    "does_not_apply": ("not_applicable", "", None),
    "cannot_know": ("unknown", "no_descriptor", None),
    "was_not_verified": ("unverified", "timeout", None),
    "skips_itself": ("unverified", "crashed", None),
}


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "workers"])
def test_every_way_to_end_keeps_its_verdict(suite: "Suite", workers: tuple[str, ...]) -> None:
    suite.write(EVERY_WAY)

    result = suite.run(*workers)

    found = {
        r["check"]: (r["verdict"], r["code"], r["grade"])
        for r in suite.records().values()
        if r["requirement"] == "sample"
    }
    assert found == EXPECTED
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=1, errors=5, skipped=2)
