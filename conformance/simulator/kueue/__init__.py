"""The parts of the stand-in for Kueue: its configuration, what workloads ask for, quota, and the Workload object."""

GROUP = "kueue.x-k8s.io"
WORKLOADS, QUEUES, LOCAL, FLAVORS = (
    f"{name}.{GROUP}" for name in ("workloads", "clusterqueues", "localqueues", "resourceflavors")
)
QUEUE_NAME = f"{GROUP}/queue-name"
GATE = f"{GROUP}/admission"
MANAGED = f"{GROUP}/managed"
GROUP_NAME, GROUP_SIZE = f"{GROUP}/pod-group-name", f"{GROUP}/pod-group-total-count"
JOB_UID, PODSET, WORKLOAD = f"{GROUP}/job-uid", f"{GROUP}/podset", f"{GROUP}/workload"
NAMESPACE, DEPLOYMENT = "kueue-system", "kueue-controller-manager"
CONFIG, CONFIG_KEY = "kueue-manager-config", "controller_manager_config.yaml"
