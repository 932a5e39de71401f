"""The terminal table fits, says what is wrong first and is safe to print."""

import re
from pathlib import Path
from typing import Any

import pytest

from conformance import profiles, reports, results
from tests import samples
from tests.samples import check, header, profile, record, requirement

GOLDEN = Path(__file__).parent / "realistic.txt"


def test_text_for_a_realistic_run_is_the_one_that_was_looked_at(realistic: dict[str, Any]) -> None:
    assert reports.terminal(realistic, 80) == GOLDEN.read_text()


@pytest.mark.parametrize("width", [80, 100, 132, 200])
def test_no_line_is_wider_than_the_terminal(realistic: dict[str, Any], hostile: dict[str, Any], width: int) -> None:
    for document in (realistic, hostile):
        assert max(map(len, reports.terminal(document, width).splitlines())) <= width


def test_terminal_that_is_very_narrow_is_no_error(realistic: dict[str, Any]) -> None:
    assert "secure_accelerator_access" in reports.terminal(realistic, 1)


def test_control_characters_of_a_cluster_never_reach_the_terminal(hostile: dict[str, Any]) -> None:
    text = reports.terminal(hostile, 80)

    assert [c for c in text if not c.isprintable() and c != "\n"] == []


def test_colour_comes_only_when_asked_for(realistic: dict[str, Any]) -> None:
    plain, coloured = reports.terminal(realistic, 80), reports.terminal(realistic, 80, color=True)

    assert "\x1b" not in plain
    assert "\x1b[31mfailed\x1b[0m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain


def test_every_requirement_of_the_profile_has_a_row(realistic: dict[str, Any]) -> None:
    lines = reports.terminal(realistic, 80).splitlines()

    for found in realistic["requirements"]:
        assert sum(line.startswith(f"{found['id']} ") for line in lines) == 1


def test_conformant_run_on_a_real_cluster_has_no_warning(conformant: dict[str, Any]) -> None:
    text = reports.terminal(conformant, 80)

    assert "!!" not in text
    assert re.search(r"^programme +conformant +1 MUST: 1 passed$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        ({"complete": False, "outcome": "inconclusive"}, "NOT COMPLETE"),
        ({"complete": False, "interrupted": True, "outcome": "inconclusive"}, "INTERRUPTED"),
        ({"partial": True, "outcome": "inconclusive"}, "PARTIAL"),
        ({"outcome": "not_conformant"}, "NOT CONFORMANT"),
        ({"outcome": "inconclusive"}, "INCONCLUSIVE"),
        ({"cluster": header()["cluster"] | {"simulated": True, "world": "conformant"}}, "SIMULATED"),
    ],
)
def test_run_that_proves_nothing_says_so_in_the_first_lines_of_every_format(
    conformant: dict[str, Any], change: dict[str, Any], warning: str
) -> None:
    document = conformant | change
    texts = [reports.terminal(document, 80), *(render(document) for render in reports.FORMATS.values())]

    for text in texts:
        first = "\n".join(text.splitlines()[:8])
        assert "Not for submission" in first
        assert warning in first


def test_results_of_a_run_that_has_just_begun_can_be_shown(tmp_path: Path) -> None:
    begun = results.begin(tmp_path, header())

    assert "No requirement was judged." in reports.terminal(begun, 80)
    reports.write_all(tmp_path, begun)
    assert "No requirement was judged." in (tmp_path / "report.md").read_text()


def test_partial_run_shows_what_was_selected_and_names_the_rest(tmp_path: Path) -> None:
    ours = profile(requirement("firm"), requirement("soft"))
    checks = [check("firm/one"), check("soft/one")]
    document = samples.document(ours, [record("firm/one")], tmp_path, checks=checks, head={"partial": True})

    text = reports.terminal(document, 80)

    assert "Not selected: soft" in text
    assert not re.search(r"^soft ", text, re.MULTILINE)


def test_checks_with_the_same_reason_are_told_together(tmp_path: Path) -> None:
    records = [record(f"firm/{name}", "unknown", reason="no accelerator was found") for name in ("one", "two", "three")]

    text = reports.terminal(samples.document(profile(requirement("firm")), records, tmp_path), 80)

    assert text.count("no accelerator was found") == 1
    assert all(f"firm/{name}" in text for name in ("one", "two", "three"))


def test_not_applicable_is_shown_with_its_proof(tmp_path: Path) -> None:
    ours = profile(requirement("firm", conditional=True))
    found = record("firm/one", "not_applicable", reason="no node group can grow: 0 of 3 have a maximum")

    assert "no node group can grow" in reports.terminal(samples.document(ours, [found], tmp_path), 80)


def test_wide_terminal_has_the_reason_in_the_row(realistic: dict[str, Any]) -> None:
    row = next(
        line for line in reports.terminal(realistic, 160).splitlines() if line.startswith("secure_accelerator_access ")
    )

    assert "1 of 4 checks: two_pods_get_different_devices" in row


def test_every_row_of_every_profile_fits_80_columns(tmp_path: Path) -> None:
    for name in profiles.names():
        document = samples.document(profiles.load(name), [], tmp_path)

        assert max(map(len, reports.terminal(document, 80).splitlines())) <= 80
