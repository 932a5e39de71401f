"""Pods that wait for an accelerator make a node pool grow, and it shrinks when they are gone (KAR 0055).

What costs nothing is judged first: whether there is an autoscaler, and whether its accelerator pools may grow at all. Only then
the user's leave to buy a node is asked for.
"""

from collections.abc import Callable

from conformance import PROBE_NEEDS, Decides, Evidence, Growth, check

CLAIMS = tuple(f"{verb} resourceclaims.resource.k8s.io" for verb in ("get", "list", "watch", "delete"))
NEEDS = (
    *PROBE_NEEDS,
    "list pods",
    "list nodes",
    "watch nodes",
    "list priorityclasses.scheduling.k8s.io",
    *CLAIMS,
    "create resourceclaimtemplates.resource.k8s.io",
    "list resourceslices.resource.k8s.io",
)
KARPENTER = ("list nodepools.karpenter.sh", "list nodeclaims.karpenter.sh")


@check(
    decides=Decides.PROGRAMME,
    accelerators=1,
    holds="all free ones of the node pool, and one of the new node",
    variants="autoscalers",
    needs=NEEDS,
    way_needs={"karpenter": KARPENTER},
    longest=3600,
    why_longest="a provider may need 20 minutes for a node, and an idle one goes 10 minutes or more after its last pod",
)
def test_new_node_takes_waiting_pod(growth: Growth, give_back: Callable[[], None], evidence: Evidence) -> None:
    """A pod that waits for an accelerator gets a new node of its pool, and the node goes when the pod is gone.

    Why: accelerators cost too much to stand idle and are too scarce to wait for by hand; an autoscaler that adds nodes without
    the accelerator, or that never takes one away, costs money and helps nobody.

    Proven by: all free accelerators of one pool are taken by pods of one each, and one pod more waits with the scheduler's
    refusal: the control, because without a new node it could not run. The pods are bound to the label of the pool, not to
    nodes. Then a node that was not there before, of that pool and with that accelerator, becomes Ready and the waiting pod
    runs there and opens its accelerator, for a window in which neither that node nor one of before goes. When all pods are
    deleted, the pool gets back to its former size. Pods of others that wait for a node at the same time, a node in the place
    of one that went, and an autoscaler that says that its provider has nothing to give, leave it unverified.

    Fix: read the events of the waiting pod and what the autoscaler says (ConfigMap cluster-autoscaler-status, NodePools and
    NodeClaims). Give the pool a maximum above its minimum and the accelerator in its template; look at scale-down settings,
    consolidation and disruption budgets where the node stays. --node-pool LABEL=VALUE names the pool, --allow-scale-up
    allows the purchase of a node.
    """
    landscape = growth.survey()  # no autoscaler, one that does not show, a pool that is fixed, no leave
    growing = growth.choose(landscape)
    growing.fill()
    grade = growing.grow()
    growing.empty()
    give_back()
    growing.shrinks()
    evidence.grade(grade)
