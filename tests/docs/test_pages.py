"""What people read agrees with what is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _commands() -> list[str]:
    """The shell blocks under 'Try it', in order."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Try it")[2].partition("\n## ")[0]
    return [block.strip() for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)]


def test_readme_has_two_commands_of_one_line_each() -> None:
    commands = _commands()

    assert len(commands) == 2
    assert all("\n" not in command for command in commands)
    assert commands[0].endswith("ai-conformance demo")


def test_ci_runs_the_test_command_of_the_readme_word_for_word() -> None:
    assert _commands()[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_every_link_into_the_project_leads_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))]

    assert [(page.name, link) for page, link in links if "://" not in link and not (page.parent / link).exists()] == []
