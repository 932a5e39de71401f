"""No combination of verdicts gives a pass that nobody earned."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from conformance import profiles, scoring
from conformance.verdicts import Grade, Verdict
from tests.samples import check, profile, record, requirement

LOST, LEFT_OUT = "lost", "left out"
STATES = (*Verdict, LOST, LEFT_OUT)
FIRM, CONDITIONAL, SHOULD = requirement("firm"), requirement("soft", conditional=True), requirement("nice", "SHOULD")
OURS = profile(FIRM, CONDITIONAL, SHOULD)
CHECKS = [check(id_) for id_ in ("firm/one", "firm/two", "soft/one", "soft/two", "nice/one")]


def judge(states: Mapping[str, str], *, partial: bool = False) -> scoring.Score:
    """Score of a run in which each check came to a state."""
    records = [record(id_, state) for id_, state in states.items() if state in list(Verdict)]
    selected = [id_ for id_, state in states.items() if state != LEFT_OUT]
    return scoring.score(OURS, records, partial=partial, selected=selected, checks=CHECKS)


def entry(score: scoring.Score, requirement_id: str) -> dict[str, Any]:
    return next(r for r in score.requirements if r["id"] == requirement_id)


def only(*records: Mapping[str, Any], conditional: bool = False, **options: Any) -> dict[str, Any]:
    """The one MUST requirement `firm`, judged from these records."""
    own = profile(requirement("firm", conditional=conditional))
    options = {"selected": (), "checks": [check("firm/one")], **options}
    return entry(scoring.score(own, records, partial=False, **options), "firm")


def document(score: scoring.Score, **fields: Any) -> dict[str, Any]:
    return {**score.to_json(), "complete": True, "interrupted": False, "partial": False, "leftovers": [], **fields}


@pytest.mark.parametrize("first", STATES)
def test_run_is_conformant_only_if_every_must_earned_it_in_every_combination(first: str) -> None:
    passed, absent = Verdict.PASSED, Verdict.NOT_APPLICABLE
    for states in itertools.product(STATES, repeat=3):
        one, two, three, four = first, *states
        earned = {one, two} <= {passed, absent} and passed in (one, two) and {three, four} <= {passed, absent}

        score = judge({"firm/one": one, "firm/two": two, "soft/one": three, "soft/two": four, "nice/one": passed})

        assert (score.outcome == scoring.CONFORMANT) is earned, states
        assert (score.outcome == scoring.NOT_CONFORMANT) is (Verdict.FAILED in (one, two, three, four)), states


@pytest.mark.parametrize("nice", STATES)
def test_should_never_decides_the_outcome(nice: str) -> None:
    good = dict.fromkeys(("firm/one", "firm/two", "soft/one", "soft/two"), "passed")

    assert judge({**good, "nice/one": nice}).outcome == scoring.CONFORMANT


@pytest.mark.parametrize("states", list(itertools.combinations_with_replacement(STATES, 3)))
def test_partial_or_incomplete_run_is_never_conformant(states: tuple[str, ...]) -> None:
    ids = ("firm/one", "soft/one", "nice/one")
    score = judge(dict(zip(ids, states, strict=True)) | {"firm/two": "passed", "soft/two": "passed"}, partial=True)

    assert score.outcome != scoring.CONFORMANT
    assert scoring.outcome(score.requirements, complete=False, partial=False) == scoring.INCONCLUSIVE


@pytest.mark.parametrize(
    ("verdicts", "conditional", "wanted"),
    [
        ("failed unverified unknown skipped not_applicable passed", True, "failed"),
        ("unverified unknown skipped not_applicable passed", True, "unverified"),
        ("unknown skipped not_applicable passed", True, "unknown"),
        ("skipped not_applicable passed", True, "skipped"),
        ("not_applicable passed", False, "passed"),
        ("not_applicable not_applicable", True, "not_applicable"),
        ("not_applicable not_applicable", False, "unknown"),
    ],
)
def test_worst_variant_decides(verdicts: str, conditional: bool, wanted: str) -> None:
    records = [record(f"firm/one[{index}]", verdict) for index, verdict in enumerate(verdicts.split())]

    found = only(*records, conditional=conditional)

    assert found["verdict"] == wanted


def test_requirement_without_a_deciding_check_is_not_covered() -> None:
    found = only(checks=[])

    assert (found["verdict"], found["code"], found["grade"]) == ("unverified", "not_covered", None)


@pytest.mark.parametrize("other", [{"decides": "hardening"}, {"decides": "readiness"}, {"provisional": True}])
def test_check_that_does_not_decide_covers_nothing(other: dict[str, Any]) -> None:
    found = only(record("firm/one"), checks=[check("firm/one", **other)])

    assert (found["verdict"], found["code"]) == ("unverified", "not_covered")
    assert [r["id"] for r in found["checks"]] == ["firm/one"]


@pytest.mark.parametrize("other", [{"decides": "hardening"}, {"decides": "readiness"}, {"provisional": True}])
def test_check_that_does_not_decide_fails_nothing(other: dict[str, Any]) -> None:
    checks = [check("firm/one"), check("firm/two", **other)]

    found = only(record("firm/one"), record("firm/two", "failed"), checks=checks)

    assert (found["verdict"], found["grade"]) == ("passed", "controlled")


def test_record_cannot_say_that_it_decides_nothing() -> None:
    assert only(record("firm/one", "failed", decides="hardening", provisional=True))["verdict"] == "failed"


def test_check_that_was_left_out_is_shown_as_skipped() -> None:
    found = only(record("firm/one"), checks=[check("firm/one"), check("firm/two")])

    assert found["verdict"] == "skipped"
    assert [(r["id"], r["verdict"], r["code"]) for r in found["checks"]] == [
        ("firm/one", "passed", ""),
        ("firm/two", "skipped", "not_selected"),
    ]


def test_lost_record_is_unverified_and_named() -> None:
    found = only(record("firm/one[a]"), selected=["firm/one[a]", "firm/one[b]"])

    assert (found["verdict"], found["code"]) == ("unverified", "record_missing")
    lost = found["checks"][1]
    assert (lost["id"], lost["variant"], lost["verdict"]) == ("firm/one[b]", "b", "unverified")


def test_lost_record_of_a_check_that_decides_nothing_fails_nothing() -> None:
    checks = [check("firm/one"), check("firm/two", decides="hardening")]

    assert only(record("firm/one"), selected=["firm/one", "firm/two"], checks=checks)["verdict"] == "passed"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"verdict": "passed", "grade": None}, "no_grade"),
        ({"verdict": "passed", "grade": "excellent"}, "no_grade"),
        ({"verdict": "not_applicable", "reason": ""}, "no_proof"),
        ({"verdict": "PASSED"}, "record_broken"),
        ({"verdict": None}, "record_broken"),
        ({"verdict": ["passed"]}, "record_broken"),
    ],
)
def test_verdict_that_is_not_backed_is_unverified(fields: dict[str, Any], code: str) -> None:
    found = only({**record("firm/one"), **fields})

    assert (found["verdict"], found["code"]) == ("unverified", code)


def test_record_with_nothing_but_an_id_is_unverified() -> None:
    assert only({"id": "firm/one"})["verdict"] == "unverified"


def test_of_two_records_of_one_check_the_worse_counts() -> None:
    for order in itertools.permutations(("passed", "failed", "unknown")):
        found = only(*(record("firm/one", verdict) for verdict in order))

        assert found["verdict"] == "failed"
        assert len(found["checks"]) == 1


def test_record_belongs_to_the_requirement_of_its_id() -> None:
    assert only(record("firm/one", "failed", requirement="other", check="two"))["verdict"] == "failed"


def test_grade_is_the_lowest_of_the_passed_deciding_checks() -> None:
    for grades in itertools.product(Grade, repeat=2):
        records = [record(f"firm/one[{i}]", grade=grade.value) for i, grade in enumerate(grades)]
        aside = record("firm/two", grade="static")

        found = only(*records, aside, checks=[check("firm/one"), check("firm/two", decides="hardening")])

        assert found["grade"] == min(grades, key=list(Grade).index)


@pytest.mark.parametrize("verdict", [v for v in Verdict if v != "passed"])
def test_requirement_that_did_not_pass_has_no_grade(verdict: str) -> None:
    assert only(record("firm/one[a]"), record("firm/one[b]", verdict))["grade"] == (
        "controlled" if verdict == "not_applicable" else None
    )


def test_profile_may_name_the_checks_that_decide() -> None:
    own = profile(requirement("firm", checks=("two",)))
    checks = [check("firm/one"), check("firm/two", decides="hardening")]

    score = scoring.score(
        own, [record("firm/one", "failed"), record("firm/two")], partial=False, selected=(), checks=checks
    )

    assert entry(score, "firm")["verdict"] == "passed"


def test_profile_cannot_let_a_provisional_check_decide() -> None:
    own = profile(requirement("firm", checks=("one",)))

    score = scoring.score(
        own, [record("firm/one")], partial=False, selected=(), checks=[check("firm/one", provisional=True)]
    )

    assert entry(score, "firm")["code"] == "not_covered"


def test_profile_without_a_must_is_never_conformant() -> None:
    score = scoring.score(profile(SHOULD), [record("nice/one")], partial=False, selected=(), checks=CHECKS)

    assert score.outcome == scoring.INCONCLUSIVE


def test_run_in_which_every_must_is_not_applicable_is_not_conformant() -> None:
    score = scoring.score(
        profile(CONDITIONAL),
        [record("soft/one", "not_applicable"), record("soft/two", "not_applicable")],
        partial=False,
        selected=(),
        checks=CHECKS,
    )

    assert entry(score, "soft")["verdict"] == "not_applicable"
    assert score.outcome == scoring.INCONCLUSIVE


def test_check_outside_the_profile_has_level_none_and_decides_nothing() -> None:
    good = dict.fromkeys(("firm/one", "firm/two", "soft/one", "soft/two", "nice/one"), "passed")
    records = [*(record(id_) for id_ in good), record("dra_support/types", "failed")]
    checks = [*CHECKS, check("dra_support/types")]

    score = scoring.score(OURS, records, partial=False, selected=(), checks=checks)

    assert score.outcome == scoring.CONFORMANT
    assert score.requirements[-1]["id"] == "dra_support"
    assert (score.requirements[-1]["level"], score.requirements[-1]["verdict"]) == ("none", "failed")
    assert sum(score.counts.values()) == 3
    assert score.outcomes["readiness"]["verdict"] == "failed"


def test_requirement_that_the_profile_no_longer_has_keeps_title_and_section() -> None:
    newest = profiles.load("cncf-1.37")

    score = scoring.score(newest, [record("dra_support/types")], partial=False, selected=(), checks=[])

    found = entry(score, "dra_support")
    assert (found["level"], found["section"], found["title"]) == ("none", "accelerators", "Dynamic Resource Allocation")


def test_requirement_outside_the_profile_of_which_nothing_ran_is_not_shown() -> None:
    score = scoring.score(OURS, [], partial=False, selected=(), checks=[*CHECKS, check("dra_support/types")])

    assert [r["id"] for r in score.requirements] == ["firm", "soft", "nice"]


def test_outcomes_stand_side_by_side() -> None:
    checks = [check("firm/one"), check("firm/two", decides="hardening"), check("firm/three", decides="readiness")]
    records = [record("firm/one"), record("firm/two", "failed"), record("firm/three", "unknown")]

    score = scoring.score(profile(FIRM), records, partial=False, selected=(), checks=checks)

    assert {name: summary["verdict"] for name, summary in score.outcomes.items()} == {
        "programme": "passed",
        "hardening": "failed",
        "readiness": "unknown",
    }
    assert score.outcome == scoring.CONFORMANT


def test_reason_of_a_requirement_is_that_of_the_first_check_behind_it() -> None:
    found = only(record("firm/one[a]"), record("firm/one[b]", "failed"), record("firm/one[c]", "failed"))

    assert found["code"] == "failed_here"
    assert found["reason"] == "one[b]: it was seen to be failed (and 1 more)"


def codes(states: Iterable[tuple[str, str]], **fields: Any) -> int:
    score = judge(dict(states), partial=fields.get("partial", False))
    return scoring.exit_code(document(score, **fields))


GOOD = [(info.id, "passed") for info in CHECKS]


@pytest.mark.parametrize(
    ("change", "fields", "code"),
    [
        ({}, {}, 0),
        ({"nice/one": "failed"}, {}, 0),
        ({"firm/one": "failed"}, {}, 1),
        ({"firm/one": "unknown"}, {}, 4),
        ({"firm/one": LOST}, {}, 4),
        ({"soft/one": "not_applicable", "soft/two": "not_applicable"}, {}, 0),
        ({"firm/one": "not_applicable", "firm/two": "not_applicable"}, {}, 4),
        ({}, {"leftovers": ["Namespace x"]}, 5),
        ({"firm/one": "failed"}, {"leftovers": ["Namespace x"]}, 1),
        ({"firm/one": "unknown"}, {"leftovers": ["Namespace x"]}, 4),
        ({}, {"interrupted": True, "complete": False}, 130),
        ({"firm/one": "failed"}, {"interrupted": True, "complete": False, "leftovers": ["x"]}, 130),
        ({}, {"complete": False}, 4),
    ],
)
def test_exit_code_of_a_whole_run(change: dict[str, str], fields: dict[str, Any], code: int) -> None:
    assert codes([*GOOD, *change.items()], **fields) == code


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ({"firm/one": "passed"}, 0),
        ({"firm/one": "passed", "firm/two": "not_applicable"}, 0),
        ({"soft/one": "not_applicable"}, 0),
        ({"firm/one": "not_applicable"}, 4),
        ({"firm/one": "passed", "nice/one": "failed"}, 1),
        ({"firm/one": "failed", "soft/one": "unknown"}, 1),
        ({"firm/one": "passed", "soft/one": "unknown"}, 4),
        ({"firm/one": "unverified"}, 4),
        ({"firm/one": LOST}, 4),
        ({"firm/one": "skipped"}, 4),
        ({}, 4),
    ],
)
def test_exit_code_of_a_partial_run_is_that_of_what_was_selected(states: dict[str, str], code: int) -> None:
    everything = {info.id: LEFT_OUT for info in CHECKS}

    assert codes((everything | states).items(), partial=True) == code


def test_partial_run_that_left_something_behind_is_5() -> None:
    states = {info.id: LEFT_OUT for info in CHECKS} | {"firm/one": "passed"}

    assert codes(states.items(), partial=True, leftovers=["Namespace x"]) == 5


@pytest.mark.parametrize(("verdict", "code"), [("passed", 0), ("not_applicable", 0), ("failed", 1), ("unknown", 4)])
def test_check_outside_the_profile_decides_the_exit_code_of_a_partial_run(verdict: str, code: int) -> None:
    checks = [check("dra_support/claim", decides="readiness")]
    found = record("dra_support/claim", verdict, decides="readiness")

    score = scoring.score(OURS, [found], partial=True, selected=[found["id"]], checks=checks)

    assert scoring.exit_code(document(score, partial=True)) == code


def test_provisional_check_alone_decides_no_exit_code() -> None:
    checks = [check("firm/one", provisional=True)]

    score = scoring.score(OURS, [record("firm/one")], partial=True, selected=["firm/one"], checks=checks)

    assert scoring.exit_code(document(score, partial=True)) == 4
