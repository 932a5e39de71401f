"""``cluster up``: a simulated cluster that serves until it is stopped, for people to play with."""

import argparse
import threading
from pathlib import Path

from conformance import simulator
from conformance.errors import UsageError


def main(args: argparse.Namespace) -> int:
    """Serve; Ctrl-C or SIGTERM ends it."""
    try:
        with simulator.start(args.world, tuple(args.fault), kubeconfig=Path(args.kubeconfig)) as cluster:
            print(f"ready: {cluster.url} (world {args.world}); export KUBECONFIG={cluster.kubeconfig}", flush=True)
            _until_stopped()
    except simulator.WorldError as error:
        raise UsageError(str(error)) from error
    except FileExistsError as error:
        raise UsageError(f"--kubeconfig {error}") from error
    except OSError as error:
        raise UsageError(f"--kubeconfig {args.kubeconfig}: {error.strerror or error}") from error
    return 0


def _until_stopped() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return
