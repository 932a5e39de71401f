"""Caught means: passed in the right world, then exactly that verdict and code, and nothing else changed."""

from pathlib import Path

import pytest

from conformance.errors import ConfigurationError
from conformance.run.proof import Ended, Fault, Row, compare, faults, verdicts

GOOD: Ended = ("passed", "")
BAD: Ended = ("failed", "bad")
FAULT = Fault(name="f", title="", world="w", limits=1, expected={"a/x": BAD, "a/y[dra-s1]": BAD})
RIGHT = {"a/x[dra-s1]": GOOD, "a/x[dp-s1]": GOOD, "a/y[dra-s1]": GOOD, "a/y[dp-s1]": GOOD, "b/z": ("unknown", "u")}
WRONG = {**RIGHT, "a/x[dra-s1]": BAD, "a/x[dp-s1]": BAD, "a/y[dra-s1]": BAD}


def _rows(right: dict[str, Ended], wrong: dict[str, Ended]) -> dict[str, Row]:
    return {row.check: row for row in compare(FAULT, right, wrong, ["a/x", "a/y", "b/z"])}


def test_exactly_the_listed_verdicts_are_caught() -> None:
    assert [row.caught for row in _rows(RIGHT, WRONG).values()] == [True, True]


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ({**RIGHT, "a/x[dp-s1]": BAD}, WRONG, "a/x[dp-s1] is failed in the right world"),
        (RIGHT, {**WRONG, "a/x[dp-s1]": GOOD}, "a/x[dp-s1] came to passed"),
        (RIGHT, {**WRONG, "a/x[dp-s1]": ("failed", "other")}, "came to failed (other)"),
        (RIGHT, {**WRONG, "a/x[dp-s1]": ("unverified", "bad")}, "came to unverified (bad)"),
        (RIGHT, {**WRONG, "a/y[dp-s1]": BAD}, "a/y[dp-s1] changed from passed to failed"),
        (RIGHT, {**WRONG, "b/z": GOOD}, "b/z changed from unknown to passed"),
        ({k: v for k, v in RIGHT.items() if "a/x" not in k}, WRONG, "did not run in the right world"),
        (RIGHT, {k: v for k, v in WRONG.items() if "a/x" not in k}, "did not run with the fault"),
        (RIGHT, {k: v for k, v in WRONG.items() if k != "a/x[dp-s1]"}, "a/x[dp-s1] did not run with the fault"),
        (RIGHT, {k: v for k, v in WRONG.items() if k != "b/z"}, "b/z changed from unknown to absent"),
    ],
)
def test_everything_else_is_not(right: dict[str, Ended], wrong: dict[str, Ended], problem: str) -> None:
    row = _rows(right, wrong)["a/x"]

    assert not row.caught
    assert any(problem in text for text in row.problems)


def test_a_variant_that_the_fault_takes_away_is_answered_by_the_check_without_it() -> None:
    fault = Fault(name="f", title="", world="w", limits=1, expected={"a/x": ("unknown", "none")})

    (row,) = compare(fault, {"a/x[dra-s1]": GOOD}, {"a/x": ("unknown", "none")}, ["a/x"])

    assert row.caught


def test_a_check_that_had_nothing_to_judge_has_not_changed_where_its_variant_goes_or_comes() -> None:
    fault = Fault(name="f", title="", world="w", limits=1, expected={"a/x": ("unknown", "none")})
    right: dict[str, Ended] = {"a/x[dra-s1]": GOOD, "a/y[dra-s1]": ("not_applicable", "")}
    wrong: dict[str, Ended] = {"a/x": ("unknown", "none"), "a/y": ("not_applicable", "")}

    assert [row.caught for row in compare(fault, right, wrong, ["a/x"])] == [True]
    assert [row.caught for row in compare(fault, right, {**wrong, "a/y": BAD}, ["a/x"])] == [False]


def test_a_check_that_is_not_applicable_in_the_right_world_may_be_hidden_by_a_fault_and_catches_none() -> None:
    right: dict[str, Ended] = {"a/x[dra-s1]": ("not_applicable", "none_there")}
    hidden = Fault(name="f", title="", world="w", limits=1, expected={"a/x": ("unknown", "hidden")})
    failing = Fault(name="f", title="", world="w", limits=1, expected={"a/x": BAD})

    assert compare(hidden, right, {"a/x[dra-s1]": ("unknown", "hidden")}, ["a/x"])[0].caught
    assert not compare(failing, right, {"a/x[dra-s1]": BAD}, ["a/x"])[0].caught


def test_a_verdict_of_one_way_holds_for_its_variants_only() -> None:
    fault = Fault(name="f", title="", world="w", limits=1, expected={"a/x[dra]": BAD})
    right = {"a/x[dra-s1]": GOOD, "a/x[device-plugin-s1]": GOOD}

    assert compare(fault, right, {**right, "a/x[dra-s1]": BAD}, ["a/x"])[0].caught
    assert not compare(fault, right, dict.fromkeys(right, BAD), ["a/x"])[0].caught


def test_a_verdict_of_one_solution_holds_for_its_variants_only() -> None:
    fault = Fault(name="f", title="", world="w", limits=1, expected={"a/x[+kueue]": BAD, "a/y[dra+kueue]": BAD})
    variants = [f"{kind}+{solution}" for kind in ("dra-s1", "device-plugin-s1") for solution in ("native", "kueue")]
    right = {f"a/{check}[{variant}]": GOOD for check in ("x", "y") for variant in variants}
    wrong = {**right, "a/x[dra-s1+kueue]": BAD, "a/x[device-plugin-s1+kueue]": BAD, "a/y[dra-s1+kueue]": BAD}

    assert [row.caught for row in compare(fault, right, wrong, ["a/x", "a/y"])] == [True, True]
    for name in ("a/x[dra-s1+native]", "a/y[device-plugin-s1+kueue]"):
        assert not any(row.caught for row in compare(fault, right, {**wrong, name: BAD}, ["a/x", "a/y"]))


def test_where_the_order_of_a_run_decides_one_of_two_verdicts_is_right_and_no_third() -> None:
    fault = Fault(
        name="f", title="", world="w", limits=1, expected={"a/x": BAD}, otherwise={"a/x": ("unknown", "too_few")}
    )
    right = {"a/x[dra-s1]": GOOD}

    caught = {
        end: compare(fault, right, {"a/x[dra-s1]": end}, ["a/x"])[0].caught for end in (BAD, ("unknown", "too_few"))
    }
    assert set(caught.values()) == {True}
    assert not compare(fault, right, {"a/x[dra-s1]": ("unknown", "bad")}, ["a/x"])[0].caught


def test_a_fault_file_with_a_verdict_that_is_none_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text("title: t\nworld: w\nverdicts:\n  a/x: {verdict: broken, code: c}\n")

    with pytest.raises(ConfigurationError, match=r"f\.yaml:4: .*'broken' is no verdict"):
        faults(tmp_path)


def test_checks_that_were_not_to_run_have_no_verdict() -> None:
    records = [
        {"id": "a/x", "verdict": "passed", "code": ""},
        {"id": "a/y", "verdict": "skipped", "code": "not_selected"},
    ]

    assert verdicts({"requirements": [{"checks": records}]}) == {"a/x": GOOD}
