"""A HorizontalPodAutoscaler as its own status shows it, whoever made it."""

from collections.abc import Callable

from conformance.adapters import Look, metrics
from conformance.adapters.metrics.scaler import HPA_GROUP_VERSION, HPAS, Made, Order, Scaler
from conformance.cluster import errors, waiting
from conformance.cluster.api import Api, Object
from conformance.cluster.discovery import Discovery
from conformance.inventory import odd
from conformance.inventory.solutions import Solution
from conformance.probes import sent
from conformance.probes.sandbox import Sandbox, refused
from conformance.probes.scaling import pace
from conformance.verdicts import Failure, NotApplicable, Unknown, Unverified

SILENT_SECONDS = 120.0
"""Limit for the controller to look at a new autoscaler at all; it does so every 15 s."""
TOLD_SECONDS = 15.0
"""Limit for the controller to write down that it scaled; it does so in the same look."""
ACTIVE, ABLE = "ScalingActive", "AbleToScale"
CERTAIN = 1.5
"""How far above its target an autoscaler with one replica or more must ask for another, whatever it tolerates."""
AMBIGUOUS = "AmbiguousSelector"
"""Reason of a controller that scales by neither of two autoscalers with the same pods."""
FAILED_GET = "FailedGet"
"""How the reasons begin that say that a metric cannot be read (FailedGetPodsMetric, FailedGetExternalMetric)."""


def must_be_served(api: Api) -> None:
    """Raise ``NotApplicable`` where HorizontalPodAutoscalers with metrics of others are not served."""
    discovery = Discovery(api)
    if HPAS not in discovery.resources(HPA_GROUP_VERSION):
        served = ", ".join(discovery.versions("autoscaling")) or "none"
        proof = (
            f"{HPA_GROUP_VERSION} has no {HPAS} on this server; versions of group autoscaling that are served: {served}"
        )
        raise NotApplicable(proof, code="no_hpa_api")


def living(api: Api, solution: Solution) -> Scaler:
    """The adapter of a solution as it is now. Raises ``Failure`` where it is installed and down."""
    now = next((s for s in metrics.detect(Look(api)) if s.id == solution.id), None)
    if now is None or now.alive is False:
        raise Failure(
            "adapter_down",
            observed=now.seen if now else f"{solution.title} was there when the run began and is gone",
            expected="the adapter's API is available and its controllers run",
        )
    return metrics.scaler(now)


