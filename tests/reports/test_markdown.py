"""The Markdown report says everything, and nothing in it becomes markup because a cluster said so."""

import re
from pathlib import Path
from typing import Any

import pytest

from conformance import reports
from conformance.reports import markdown
from tests import samples
from tests.reports.conftest import HOSTILE
from tests.samples import profile, record, requirement

GOLDEN = Path(__file__).parent / "realistic.md"
_CODE = re.compile(r"(?<![`\\])(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_OURS = re.compile(r"<br>|</?details>|</?summary>|^>", re.MULTILINE)


def outside_code(text: str) -> str:
    return _CODE.sub("CODE", text)


def test_report_of_a_realistic_run_is_the_one_that_was_looked_at(realistic: dict[str, Any]) -> None:
    assert markdown.render(realistic) == GOLDEN.read_text()


def test_hostile_text_is_no_html(hostile: dict[str, Any]) -> None:
    text = _OURS.sub("", outside_code(markdown.render(hostile)))

    assert "<" not in text
    assert ">" not in text


def test_hostile_text_is_no_link_image_or_mention(hostile: dict[str, Any]) -> None:
    text = outside_code(markdown.render(hostile))

    assert re.findall(r"(?<!\\)\]\(([^)]*)\)", text) == ["#firm"]
    assert not re.search(r"https?://|www\.|@", text)


def test_hostile_text_breaks_no_table(hostile: dict[str, Any]) -> None:
    blocks = re.findall(r"(?:^\|.*\n)+", markdown.render(hostile), re.MULTILINE)

    assert len(blocks) == 4
    for block in blocks:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_hostile_text_starts_no_heading_or_list(hostile: dict[str, Any]) -> None:
    headings = [line for line in markdown.render(hostile).splitlines() if line.startswith("#")]

    assert [line.partition(" ")[2].split("[")[0] for line in headings] == [
        "AI conformance: NOT CONFORMANT",
        "Requirements",
        "Left behind on the cluster",
        "What was not seen",
        "firm",
        *(line.partition(" ")[2].split("[")[0] for line in headings if line.startswith("### ")),
        "What the words mean",
    ]


def test_report_is_printable_whatever_a_cluster_says(hostile: dict[str, Any]) -> None:
    assert [c for c in markdown.render(hostile) if not c.isprintable() and c != "\n"] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, v1.37.2 and snake_case (fine)", "plain words, v1.37.2 and snake_case (fine)"),
        ("a|b", "a&#124;b"),
        ("<b> & `c`", "&lt;b&gt; &amp; \\`c\\`"),
        ("*a* _b_ [c](d) ~e~ $f$", "\\*a\\* \\_b\\_ \\[c\\](d) \\~e\\~ \\$f\\$"),
        ("see https://x.example/a?b and me@x.example", "see `https://x.example/a?b` and `me@x.example`"),
        ("# no", "\\# no"),
        ("- no", "\\- no"),
        ("1. no", "1\\. no"),
        ("1.37", "1.37"),
        ("one\ntwo\tthree", "one two three"),
        ("\x1b[1m", "\\\\x1b\\[1m"),
    ],
)
def test_text_is_escaped_where_needed_and_no_more(text: str, shown: str) -> None:
    assert markdown.escape(text) == shown


@pytest.mark.parametrize("text", ["`", "``", "a`b", "`a", "a``b`", "|", "", " ", "\n", HOSTILE])
def test_code_is_one_span_that_its_text_cannot_end(text: str) -> None:
    shown = markdown.code(text)

    assert _CODE.fullmatch(shown)
    assert "|" not in shown
    assert "\n" not in shown


def test_backticks_of_an_author_are_code_and_lists_are_lists() -> None:
    assert markdown.prose("Why <b>.\n\n- use `kubectl get`\n# no") == "Why &lt;b&gt;.\n\n- use `kubectl get`\n\\# no"


def test_links_lead_to_headings_that_are_there(realistic: dict[str, Any]) -> None:
    text = markdown.render(realistic)

    for target in re.findall(r"\]\(#(.+?)\)", text):
        assert f"\n## {target}\n" in text


def test_every_check_and_every_leftover_is_in_the_report(realistic: dict[str, Any]) -> None:
    text = markdown.render(realistic)

    for found in realistic["requirements"]:
        assert found["id"] in text
        assert all(f"### `{r['id']}`" in text for r in found["checks"])
    assert all(f"- `{name}`" in text for name in realistic["leftovers"])


def test_conformant_report_begins_with_the_outcome(conformant: dict[str, Any]) -> None:
    text = markdown.render(conformant)

    assert text.startswith("# AI conformance: CONFORMANT\n")
    assert "WARNING" not in text


def test_check_that_was_left_out_is_named(tmp_path: Path) -> None:
    found = samples.document(
        profile(requirement("firm")),
        [record("firm/one")],
        tmp_path,
        checks=[samples.check("firm/one"), samples.check("firm/two")],
    )

    assert "### `firm/two`\n\n**skipped**: left out of this run" in markdown.render(found)


def test_every_format_is_written(tmp_path: Path, realistic: dict[str, Any]) -> None:
    paths = reports.write_all(tmp_path, realistic)

    assert [path.name for path in paths] == ["report.md", "junit.xml"]
    assert all(path.read_text() for path in paths)
