"""``rbac``: the roles for the account that runs the suite, so that nobody has to make it cluster-admin."""

import argparse

from conformance import catalogue
from conformance.errors import UsageError
from conformance.run import preflight, roles
from conformance.run.selection import suggestion


def main(args: argparse.Namespace) -> int:
    """Print the YAML."""
    checks = catalogue.load()
    for word in args.select:
        known = sorted({name for info in checks for name in (info.id, info.requirement, info.section)})
        if word not in known:
            raise UsageError(f"no requirement, check or section {word!r}{suggestion(word, known)}")
    chosen = [c for c in checks if not args.select or {c.id, c.requirement, c.section} & set(args.select)]
    own = (*preflight.LOOK_NEEDS, *preflight.SWEEP_NEEDS, *preflight.run_needs(args.namespace))
    needs = dict.fromkeys(
        (*own, *(n for info in chosen for n in preflight.with_removal(info.spec.needs_for(None), args.namespace)))
    )
    print(roles.manifests(needs, name=args.name, namespace=args.namespace), end="")
    return 0
