"""A device that a taint closes: by a rule of ours on one free device, else one that its driver has tainted (DeviceTaintRule)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conformance.cluster.api import Object
from conformance.inventory import taint_rules
from conformance.probes import names
from conformance.probes.allocation import Running
from conformance.probes.dra.published import Published
from conformance.probes.dra.trial import Trial
from conformance.verdicts import NotApplicable

KEY = "kube-ai-conformance.dev/held-back"


@dataclass(frozen=True)
class Closed:
    """A device that is given to no claim which does not tolerate its taint."""

    trial: Trial
    device: Published
    other: Published | None
    """A free device without a taint, where there is one."""
    toleration: Object | None
    """What tolerates the taint; None for a driver's own, because such a device may be broken."""

    def witness(self) -> Running:
        """A pod that gets a device while the taint is there: this one by toleration, else the other; it is given back.

        By the time that it runs, the scheduler has known the taint for long.
        """
        running = self._tolerated("tolerates") if self.toleration else self._another("witness")
        self.trial.give_back(running)
        return running

    def twin(self) -> None:
        """A pod that gets a device afterwards, so that a dead scheduler proves nothing, nor one that closed the whole node."""
        if self.other is not None:
            self._another("takes-another")
        else:
            self._tolerated("tolerates-again")

    def _another(self, name: str) -> Running:
        if self.other is None:
            return self.trial.plain(name)
        spec, expected = self.trial.one(*self.trial.means(self.other)), f"{self.other.name}, which has no taint"
        running = self.trial.get(name, spec, code="untainted_device_kept", expected=expected, needs=[self.other])
        self.trial.must_mean(running, self.other)
        return running

    def _tolerated(self, name: str) -> Running:
        trial = self.trial
        spec = trial.one(*trial.means(self.device), tolerations=[self.toleration])
        trial.must_keep(spec, trial.one(), "tolerations of a request")
        expected = f"{self.device.name}, whose taint the claim tolerates"
        running = trial.get(name, spec, code="toleration_ignored", expected=expected, needs=[self.device])
        trial.must_mean(running, self.device)
        return running


def close_device(trial: Trial, first: Published, last: Published) -> Closed:
    """Taint the last free device by a rule that names driver, pool and device.

    Where no rule is served, a device that its driver has tainted; ``NotApplicable`` where there is none either.
    """
    other = first if first != last else None
    path = taint_rules.collection(trial.sandbox.api)
    if path is None:
        return Closed(trial, _tainted(trial), first, None)
    value = trial.sandbox.labels[names.RUN_LABEL]
    body = _rule(path, f"kac-{value}-{trial.sandbox.own}"[:63], last, value)
    made = trial.sandbox.create_cluster_scoped(path, body)
    trial.evidence.step(
        "tainted one free device, which nobody else can claim until this check ends",
        observed=f"{last.name}: {KEY}={value}:NoSchedule",
        obj=f"DeviceTaintRule {made['metadata']['name']}",
    )
    return Closed(trial, last, other, {"key": KEY, "operator": "Equal", "value": value, "effect": "NoSchedule"})


def _rule(path: str, name: str, device: Published, value: str) -> Object:
    driver, pool, called = device.key
    spec = {
        "deviceSelector": {"driver": driver, "pool": pool, "device": called},
        "taint": {"key": KEY, "value": value, "effect": "NoSchedule"},
    }
    group_version = path.removeprefix("/apis/").rpartition("/")[0]
    return {"apiVersion": group_version, "kind": "DeviceTaintRule", "metadata": {"name": name}, "spec": spec}


def _tainted(trial: Trial) -> Published:
    """A device of the node that its driver has tainted and nobody holds."""
    found = next((d for d in trial.devices() if d.blocking_taints() and not d.held), None)
    if found is None:
        raise NotApplicable(
            f"no version of resource.k8s.io serves {taint_rules.PLURAL} (read from discovery), and no free device on "
            f"{trial.bench.node} is published with a taint that keeps claims away",
            code="type_not_served",
        )
    told = ", ".join(map(_words, found.blocking_taints()))
    trial.evidence.step("found a device that its driver has tainted", observed=f"{found.name}: {told}")
    return found


def _words(taint: Mapping[str, Any]) -> str:
    return f"{taint.get('key')}={taint.get('value', '')}:{taint.get('effect')}"
