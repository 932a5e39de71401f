"""Adapters that serve custom or external metrics to HorizontalPodAutoscalers: how each is found and how its autoscaler is made.

A CPU metric is no such metric: what says how busy an accelerator is, is the queue of the server that holds it.
"""

from conformance.adapters.look import Look
from conformance.adapters.metrics import apis, keda
from conformance.adapters.metrics.apis import Provider
from conformance.adapters.metrics.scaler import CustomScaler, ExternalScaler, KedaScaler, Scaler
from conformance.adapters.metrics.signals import QUEUE_DEPTH, TOKEN_RATE, Signal
from conformance.inventory.solutions import METRICS, Solution

__all__ = ["QUEUE_DEPTH", "TOKEN_RATE", "Scaler", "Signal", "detect", "scaler", "why_none"]
CUSTOM, EXTERNAL, KEDA = "custom", "external", "keda"


def detect(look: Look) -> tuple[Solution, ...]:
    """Adapters that are installed; one whose API does not answer is found and not alive."""
    registered = apis.Registered(look)
    custom, external = registered.provider(apis.CUSTOM), registered.provider(apis.EXTERNAL)
    found = [_solution(CUSTOM, "Adapter of custom metrics", custom)] if custom else []
    with_keda = keda.detect(look, external)
    if with_keda:
        found.append(with_keda)
    if external and not keda.owns(external, installed=with_keda is not None):
        found.append(_solution(EXTERNAL, "Adapter of external metrics", external))
    return tuple(found)


def _solution(name: str, title: str, provider: Provider) -> Solution:
    return Solution(
        family=METRICS,
        id=name,
        title=f"{title} ({provider.group_version})",
        group_version=provider.group_version,
        alive=provider.available,
        seen=provider.words,
        namespace=provider.service.partition("/")[0],
    )


def scaler(solution: Solution) -> Scaler:
    """How an autoscaler is made for this solution."""
    kinds: dict[str, type[Scaler]] = {CUSTOM: CustomScaler, EXTERNAL: ExternalScaler, KEDA: KedaScaler}
    return kinds[solution.id](solution)


def why_none(look: Look) -> str:
    """One sentence on why there is no adapter to judge."""
    cpu = apis.Registered(look).provider(apis.RESOURCE)
    words = "nothing serves custom.metrics.k8s.io or external.metrics.k8s.io, and KEDA is not installed"
    if cpu:
        return f"{words}; {cpu.group_version} is served, but CPU and memory say nothing about an accelerator's work"
    return words
