"""``run``: a conformance run on a cluster."""

import argparse
import sys

from conformance import scoring
from conformance.commands.asking import request_of
from conformance.commands.running import perform


def main(args: argparse.Namespace) -> int:
    """Run the checks; the exit code is the outcome."""
    document = perform(request_of(args), workers=args.workers, ask=not args.yes and sys.stdin.isatty())
    return scoring.exit_code(document)
