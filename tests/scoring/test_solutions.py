"""One solution has to pass every deciding check; the others are shown and do not decide."""

from dataclasses import replace
from typing import Any

import pytest

from conformance import scoring
from conformance.catalogue import CheckInfo
from conformance.declaration import CheckSpec, solution_of
from conformance.verdicts import Decides
from tests.samples import check, profile, record, requirement

CHECKS = [check("gang/whole"), check("gang/none")]


def _judged(
    states: dict[str, str], *, checks: list[CheckInfo] | None = None, conditional: bool = False
) -> dict[str, Any]:
    own = profile(requirement("gang", conditional=conditional))
    records = [record(f"gang/{name}", state) for name, state in states.items()]
    selected = [r["id"] for r in records]
    score = scoring.score(own, records, partial=False, selected=selected, checks=checks or CHECKS)
    return next(r for r in score.requirements if r["id"] == "gang")


def test_one_solution_that_passes_everything_is_enough_and_the_others_are_named() -> None:
    found = _judged(
        {
            "whole[dra-s1+native]": "failed",
            "none[dra-s1+native]": "passed",
            "whole[dra-s1+kueue]": "passed",
            "none[dra-s1+kueue]": "passed",
        }
    )

    assert found["verdict"] == "passed"
    assert found["reason"] == "by kueue; other solutions, which do not decide: native failed"


def test_two_solutions_that_each_pass_a_half_do_not_make_a_whole() -> None:
    found = _judged(
        {
            "whole[dra-s1+native]": "passed",
            "none[dra-s1+native]": "failed",
            "whole[dra-s1+kueue]": "failed",
            "none[dra-s1+kueue]": "passed",
        }
    )

    assert found["verdict"] == "failed"


def test_a_solution_must_pass_with_every_kind_of_accelerator() -> None:
    found = _judged(
        {
            "whole[dra-s1+native]": "passed",
            "whole[device-plugin-s1+native]": "unverified",
            "none[dra-s1+native]": "passed",
            "none[device-plugin-s1+native]": "passed",
        }
    )

    assert found["verdict"] == "unverified"


@pytest.mark.parametrize("other", ["unverified", "unknown", "skipped"])
def test_where_one_failed_and_one_was_not_seen_nothing_is_proven(other: str) -> None:
    failed = {"whole[a+native]": "failed", "none[a+native]": "passed"}

    assert _judged({**failed, "whole[a+kueue]": other, "none[a+kueue]": "passed"})["verdict"] == other


def test_a_check_that_was_left_out_keeps_every_solution_from_passing() -> None:
    found = _judged({"whole[a+native]": "passed", "whole[a+kueue]": "passed"})

    assert found["verdict"] == "skipped"


def test_a_failure_beside_not_applicable_is_a_failure() -> None:
    states = {"whole[a+native]": "not_applicable", "none[a+native]": "not_applicable"}
    failed = {"whole[a+kueue]": "failed", "none[a+kueue]": "passed"}

    assert _judged({**states, **failed}, conditional=True)["verdict"] == "failed"


def test_the_grade_is_that_of_the_solution_that_decides() -> None:
    own = profile(requirement("gang"))
    weak = [record(f"gang/{name}[a+kueue]", grade="behavioural") for name in ("whole", "none")]
    strong = [record(f"gang/{name}[a+native]") for name in ("whole", "none")]
    score = scoring.score(own, [*weak, *strong], partial=False, selected=(), checks=CHECKS)

    assert score.requirements[0]["grade"] == "controlled"


def test_the_variant_of_an_autoscaler_is_the_solution_itself() -> None:
    spec = CheckSpec(decides=Decides.PROGRAMME, needs=(), longest=1, why_longest="", variants="autoscalers")

    assert solution_of(spec, "karpenter") == "karpenter"
    assert solution_of(None, "dra-s1+kueue") == "kueue"
    assert solution_of(None, "dra-s1@node-a") == ""


@pytest.mark.parametrize("variants", ["shares", "virtual"])
def test_a_way_of_sharing_that_fails_is_not_made_good_by_another_one(variants: Any) -> None:
    spec = CheckSpec(decides=Decides.PROGRAMME, needs=(), longest=1, why_longest="", variants=variants)
    assert solution_of(spec, "dra-s1+shared-claim") == ""

    checks = [replace(info, spec=replace(info.spec, variants=variants)) for info in CHECKS]
    states = {"whole[device-plugin-s1+time-slicing]": "failed", "whole[dra-s1+shared-claim]": "passed"}
    assert _judged(states, checks=checks)["verdict"] == "failed"
