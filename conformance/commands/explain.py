"""``explain``: what a check proves, why it matters and how to fix what it finds; the check's own text."""

import argparse

from conformance import catalogue, content
from conformance.catalogue import CheckInfo
from conformance.commands.checks import entry
from conformance.commands.output import show
from conformance.errors import UsageError
from conformance.run.selection import suggestion


def main(args: argparse.Namespace) -> int:
    """Print the text of one check, or of every check of a requirement."""
    word = args.check.partition("[")[0]
    found = [info for info in catalogue.load() if word in (info.id, info.requirement)]
    if not found:
        known = sorted({name for info in catalogue.load() for name in (info.id, info.requirement)})
        raise UsageError(f"no check or requirement {args.check!r}{suggestion(word, known)}")
    if args.output == "json":
        show([entry(info) for info in found], (), "json")
    else:
        rules = [_rules(requirement) for requirement in sorted({info.requirement for info in found})]
        print("\n\n".join(filter(None, (*(_text(info) for info in found), *rules))))
    return 0


def _rules(requirement: str) -> str:
    """What add-ons of the cluster have to be told for this requirement, where there is anything."""
    path = content.FIXTURES / "rules" / f"{requirement}.yaml"
    return path.read_text(encoding="utf-8").rstrip() if path.is_file() else ""


def _text(info: CheckInfo) -> str:
    spec = info.spec
    facts = [
        f"  decides      {spec.decides}" + (" (provisional: shown, decides nothing)" if spec.provisional else ""),
        f"  section      {info.section}",
        f"  variants     {spec.variants or 'none'}",
        f"  accelerators {spec.accelerators}",
        f"  impact       {spec.impact}",
        f"  takes        at most {spec.longest:.0f} s ({spec.why_longest})",
        f"  needs        {', '.join(spec.needs)}",
    ]
    return "\n".join([info.id, "", info.title, "", *([info.text, ""] if info.text else []), *facts])
