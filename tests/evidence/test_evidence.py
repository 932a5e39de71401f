"""What a check writes down is bounded, printable and JSON, whatever a cluster says."""

import json
from pathlib import Path

import pytest

from conformance.evidence import ARTEFACT_LIMIT, TEXT_LIMIT, Evidence, bounded


def test_control_characters_become_visible() -> None:
    assert bounded("a\x1b[31m\r\udc80") == "a\\x1b[31m\\r\\udc80"


def test_long_text_is_cut_and_says_so() -> None:
    assert bounded("x" * (TEXT_LIMIT + 1)) == "x" * TEXT_LIMIT + " … (cut)"


def test_text_of_the_limit_is_kept_whole() -> None:
    assert bounded("x" * TEXT_LIMIT) == "x" * TEXT_LIMIT


def test_facts_larger_than_the_limit_become_text_and_the_others_stay() -> None:
    evidence = Evidence()
    evidence.step("seen", large=["x" * ARTEFACT_LIMIT], small={"n": 1})
    facts = evidence.steps[0]["facts"]
    assert facts["small"] == {"n": 1}
    assert facts["large"].endswith("(cut)")
    assert len(json.dumps(facts)) < 2 * TEXT_LIMIT


def test_facts_that_are_no_json_become_text() -> None:
    evidence = Evidence()
    evidence.step("seen", where=Path("/dev"))
    assert evidence.steps[0]["facts"] == {"where": "/dev"}


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", "", "a/b\x00c", "x" * 500, ".hidden"])
def test_an_artefact_stays_in_its_folder_under_a_safe_name(tmp_path: Path, name: str) -> None:
    evidence = Evidence(tmp_path / "check")
    evidence.step("seen")
    evidence.artefact(name, "text")
    (made,) = (tmp_path / "check").iterdir()
    assert made.read_text() == "text"
    assert len(made.name) <= 120
    assert not made.name.startswith(".")
    assert evidence.steps[0]["artefacts"] == [f"check/{made.name}"]


def test_a_large_artefact_is_cut_and_says_so(tmp_path: Path) -> None:
    Evidence(tmp_path).artefact("log", "x" * (ARTEFACT_LIMIT + 1))
    assert (tmp_path / "log").read_bytes()[ARTEFACT_LIMIT:] == b"\n... (cut)\n"


def test_an_artefact_with_a_lone_surrogate_is_written(tmp_path: Path) -> None:
    Evidence(tmp_path).artefact("log", "\udc80")
    assert (tmp_path / "log").read_text() == "\\udc80"
