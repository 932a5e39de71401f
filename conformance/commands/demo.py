"""``demo``: the same run on a simulated cluster of our own, which needs nothing but Python."""

import argparse

from conformance import scoring, simulator
from conformance.commands.asking import request_of
from conformance.commands.running import perform
from conformance.errors import ExitCode, UsageError


def main(args: argparse.Namespace) -> int:
    """Run the checks; a demo that ran to its end is a success, whatever it found."""
    faults = tuple(args.fault)
    try:
        cluster = simulator.start(args.world, faults, kubeconfig=None)
    except simulator.WorldError as error:
        raise UsageError(str(error)) from error
    with cluster:
        request = request_of(args, kubeconfig=str(cluster.kubeconfig), world=args.world, faults=faults)
        document = perform(request, workers=args.workers, ask=False)
    return ExitCode.CONFORMANT if document["complete"] else scoring.exit_code(document)
