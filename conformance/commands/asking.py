"""From the words of the command line to a ``Request``."""

import argparse
from pathlib import Path

from conformance.cluster.settings import DEFAULT_IMAGE
from conformance.run.request import Request, check_form, check_url, default_out
from conformance.verdicts import Impact


def request_of(
    args: argparse.Namespace, *, kubeconfig: str | None = None, world: str | None = None, faults: tuple[str, ...] = ()
) -> Request:
    """Request of ``run``, ``demo`` and ``plan``; ``kubeconfig`` and ``world`` come from a simulated cluster."""
    return Request(
        out=Path(args.out) if args.out else default_out(),
        kubeconfig=kubeconfig or getattr(args, "kubeconfig", None),
        context=getattr(args, "context", None),
        profile=args.profile,
        select=tuple(args.select),
        skip=tuple(args.skip),
        sections=tuple(args.section),
        levels=tuple(args.level),
        variants=tuple(args.variant),
        keyword=args.keyword,
        namespace=args.namespace,
        keep=args.keep,
        timeout_scale=args.timeout_scale,
        probe_image=args.probe_image or DEFAULT_IMAGE,
        registry=args.registry,
        runtime_class=args.runtime_class,
        impact=Impact(args.impact),
        descriptors=tuple(args.descriptor),
        gang_solution=args.gang_solution,
        gang_nodes=args.gang_nodes,
        local_queue=check_form("--local-queue", args.local_queue, "NAMESPACE/NAME"),
        create_queues=args.create_queues,
        node_pool=check_form("--node-pool", args.node_pool, "LABEL=VALUE"),
        allow_scale_up=args.allow_scale_up,
        prometheus=check_url("--prometheus", args.prometheus),
        queue_metric=args.queue_metric,
        token_metric=args.token_metric,
        world=world,
        faults=faults,
    )
