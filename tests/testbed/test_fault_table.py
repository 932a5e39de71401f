"""The fault table and the parts that have the faults must name the same ones: a typing error would be a fault that is never on."""

import re
import subprocess
import sys
from pathlib import Path

TESTBED = Path(__file__).parent


def listed() -> list[str]:
    """The names that the command prints, as a user sees them."""
    command = [sys.executable, str(TESTBED), "fault", "list"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [line[2:].split()[0] for line in printed.splitlines()]


def obeyed() -> set[str]:
    """The names that the sources of the parts ask for."""
    sources = "".join(path.read_text() for path in (TESTBED / "go").rglob("*.go"))
    driver = re.findall(r'switches\.on\("(\w+)"\)', sources)
    runtime = re.findall(r'^\t\{"(\w+)", ', sources, re.MULTILINE)
    table = (TESTBED / "realcluster" / "faults.py").read_text()
    names = dict(re.findall(r'^([A-Z_]+) = "(\w+)"$', table, re.MULTILINE))
    manager = (TESTBED / "realcluster" / "manager.py").read_text()
    return {*driver, *runtime, *(names[word] for word in re.findall(r"^ +faults\.([A-Z_]+): ", manager, re.MULTILINE))}


def test_every_listed_fault_is_obeyed_by_a_part_and_the_other_way_round() -> None:
    assert set(listed()) == obeyed()


def test_the_readme_shows_every_fault() -> None:
    readme = (TESTBED / "README.md").read_text()
    assert [name for name in listed() if f"`{name}`" not in readme] == []