class Autoscaler:
    """One autoscaler of ours on one Deployment."""

    def __init__(self, sandbox: Sandbox, scaler: Scaler, order: Order) -> None:
        self.sandbox, self.scaler, self.order = sandbox, scaler, order
        self._collection = sandbox.path(HPAS, group_version=HPA_GROUP_VERSION)
        self._name = ""
        self._made: Made | None = None

    def create(self, made: Made) -> None:
        """Create it, and wait until the HorizontalPodAutoscaler is there."""
        try:
            self.sandbox.create(made.plural, made.body, group_version=made.group_version)
        except errors.Forbidden as error:
            raise refused(error, f"{made.body['kind']} {made.body['metadata']['name']}") from error
        except errors.Invalid as error:
            raise Unverified(f"{made.body['kind']} was refused: {error.message}", code="autoscaler_refused") from error
        self._name, self._made = made.hpa, made
        try:
            limit = self.sandbox.deciding(SILENT_SECONDS)
            waiting.wait_exists(self.sandbox.api, self._collection, made.hpa, limit=limit)
        except errors.WaitTimeout as error:
            raise Failure(
                "no_autoscaler_made",
                observed=f"{made.body['kind']} {made.body['metadata']['name']} exists and no HorizontalPodAutoscaler {made.hpa} after {error.seconds:.0f} s: {self._of_made(made)}",
                expected=f"{self.scaler.solution.title} makes one from it",
            ) from error
        self._must_hold(self.scaler.bounds(self.order), self.now(), self._title)

    def as_sent(self) -> None:
        """Raise ``Unverified`` where the autoscaler is not the one that was sent; asked before anything is passed."""
        if self._made is None:
            raise RuntimeError("the autoscaler was not created")
        body = self._made.body
        path = self.sandbox.path(self._made.plural, group_version=self._made.group_version)
        title = f"{body['kind']} {body['metadata']['name']}"
        self._must_hold(body["spec"], self.sandbox.api.get(f"{path}/{body['metadata']['name']}"), title)
        self._must_hold(self.scaler.bounds(self.order), self.now(), self._title)

    @staticmethod
    def _must_hold(wanted: Object, obj: Object, title: str) -> None:
        wrong = sent.changed(wanted, obj.get("spec"), "spec")
        if wrong:
            reason = (
                f"{title} is not what was sent: {wrong}; look for policies, mutating webhooks and other controllers"
            )
            raise Unverified(reason, code="autoscaler_changed")

    def _of_made(self, made: Made) -> str:
        path = self.sandbox.path(made.plural, group_version=made.group_version)
        obj = self.sandbox.api.get(f"{path}/{made.body['metadata']['name']}")
        return conditions_in_words(obj) or "it has no conditions"

    def now(self) -> Object:
        """Read it afresh."""
        return self.sandbox.api.get(f"{self._collection}/{self._name}")

    def readable(self) -> float:
        """Wait until it has read the metric and says that it scales by it; returns what it read."""
        try:
            limit = pace.of(self.sandbox.settings).served
            seen = self._wait(lambda hpa: hpa if self._reads(hpa) else None, limit, "the metric to be served")
        except errors.WaitTimeout as error:
            raise self._not_served(error) from error
        value = self.value(seen)
        self.sandbox.evidence.step(
            "the autoscaler reads the metric", observed=f"{value:g} for each pod; {in_words(seen)}", obj=self._title
        )
        self.sandbox.evidence.artefact("hpa-reads-metric.json", seen)
        return value

    def unreadable(self) -> None:
        """Wait until it says that the metric cannot be read; ``Failure`` where it says that all is well."""
        try:
            seen = self._wait(
                _decided, SILENT_SECONDS, "the autoscaler to say what it thinks of a metric that nobody serves"
            )
        except errors.WaitTimeout as error:
            raise Unverified(f"{self._title}: {error}", code="hpa_silent") from error
        self.still_unreadable(seen)
        self.sandbox.evidence.step("the autoscaler cannot read the metric", observed=in_words(seen), obj=self._title)

    def still_unreadable(self, seen: Object | None = None) -> None:
        """Raise ``Failure`` where it now says that it scales by a metric that nobody serves."""
        seen = seen or self.now()
        if status_of(seen, ACTIVE) == "True":
            raise Failure(
                "unreadable_metric_looks_fine",
                observed=f"on a metric that nobody serves: {in_words(seen)}",
                expected=f"{ACTIVE} is False with a reason {FAILED_GET}…",
            )

    def healthy(self) -> None:
        """Its own conditions come to say that it can scale, and scales by the metric; ``Failure`` where they do not.

        ``Unverified`` where it says nothing of having scaled: then something else did.
        """

        def fine(hpa: Object) -> Object | None:
            return hpa if status_of(hpa, ABLE) == "True" and self._reads(hpa) else None

        try:
            seen = self._wait(fine, SILENT_SECONDS, "the autoscaler's conditions to be good")
        except errors.WaitTimeout as error:
            self.must_be_able()
            raise Failure(
                "hpa_conditions_wrong",
                observed=f"after scaling up: {error.last}",
                expected=f"{ABLE} True, {ACTIVE} True with reason ValidMetricFound, and the metric in status.currentMetrics",
            ) from error
        self.must_have_scaled("replicas rose")
        self.sandbox.evidence.step("read the autoscaler's own conditions", observed=in_words(seen), obj=self._title)
        self.sandbox.evidence.artefact("hpa-scaled-up.json", seen)

    def last_scaled(self) -> str:
        """When it says that it scaled last; empty where it never did."""
        return _last_scaled(self.now())

    def must_have_scaled(self, what: str, since: str = "") -> None:
        """Raise ``Unverified`` where it does not come to say that it scaled, after this time: then something else did."""
        scaled = lambda hpa: hpa if _last_scaled(hpa) not in ("", since) else None  # noqa: E731
        try:
            self._wait(scaled, TOLD_SECONDS, "the autoscaler to say that it scaled")
        except errors.WaitTimeout as error:
            reason = f"{what}, and {self._title} does not say that it scaled (status.lastScaleTime is {since or 'missing'}): {error.last}"
            raise Unverified(f"{reason}; look for what else scales the Deployment", code="scaled_by_others") from error

    def must_be_able(self) -> None:
        """Before it is blamed: ``Failure`` where its adapter is down now, ``Unverified`` where another autoscaler has its pods."""
        living(self.sandbox.api, self.scaler.solution)
        seen = self.now()
        if condition_of(seen, ACTIVE).get("reason") == AMBIGUOUS:
            reason = f"another autoscaler selects the pods of {self._title}: {in_words(seen)}"
            raise Unverified(f"{reason}; find what makes it", code="two_autoscalers")

    def must_mean_our_pods(self) -> None:
        """Raise ``Unverified`` where the metric is high and is not asked for our pods alone: it may be the work of others."""
        if not self.scaler.of_our_pods and self.above(self.order.least):
            named = f"{self.order.signal.name} is served above its target of {self.order.signal.target}"
            reason = f"{named}, and nothing says for which servers: {self.words()}; look for others with this metric"
            raise Unverified(reason, code="metric_of_others")

    def value(self, hpa: Object | None = None) -> float:
        """The average for each pod that was read last; zero where nothing was read."""
        return self.scaler.current(hpa or self.now()) or 0.0

    def above(self, pods: int) -> bool:
        """Whether the autoscaler, or the metrics API itself, sees the metric above its target."""
        told = self.scaler.served(self.sandbox.api, self.order)
        return max(self.value(), (told or 0.0) / max(1, pods)) > self.order.signal.target

    def far_above(self) -> bool:
        """Whether it reads so much more than its target for each pod that no tolerance explains why it stands still."""
        return self.value() > CERTAIN * self.order.signal.target

    def await_low(self, seconds: float) -> Object:
        """Wait until it reads no more than the target, at most so many seconds as scaled by the run. Raises ``errors.WaitTimeout``."""
        target = self.order.signal.target
        low = lambda hpa: hpa if self._reads(hpa) and self.value(hpa) <= target else None  # noqa: E731
        return self._wait(low, seconds, "the metric to be low")

    def await_value(self, fits: Callable[[float], bool], seconds: float, what: str) -> Object:
        """Wait until the average that it reads fits, looking whenever it writes. Raises ``errors.WaitTimeout``."""
        return self._wait(lambda hpa: hpa if fits(self.value(hpa)) else None, seconds, what)

    def words(self) -> str:
        """Its replicas, value and conditions in one line."""
        return in_words(self.now(), self.value())

    def _reads(self, hpa: Object) -> bool:
        condition = condition_of(hpa, ACTIVE)
        fine = (condition.get("status"), condition.get("reason")) == ("True", "ValidMetricFound")
        return fine and self.scaler.current(hpa) is not None

    def _wait(self, until: Callable[[Object], Object | None], seconds: float, what: str) -> Object:
        limit = self.sandbox.deciding(seconds)
        return waiting.wait_for(
            self.sandbox.api, self._collection, self._name, until, limit=limit, what=what, show=in_words
        )

    def _not_served(self, error: errors.WaitTimeout) -> Exception:
        self.must_be_able()
        seen = self.now()
        if not condition_of(seen, ACTIVE):
            return Unverified(
                f"{self._title} was not looked at in {error.seconds:.0f} s: {in_words(seen)}", code="hpa_silent"
            )
        signal, adapter = self.order.signal, self.scaler.solution.title
        source = (
            f"series {signal.series} in {self.order.server}" if self.scaler.needs_server else f"metric {signal.name}"
        )
        reason = (
            f"{adapter} does not serve the {signal.title} of our pods ({source}) after {error.seconds:.0f} s: {in_words(seen)}; "
            f"`ai-conformance explain pod_autoscaling` prints the rule that it needs, {signal.option} names another metric"
        )
        return Unknown(reason, code="metric_not_served")

    @property
    def _title(self) -> str:
        return f"HorizontalPodAutoscaler {self._name}"


