"""Every word of a result has its sentence, and the schemas know the same words as the code."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from conformance import content, profiles, scoring
from conformance.reports import wording
from conformance.verdicts import Decides, Grade, Verdict

SCHEMAS = (content.REPORTS / "conformance.schema.json", content.PROFILES / "profile.schema.json")


def schema(index: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SCHEMAS[index].read_text())
    return found


def test_every_verdict_grade_and_outcome_is_explained() -> None:
    words = wording.words()

    assert list(words["verdicts"]) == [v.value for v in Verdict]
    assert list(words["grades"]) == [g.value for g in Grade]
    assert list(words["outcomes"]) == [scoring.CONFORMANT, scoring.NOT_CONFORMANT, scoring.INCONCLUSIVE]


def test_schema_of_results_knows_the_words_of_the_code() -> None:
    definitions = schema(0)["$defs"]

    assert definitions["verdict"]["enum"] == definitions["counts"]["required"] == [v.value for v in Verdict]
    assert definitions["grade"]["enum"] == [*(g.value for g in Grade), None]
    assert definitions["record"]["properties"]["decides"]["enum"] == [d.value for d in Decides]


def test_schema_of_profiles_knows_the_sections_of_the_code() -> None:
    assert schema(1)["$defs"]["section"]["enum"] == list(profiles.SECTIONS)


@pytest.mark.parametrize("index", [0, 1])
def test_schema_is_a_valid_schema(index: int) -> None:
    Draft202012Validator.check_schema(schema(index))
