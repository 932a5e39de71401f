"""A whole device and a partition of it, which share counters and so exclude each other (ResourceSlice, sharedCounters)."""

from dataclasses import dataclass

from conformance.cluster.api import Object
from conformance.probes.claims import REQUEST
from conformance.probes.dra import expressions, shapes
from conformance.probes.dra.classes import own_class
from conformance.probes.dra.published import Published
from conformance.probes.dra.trial import Trial
from conformance.verdicts import NotApplicable, Unknown


@dataclass(frozen=True)
class Family:
    """Both are free now, and cannot be held at once."""

    whole: Published
    part: Published
    of_whole: Object
    """Spec of a claim for the whole device."""
    of_part: Object
    """Spec of a claim for the partition."""


def partition_family(trial: Trial) -> Family:
    """Choose them, on whatever node; ``NotApplicable`` where none is published, ``Unknown`` where all are in use."""
    devices = trial.everything()
    pairs = [
        (whole, part)
        for whole in devices
        if whole.device.consumes and not whole.device.is_part
        for part in devices
        if part.node == whole.node
        and part.device.is_part
        and part.device.consumes.keys() & whole.device.consumes.keys()
    ]
    if not pairs:
        consuming = sum(1 for device in devices if device.device.consumes)
        raise NotApplicable(
            f"{trial.driver} publishes no partition beside its whole device: of {len(devices)} devices {consuming} consume "
            "shared counters",
            code="no_partitions",
        )
    found = next(((whole, part) for whole, part in pairs if whole.free and part.free), None)
    if found is None:
        raise Unknown(f"{trial.bench.kind.title}: every device with partitions is in use", code="too_few_free")
    whole, part = found
    trial.bench.use_node(whole.node)
    name = own_class(trial)
    return Family(whole, part, _claim(trial, name, whole), _claim(trial, name, part))


def _claim(trial: Trial, device_class: str, device: Published) -> Object:
    chosen = expressions.only(device, trial.near(device.node), trial.identity)
    if chosen is None:
        raise Unknown(f"no published attribute tells {device.name} from the others", code="nothing_tells_apart")
    return shapes.spec(trial.request(REQUEST, shapes.form(device_class, chosen)))
