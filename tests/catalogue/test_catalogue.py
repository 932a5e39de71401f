"""Every check says what it shows, why, how it is proven and how to mend it, and has its place in a profile."""

import re

import pytest

from conformance import catalogue, profiles

CHECKS = {info.id: info for info in catalogue.load()}


@pytest.mark.parametrize("name", CHECKS)
def test_the_title_is_the_state_in_which_the_check_passes(name: str) -> None:
    title = CHECKS[name].title
    assert 0 < len(title) < 120
    assert not re.match(r"(Check|Verify|Ensure|Test)", title, re.IGNORECASE)


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("paragraph", ["Why: ", "Proven by: ", "Fix: "])
def test_the_text_has_its_three_paragraphs(name: str, paragraph: str) -> None:
    assert any(part.startswith(paragraph) for part in CHECKS[name].text.split("\n\n"))


@pytest.mark.parametrize("name", CHECKS)
def test_each_permission_is_a_verb_and_a_resource(name: str) -> None:
    spec = CHECKS[name].spec
    needs = spec.needs_for(None)
    assert needs
    assert [n for n in needs if not re.fullmatch(r"[a-z]+ [a-z]+(\.[a-z0-9.-]+)?(/[a-z]+)?", n)] == []
    assert spec.longest > 0
    assert spec.why_longest


@pytest.mark.parametrize("name", CHECKS)
def test_the_folder_is_the_section_of_the_requirement(name: str) -> None:
    info = CHECKS[name]
    sections = {r.section for p in profiles.names() for r in profiles.load(p).requirements if r.id == info.requirement}
    assert sections == {info.section}
