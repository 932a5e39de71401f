"""``plan``: what a run would do, without doing it."""

import argparse

from conformance.commands.asking import request_of
from conformance.run import describe
from conformance.run.session import open_session


def main(args: argparse.Namespace) -> int:
    """Print the plan."""
    session = open_session(request_of(args))
    print("\n".join([*describe.overview(session), *describe.details(session)]))
    return 0
