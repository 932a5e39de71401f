"""From the words of the command line to a ``Request``."""

import argparse

from conformance.run.request import Request, from_options


def request_of(
    args: argparse.Namespace, *, kubeconfig: str | None = None, world: str | None = None, faults: tuple[str, ...] = ()
) -> Request:
    """Request of ``run``, ``demo`` and ``plan``; ``kubeconfig`` and ``world`` come from a simulated cluster."""
    return from_options(
        lambda name: getattr(args, name),
        "--",
        kubeconfig=kubeconfig or getattr(args, "kubeconfig", None),
        context=getattr(args, "context", None),
        select=tuple(args.select),
        keyword=args.keyword,
        world=world,
        faults=faults,
    )
