"""Pods that hold accelerators are scaled by what their work says about itself (KAR 0057).

A CPU metric is not enough: the programme asks for custom metrics of pods that use accelerators, and while an accelerator works its
host's processors may be idle.
"""

from functools import partial

from conformance import (
    CLAIM_NEEDS,
    QUEUE_DEPTH,
    SCALED_OBJECT_NEEDS,
    SCALING_NEEDS,
    TOKEN_RATE,
    Decides,
    Evidence,
    Grade,
    Scaling,
    Settings,
    check,
)

WAY_NEEDS = {
    "dra": (*CLAIM_NEEDS, "create resourceclaimtemplates.resource.k8s.io"),
    "keda": SCALED_OBJECT_NEEDS,
}

scaling_check = partial(
    check,
    decides=Decides.PROGRAMME,
    accelerators=3,
    variants="metrics",
    needs=SCALING_NEEDS,
    way_needs=WAY_NEEDS,
    longest=900,
    why_longest="a monitoring system that sees a new target after minutes, then the autoscaler's way up and down again",
)


@scaling_check()
def test_scales_on_queue_depth(scaling: Scaling, settings: Settings, evidence: Evidence) -> None:
    """A HorizontalPodAutoscaler scales pods on accelerators up and down by the number of requests that wait for them.

    Why: the queue of an inference server is the first sign that its accelerator is too busy. CPU use does not show it, and an
    autoscaler that knows nothing else lets users wait beside idle accelerators.

    Proven by: a Deployment of servers, each holding one accelerator, with one replica at least. While nothing asks anything, the
    metric is read and the replicas stay: the control. Load fills the queue, replicas rise, and each new one is ready on a node of
    the pool and has opened an accelerator that no other has; what the autoscaler reads for each pod comes to be no more than
    the servers say themselves. The load goes, the metric and the replicas fall. The autoscaler's
    own conditions must say that it scales by this metric.

    Fix: look at the conditions and events of the HorizontalPodAutoscaler, then ask the metrics API what it serves for the pods.
    """
    trial = scaling.start(QUEUE_DEPTH.named(settings.queue_metric))  # arrange; not served for our pods: unknown
    trial.stays_idle()  # the control
    trial.rises_under_load()
    trial.counts_each_pod()
    trial.falls_without_load()
    evidence.grade(Grade.CONTROLLED)


@scaling_check()
def test_scales_on_token_rate(scaling: Scaling, settings: Settings, evidence: Evidence) -> None:
    """A HorizontalPodAutoscaler scales pods on accelerators up and down by the tokens per second that they make.

    Why: throughput is what an accelerator is paid for. It is the growth of a counter, which an adapter has to compute; one that
    serves gauges alone can not scale by it.

    Proven by: as for the queue depth, with a rate: no tokens and no move, tokens under load and new replicas on accelerators of
    their own, no load and one replica again.

    Fix: give the adapter a rule that serves the rate of the counter, and a window of at least four scrapes.
    """
    trial = scaling.start(TOKEN_RATE.named(settings.token_metric))  # arrange; not served for our pods: unknown
    trial.stays_idle()  # the control
    trial.rises_under_load()
    trial.falls_without_load()
    evidence.grade(Grade.CONTROLLED)


@check(
    decides=Decides.PROGRAMME,
    variants="adapters",
    needs=SCALING_NEEDS,
    way_needs={"keda": SCALED_OBJECT_NEEDS},
    longest=240,
    why_longest="the autoscaler looks at a new object after up to half a minute, then a window without a move",
)
def test_unreadable_metric_is_shown(scaling: Scaling, evidence: Evidence) -> None:
    """A HorizontalPodAutoscaler on a metric that nobody serves says that it cannot scale, and moves nothing.

    Why: the opposite looks like a service that is never busy. It is also the control of the other checks: an autoscaler that
    says that all is well whatever it reads would prove nothing there.

    Proven by: an autoscaler on a metric with a name of ours. Its condition ScalingActive becomes False with a reason that the
    metric could not be got, and the replicas stay for the whole window. The pods need no accelerator for that.

    Fix: look for an adapter that answers for every name, or a controller that does not write the conditions.
    """
    scaling.stays_on_unreadable(QUEUE_DEPTH)
    evidence.grade(Grade.CONTROLLED)
