"""``checks``: the list of checks, with titles and requirements."""

import argparse
from typing import Any

from conformance import catalogue
from conformance.catalogue import CheckInfo
from conformance.commands.output import show


def entry(info: CheckInfo) -> dict[str, Any]:
    """One check as plain data."""
    spec = info.spec
    return {
        "id": info.id,
        "requirement": info.requirement,
        "section": info.section,
        "title": info.title,
        "decides": str(spec.decides),
        "provisional": spec.provisional,
        "variants": spec.variants,
        "accelerators": spec.accelerators,
        "impact": str(spec.impact),
        "longest_seconds": spec.longest,
        "why_longest": spec.why_longest,
        "needs": list(spec.needs),
        "text": info.text,
    }


def main(args: argparse.Namespace) -> int:
    """Print the list."""
    show([entry(info) for info in catalogue.load()], ["id", "decides", "variants", "title"], args.output)
    return 0
