"""Permissions that probe pods and claims need: one list for the checks, the preflight and the printed roles."""

PROBE_NEEDS = (
    "create pods",
    "get pods",
    "watch pods",
    "delete pods",
    "get pods/log",
    "get nodes",
    "create configmaps",
    "list serviceaccounts",
    "watch serviceaccounts",
)
"""A check that runs probe pods in its sandbox."""
CLAIM_NEEDS = (
    "create resourceclaims.resource.k8s.io",
    "get resourceclaims.resource.k8s.io",
    "list resourceclaims.resource.k8s.io",
    "watch resourceclaims.resource.k8s.io",
    "delete resourceclaims.resource.k8s.io",
    "list resourceslices.resource.k8s.io",
)
"""A check whose pods ask by DRA."""
ALLOCATION_NEEDS = (
    "patch resourceclaims.resource.k8s.io",
    "create resourceclaimtemplates.resource.k8s.io",
)
"""A check that watches claims and makes them from templates; besides ``CLAIM_NEEDS``."""
TRIAL_NEEDS = (
    "list nodes",
    "patch resourceclaims.resource.k8s.io",
    "list devicetaintrules.resource.k8s.io",
)
"""A check that tries devices one by one and watches claims that must wait; besides ``CLAIM_NEEDS``."""
TAINT_NEEDS = tuple(f"{verb} devicetaintrules.resource.k8s.io" for verb in ("create", "get", "watch", "delete"))
"""A check that taints one free device."""
CLASS_NEEDS = tuple(f"{verb} deviceclasses.resource.k8s.io" for verb in ("create", "get", "watch", "delete"))
"""A check that makes a DeviceClass of its own."""
SCALING_NEEDS = (
    *PROBE_NEEDS,
    "list pods",
    *(f"{verb} deployments.apps" for verb in ("create", "get", "watch", "patch", "delete")),
    "create services",
    *(f"{verb} horizontalpodautoscalers.autoscaling" for verb in ("create", "get", "list", "watch", "delete")),
)
"""A check that puts a Deployment of probe pods under an autoscaler."""
SCALED_OBJECT_NEEDS = tuple(f"{verb} scaledobjects.keda.sh" for verb in ("create", "get", "watch", "delete"))
"""The same with KEDA."""

GANG_NEEDS = (
    "create pods",
    "list pods",
    "watch pods",
    "patch pods",
    "delete pods",
    "get nodes",
    "list priorityclasses.scheduling.k8s.io",
    "create configmaps",
    "list serviceaccounts",
    "watch serviceaccounts",
)
"""A check that runs gangs of probe pods and watches them."""
GANG_WAY_NEEDS = {
    "dra": (
        "create resourceclaimtemplates.resource.k8s.io",
        "list resourceclaims.resource.k8s.io",
        "watch resourceclaims.resource.k8s.io",
        "patch resourceclaims.resource.k8s.io",
        "delete resourceclaims.resource.k8s.io",
        "list resourceslices.resource.k8s.io",
    ),
    "cpu": ("list nodes",),
    "native": tuple(f"{verb} podgroups.scheduling.k8s.io" for verb in ("create", "get", "delete")),
    "volcano": (
        *(f"{verb} podgroups.scheduling.volcano.sh" for verb in ("create", "get", "delete")),
        "get queues.scheduling.volcano.sh",
    ),
    "kai": (
        *(f"{verb} podgroups.scheduling.run.ai" for verb in ("create", "get", "delete")),
        "get queues.scheduling.run.ai",
    ),
    "coscheduling": tuple(f"{verb} podgroups.scheduling.x-k8s.io" for verb in ("create", "get", "delete")),
    "kueue": (
        *(f"{verb} jobs.batch" for verb in ("create", "get", "watch", "delete")),
        "list workloads.kueue.x-k8s.io",
        "watch workloads.kueue.x-k8s.io",
        "get localqueues.kueue.x-k8s.io",
        "watch localqueues.kueue.x-k8s.io",
    ),
    "kueue+queues": (
        *(f"{verb} localqueues.kueue.x-k8s.io" for verb in ("create", "delete")),
        *(f"{verb} clusterqueues.kueue.x-k8s.io" for verb in ("create", "get", "watch", "delete")),
        *(f"{verb} resourceflavors.kueue.x-k8s.io" for verb in ("create", "get", "watch", "delete")),
    ),
}
"""What such a check needs besides, by allocation way and solution; ``+queues`` where queues of our own may be made."""
