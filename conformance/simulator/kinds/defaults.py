"""Defaults of built-in kinds: what the real server fills in, so that ``-o json`` has the same fields."""

from typing import Any

from conformance.simulator.kinds.hooks import defaults
from conformance.simulator.objects import Obj, containers_of, dig, name_of, stamp
from conformance.simulator.podresources import qos


def _fill(obj: Obj, **values: Any) -> None:
    for key, value in values.items():
        obj.setdefault(key, value)


@defaults("namespaces")
def namespace(obj: Obj) -> None:
    """A namespace is labelled with its name and waits for its controller when deleted."""
    obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = name_of(obj)
    obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj.setdefault("status", {}).setdefault("phase", "Active")


@defaults("pods")
def pod(obj: Obj) -> None:
    """A pod and its first status."""
    pod_spec(obj.setdefault("spec", {}))
    status = obj.setdefault("status", {})
    status.setdefault("phase", "Pending")
    status.setdefault("qosClass", qos(obj))


def pod_spec(spec: Obj) -> None:
    """The spec of a pod or of a pod template."""
    _fill(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
        enableServiceLinks=True,
    )
    for container in containers_of({"spec": spec}):
        _container(container)
    for volume in spec.get("volumes") or ():
        _volume(volume)


def _container(container: Obj) -> None:
    tag = str(container.get("image", "")).rpartition("/")[2]
    always = "@" not in tag and (":" not in tag or tag.endswith(":latest"))
    _fill(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="Always" if always else "IfNotPresent",
    )
    resources = container["resources"]
    if resources.get("limits"):
        resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for env in container.get("env") or ():
        if "fieldRef" in (env.get("valueFrom") or {}):
            env["valueFrom"]["fieldRef"].setdefault("apiVersion", "v1")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if probe in container:
            _fill(container[probe], timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            if "httpGet" in container[probe]:
                _fill(container[probe]["httpGet"], path="/", scheme="HTTP")


def _volume(volume: Obj) -> None:
    for source in ("configMap", "secret", "projected", "downwardAPI"):
        if source in volume:
            volume[source].setdefault("defaultMode", 420)
    for item in dig(volume, "downwardAPI", "items", default=[]):
        if "fieldRef" in item:
            item["fieldRef"].setdefault("apiVersion", "v1")
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")


@defaults("deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps", "jobs.batch")
def workload(obj: Obj) -> None:
    """The template of a workload, and its replicas."""
    spec = obj.setdefault("spec", {})
    template = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    pod_spec(template.setdefault("spec", {}))
    if obj["kind"] in ("Deployment", "ReplicaSet", "StatefulSet"):
        spec.setdefault("replicas", 1)
    if obj["kind"] == "Deployment":
        if dig(spec, "strategy", "type") == "RollingUpdate":
            _fill(spec["strategy"].setdefault("rollingUpdate", {}), maxUnavailable="25%", maxSurge="25%")
        rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}}
        _fill(spec, strategy=rolling, revisionHistoryLimit=10, progressDeadlineSeconds=600)


@defaults("services")
def service(obj: Obj) -> None:
    """A service; its address comes with admission."""
    spec = obj.setdefault("spec", {})
    _fill(spec, type="ClusterIP", sessionAffinity="None")
    if spec["type"] != "ExternalName":
        _fill(spec, internalTrafficPolicy="Cluster", ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    obj.setdefault("status", {}).setdefault("loadBalancer", {})


@defaults("secrets")
def secret(obj: Obj) -> None:
    """The type of a secret."""
    obj.setdefault("type", "Opaque")


@defaults("priorityclasses.scheduling.k8s.io")
def priority_class(obj: Obj) -> None:
    """Preemption is on unless said otherwise."""
    obj.setdefault("preemptionPolicy", "PreemptLowerPriority")


@defaults("nodes")
def node(obj: Obj) -> None:
    """A node has a spec even when it is empty."""
    obj.setdefault("spec", {})


def _requests(devices: Any) -> None:
    for request in (devices or {}).get("requests") or ():
        for form in (request.get("exactly"), *(request.get("firstAvailable") or ())):
            if isinstance(form, dict):
                form.setdefault("allocationMode", "ExactCount")
                if form["allocationMode"] == "ExactCount" and not form.get("count"):
                    form["count"] = 1
                for toleration in form.get("tolerations") or ():
                    toleration.setdefault("operator", "Equal")


@defaults("resourceclaims.resource.k8s.io")
def resource_claim(obj: Obj) -> None:
    """Requests ask for one device each."""
    _requests(obj.setdefault("spec", {}).get("devices"))
    obj.setdefault("status", {})


@defaults("resourceclaimtemplates.resource.k8s.io")
def resource_claim_template(obj: Obj) -> None:
    """As a claim."""
    obj.setdefault("spec", {}).setdefault("metadata", {})
    _requests(dig(obj, "spec", "spec", "devices"))


@defaults("resourceslices.resource.k8s.io")
def resource_slice(obj: Obj) -> None:
    """Taints know since when."""
    for device in dig(obj, "spec", "devices", default=[]):
        for taint in device.get("taints") or ():
            taint.setdefault("timeAdded", stamp())


@defaults("devicetaintrules.resource.k8s.io")
def device_taint_rule(obj: Obj) -> None:
    """The taint knows since when."""
    taint = dig(obj, "spec", "taint")
    if isinstance(taint, dict):
        taint.setdefault("timeAdded", stamp())
    obj.setdefault("status", {})


@defaults("customresourcedefinitions.apiextensions.k8s.io")
def custom_resource_definition(obj: Obj) -> None:
    """Names that follow from the kind."""
    spec = obj.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = str(names.get("kind", ""))
    _fill(names, singular=kind.lower(), listKind=f"{kind}List")
    spec.setdefault("conversion", {"strategy": "None"})