def condition_of(obj: Object, kind: str) -> Object:
    """A condition of an object; empty where it has none of this type."""
    told = odd.entries(odd.part(obj, "status"), "conditions")
    return next((c for c in told if c.get("type") == kind), {})


def status_of(obj: Object, kind: str) -> str:
    """``True``, ``False``, ``Unknown``, or empty where there is no such condition."""
    return str(condition_of(obj, kind).get("status", ""))


def _last_scaled(hpa: Object) -> str:
    return str(odd.part(hpa, "status").get("lastScaleTime") or "")


def conditions_in_words(obj: Object) -> str:
    """Every condition in one line."""
    told = odd.entries(odd.part(obj, "status"), "conditions")
    return "; ".join(f"{c.get('type')} {c.get('status')} ({c.get('reason')}: {c.get('message')})" for c in told)


def in_words(hpa: Object, value: float | None = None) -> str:
    """What an autoscaler wants, reads and says, in one line."""
    status = odd.part(hpa, "status")
    replicas = f"{status.get('currentReplicas', 0)} replicas, wants {status.get('desiredReplicas', 0)}"
    read = "" if value is None else f"reads {value:g} for each pod"
    return "; ".join(filter(None, (replicas, read, conditions_in_words(hpa) or "no condition yet")))


def _decided(hpa: Object) -> Object | None:
    """The autoscaler once it says that it scales, or that a metric cannot be read."""
    condition = condition_of(hpa, ACTIVE)
    failed = condition.get("status") == "False" and str(condition.get("reason", "")).startswith(FAILED_GET)
    return hpa if condition.get("status") == "True" or failed else None
