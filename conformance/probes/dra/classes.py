"""A DeviceClass of the run's own, which means every device of a driver or those of one kind (resource.k8s.io, DeviceClass)."""

import json
from collections.abc import Sequence

from conformance.cluster.api import Object
from conformance.probes import names
from conformance.probes.dra import served
from conformance.probes.dra.trial import Trial

TYPE = "deviceclasses"


def own_class(trial: Trial, selectors: Sequence[str] = (), *, resource: str = "") -> str:
    """Make a class of the driver's devices that meet the selectors and return its name; the clean-up removes it.

    ``resource`` is the extended resource that stands for its devices: ``NotApplicable`` where the server drops it.
    """
    name = f"kac-{trial.sandbox.labels[names.RUN_LABEL]}-{trial.sandbox.own}"[:63]
    chosen = (f"device.driver == {json.dumps(trial.driver)}", *selectors)
    spec: Object = {"selectors": [{"cel": {"expression": expression}} for expression in chosen]}
    plain = {
        "apiVersion": trial.bench.group_version,
        "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": spec,
    }
    body = {**plain, "spec": {**spec, "extendedResourceName": resource}} if resource else plain
    collection = f"/apis/{trial.bench.group_version}/{TYPE}"
    if resource:
        served.must_keep(trial.sandbox, collection, body, plain, "spec.extendedResourceName")
    made = trial.sandbox.create_cluster_scoped(collection, body)
    means = " && ".join(chosen) + (f"; extended resource {resource}" if resource else "")
    trial.evidence.step("made a DeviceClass", observed=means, obj=f"DeviceClass {made['metadata']['name']}")
    return name
