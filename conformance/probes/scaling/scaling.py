"""Servers on a pool of accelerators under an autoscaler of one adapter: what the autoscaling checks begin with."""

from conformance.adapters.metrics import prometheus
from conformance.adapters.metrics.scaler import Order, Scaler
from conformance.adapters.metrics.signals import Signal
from conformance.cluster import errors
from conformance.probes import pods, tenants
from conformance.probes.bench import must_identify
from conformance.probes.sandbox import Sandbox
from conformance.probes.scaling import pace, serving
from conformance.probes.scaling.autoscaler import Autoscaler
from conformance.probes.scaling.fleet import Fleet
from conformance.probes.scaling.serving import Serving
from conformance.probes.scaling.trial import LEAST, MOST, Trial, stays
from conformance.probes.tenants import MAIN
from conformance.verdicts import Unknown


class Scaling:
    """Servers on one pool under an autoscaler of one adapter."""

    def __init__(self, sandbox: Sandbox, scaler: Scaler, fleet: Fleet | None) -> None:
        self.sandbox, self.scaler, self.fleet = sandbox, scaler, fleet

    def order(self, servers: Serving, signal: Signal, most: int) -> Order:
        """What the autoscaler is to do."""
        times = pace.of(self.sandbox.settings)
        return Order(
            name=servers.name,
            deployment=servers.name,
            namespace=self.sandbox.namespace(),
            labels=servers.selector,
            signal=signal,
            least=LEAST,
            most=most,
            calm=times.calm,
            server=self._server() if self.scaler.needs_server else "",
            window=times.rate,
            model=self.sandbox.own,
        )

    def _server(self) -> str:
        given = self.sandbox.settings.prometheus
        if given:
            return given
        try:
            found = prometheus.urls(self.sandbox.api)
        except errors.Forbidden:
            found = []
        if not found:
            raise Unknown(
                f"{self.scaler.solution.title} needs a Prometheus to ask, and no Service with its name and port {prometheus.PORT} was seen; name it with --prometheus URL",
                code="no_prometheus",
            )
        told = ", ".join(f"{place} ({url})" for place, url in found)
        self.sandbox.evidence.step("looked for a Prometheus", observed=told)
        return found[0][1]

    def start(self, signal: Signal) -> "Trial":
        """Deploy one server on an accelerator under an autoscaler on this metric, and wait until the metric is read."""
        if self.fleet is None:
            raise RuntimeError("servers hold accelerators of a pool")
        must_identify(self.fleet.descriptor)
        servers = Serving(
            self.sandbox, "server", self.fleet.holder("server", (*serving.SERVE, "--model", self.sandbox.own))
        )
        order = self.order(servers, signal, min(MOST, self.fleet.free))
        servers.deploy()
        trial = Trial(self.fleet, servers, Autoscaler(self.sandbox, self.scaler, order))
        trial.begin()
        return trial

    def stays_on_unreadable(self, signal: Signal) -> None:
        """An autoscaler on a metric that nobody serves says so, and moves nothing for the window."""
        main = pods.Container(name=MAIN, arguments=serving.SERVE)
        pod = tenants.manifest_of(self.sandbox, pods.PodPlan(name="plain", containers=[main], node=None))
        servers = Serving(self.sandbox, "plain", pod)
        order = self.order(servers, signal, MOST)
        servers.deploy(listens=False)
        autoscaler = Autoscaler(self.sandbox, self.scaler, order)
        autoscaler.create(self.scaler.unreadable(order))
        autoscaler.unreadable()
        stays(servers, autoscaler, "scaled_without_metric", "on a metric that nobody serves")
        autoscaler.still_unreadable()
        autoscaler.as_sent()
