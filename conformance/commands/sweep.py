"""``sweep``: remove what runs left behind that ended without cleaning up."""

import argparse
from datetime import UTC, datetime

from conformance.cluster import connect, errors
from conformance.errors import ClusterError, ExitCode
from conformance.run import sweep
from conformance.run.home import clock_of

GONE_SECONDS = 180.0


def main(args: argparse.Namespace) -> int:
    """Sweep and say what was done."""
    api = connect(args.kubeconfig, args.context, agent="kube-ai-conformance (sweep)")
    try:
        now = datetime.now(UTC) + clock_of(api, args.namespace)
        result = sweep.sweep(api, now=now, namespace=args.namespace)
        sweep.await_gone(api, result, limit=GONE_SECONDS)
    except errors.ApiError as error:
        raise ClusterError(f"{api.server}: the sweep broke off: {error}") from error
    print("\n".join(sweep.lines(result)) or "nothing to sweep")
    return ExitCode.LEFTOVERS if result.failed else ExitCode.CONFORMANT
