"""The results file is never yesterday's, never half written and never contradicts itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from conformance import results
from conformance.errors import ConfigurationError
from tests import samples
from tests.samples import header, profile, record, requirement, step

OURS = profile(requirement("firm"))
SELECTED = ["firm/one"]


@pytest.fixture
def passed(tmp_path: Path) -> dict[str, Any]:
    return samples.document(
        OURS, [record("firm/one", steps=[step("look", facts={"n": 1})])], tmp_path, selected=SELECTED
    )


def refusal(path: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        results.read(path)

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    return str(caught.value)


def test_run_begins_by_replacing_yesterdays_results(tmp_path: Path, passed: dict[str, Any]) -> None:
    results.write(tmp_path, passed)
    assert results.read(tmp_path)["outcome"] == "conformant"

    results.begin(tmp_path, header())

    found = results.read(tmp_path)
    assert (found["complete"], found["outcome"], found["requirements"]) == (False, "inconclusive", [])


def test_what_was_written_is_read_again(tmp_path: Path, passed: dict[str, Any]) -> None:
    path = results.write(tmp_path, passed)

    assert results.read(path) == results.read(tmp_path) == passed


def test_interrupted_run_is_incomplete_and_inconclusive(tmp_path: Path) -> None:
    found = samples.document(OURS, [record("firm/one")], tmp_path, selected=SELECTED, interrupted=True)

    results.write(tmp_path, found)
    assert (found["complete"], found["interrupted"], found["outcome"]) == (False, True, "inconclusive")


def test_leftovers_of_checks_and_of_the_run_are_listed_once(tmp_path: Path) -> None:
    records = [record("firm/one", leftovers=["Pod a/b (1)", "Pod a/c (2)"])]

    found = samples.document(OURS, records, tmp_path, selected=SELECTED, leftovers=["Pod a/b (1)", "Namespace a (3)"])

    assert found["leftovers"] == ["Pod a/b (1)", "Namespace a (3)", "Pod a/c (2)"]


def test_write_that_fails_leaves_the_old_results(
    tmp_path: Path, passed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    results.write(tmp_path, passed)

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device", descriptor)

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        results.write(tmp_path, {**passed, "run_id": "other"})

    assert results.read(tmp_path)["run_id"] == "ab12cd"
    assert [path.name for path in tmp_path.iterdir()] == ["conformance.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outcome": "conformant", "complete": False}, "outcome: says conformant, but the requirements in the file come to inconclusive"),
        ({"outcome": "not_conformant"}, "outcome: says not_conformant, but"),
        ({"partial": True}, "outcome: says conformant, but"),
        ({"started": "yesterday"}, "started: 'yesterday' is not a time such as"),
        ({"extra": 1}, "extra: the key 'extra' is unknown"),
    ],
)  # fmt: skip
def test_results_that_contradict_schema_or_themselves_are_not_written(
    tmp_path: Path, passed: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(results.ResultsError) as caught:
        results.write(tmp_path, {**passed, **change})

    assert message in str(caught.value)
    assert results.read(tmp_path)["complete"] is False


def test_pass_without_a_grade_is_not_written(tmp_path: Path, passed: dict[str, Any]) -> None:
    passed["requirements"][0]["checks"][0]["grade"] = None

    with pytest.raises(results.ResultsError, match=r"requirements\[0\]\.checks\[0\]\.grade"):
        results.write(tmp_path, passed)


def test_text_and_numbers_that_json_cannot_hold_survive_as_text(tmp_path: Path) -> None:
    facts = {"rate": float("nan"), "most": float("inf"), "list": [float("-inf")]}
    found = samples.document(
        OURS, [record("firm/one", steps=[step("a\ud800", facts=facts)])], tmp_path, selected=SELECTED
    )

    results.write(tmp_path, found)

    kept = results.read(tmp_path)["requirements"][0]["checks"][0]["steps"][0]
    assert kept["facts"] == {"rate": "nan", "most": "inf", "list": ["-inf"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "conformance.json:1: not valid JSON: Expecting value; the file ends too early"),
        ("[]", "conformance.json:1: this is no results file"),
        ('"x"', "conformance.json:1: this is no results file"),
        ("null", "conformance.json:1: this is no results file"),
        ("{}", "conformance.json:1: this is no results file"),
        ('{\n"schema_version": 2}', "conformance.json:2: schema_version: is 2, this suite reads 1; use the suite that wrote it"),
        ('{"schema_version": "1"}', "schema_version: is '1', this suite reads 1"),
        ('{"schema_version": true}', "schema_version: is true, this suite reads 1"),
        ('{"schema_version": 1}', "conformance.json:1: the key 'complete' is missing"),
        ('{"schema_version": {"\\u001b": 1}}', "this suite reads 1"),
        ("\x00\x01", "conformance.json:1: not valid JSON"),
    ],
)  # fmt: skip
def test_file_that_is_no_results_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "conformance.json").write_text(text)

    assert message in refusal(tmp_path)


def test_truncated_results_are_refused(tmp_path: Path, passed: dict[str, Any]) -> None:
    path = results.write(tmp_path, passed)
    text = path.read_text()
    path.write_text(text[: len(text) // 2])

    assert "not valid JSON" in refusal(tmp_path)


def test_results_whose_outcome_was_edited_are_refused_with_the_line(tmp_path: Path) -> None:
    path = results.write(tmp_path, samples.document(OURS, [record("firm/one", "failed")], tmp_path, selected=SELECTED))
    path.write_text(path.read_text().replace('"outcome": "not_conformant"', '"outcome": "conformant"'))

    message = refusal(tmp_path)

    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if '"outcome":' in text)
    assert (
        f"conformance.json:{line}: outcome: says conformant, but the requirements in the file come to not_conformant"
        in message
    )


def test_missing_results_are_named(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}/conformance.json: cannot be read: No such file or directory"


def test_wrong_verdict_deep_in_the_file_has_its_line_and_path(tmp_path: Path, passed: dict[str, Any]) -> None:
    path = results.write(tmp_path, passed)
    data = json.loads(path.read_text())
    data["requirements"][0]["checks"][0]["verdict"] = "pased"
    path.write_text(json.dumps(data, indent=1))
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "pased" in text)

    expected = f"conformance.json:{line}: requirements[0].checks[0].verdict: 'pased' is not one of passed, failed,"
    assert expected in refusal(path)
    assert "did you mean 'passed'?" in refusal(path)
