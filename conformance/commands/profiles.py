"""``profiles``: what a cluster can be judged by, and how much of it the suite covers."""

import argparse
from typing import Any

from conformance import catalogue, profiles
from conformance.commands.output import show


def main(args: argparse.Namespace) -> int:
    """Print the list."""
    covered = {info.requirement for info in catalogue.load()}
    show(
        [_entry(name, covered) for name in profiles.names()],
        ["id", "kubernetes", "must", "should", "covered", "title"],
        args.output,
    )
    return 0


def _entry(name: str, covered: set[str]) -> dict[str, Any]:
    profile = profiles.load(name)
    requirements = [
        {"id": r.id, "section": r.section, "level": r.level, "title": r.title, "covered": r.id in covered}
        for r in profile.requirements
    ]
    return {
        "id": profile.id,
        "title": profile.title,
        "kubernetes": profile.kubernetes,
        "must": sum(r["level"] == "MUST" for r in requirements),
        "should": sum(r["level"] == "SHOULD" for r in requirements),
        "covered": sum(bool(r["covered"]) for r in requirements),
        "requirements": requirements,
    }
