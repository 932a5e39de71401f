"""What an autoscaler's own status means: served or not, readable or not, above or below its target."""

from dataclasses import replace
from typing import Any

import pytest

from conformance.adapters import metrics
from conformance.adapters.metrics.scaler import Order
from conformance.cluster import Settings, errors
from conformance.evidence import Evidence
from conformance.inventory.solutions import Solution
from conformance.probes.sandbox import Sandbox
from conformance.probes.scaling import autoscaler
from conformance.probes.scaling.autoscaler import Autoscaler
from conformance.verdicts import Failure, NotApplicable, Outcome, Unknown, Unverified

Object = dict[str, Any]
APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
HPAS = "/apis/autoscaling/v2/namespaces/given/horizontalpodautoscalers"
CUSTOM = "custom.metrics.k8s.io"
FINE = ("True", "ValidMetricFound")
UNREAD = ("False", "FailedGetPodsMetric")


class FakeApi:
    """One autoscaler that stays as it is, and one adapter."""

    def __init__(self, hpa: Object | None = None, *, available: str = "True") -> None:
        self.hpa, self.available = hpa or {}, available
        self.served: list[Object] | None = None
        self.created: list[str] = []
        self.names: list[str] = ["server"]
        self.spec: Object = {}
        self.mutated: Object = {}

    def get(self, path: str, **_query: Any) -> Object:
        if path == f"{HPAS}/server":
            return {"metadata": {"name": "server", "uid": "u", "resourceVersion": "1"}, "spec": self.spec, **self.hpa}
        if f"/{CUSTOM}/" in path and self.served is not None:
            return {"items": self.served}
        raise errors.NotFound(404, "NotFound", path)

    def list(self, path: str, **_query: str) -> list[Object]:
        condition = {"type": "Available", "status": self.available}
        found = {
            "metadata": {"name": f"v1beta2.{CUSTOM}"},
            "spec": {"group": CUSTOM, "version": "v1beta2", "service": {"namespace": "m", "name": "adapter"}},
            "status": {"conditions": [condition]},
        }
        return [found] if path == APISERVICES else []

    def create(self, path: str, body: Object) -> Object:
        self.created.append(path)
        if path == HPAS:
            self.spec = {**body["spec"], **self.mutated}
        return {**body, "metadata": {**body["metadata"], "uid": "u", "resourceVersion": "1"}}

    def pages(self, path: str, **_query: str) -> Any:
        items = self.names if path == HPAS else ["default"]
        return iter([{"items": items, "metadata": {"resourceVersion": "1"}}])

    def on_wait(self, _what: str, _limit: float) -> None:
        """Nobody listens."""


def _hpa(condition: tuple[str, str] | None, value: str | None, *, able: str = "True", wants: int = 1) -> Object:
    conditions = [{"type": "AbleToScale", "status": able, "reason": "ReadyForNewScale"}]
    if condition:
        conditions.append({"type": "ScalingActive", "status": condition[0], "reason": condition[1]})
    read = [{"type": "Pods", "pods": {"current": {"averageValue": value}}}] if value is not None else None
    return {"status": {"conditions": conditions, "currentMetrics": read, "desiredReplicas": wants}}


def _solution() -> Solution:
    served = f"{CUSTOM}/v1beta2"
    return Solution(family="metrics", id="custom", title="Adapter", group_version=served, alive=True, seen="seen")


def _made(api: Any) -> Autoscaler:
    settings = Settings(run_id="r", namespace="given", timeout_scale=0.0)
    sandbox = Sandbox(api, run_id="r", check_id="c", settings=settings, evidence=Evidence())
    order = Order(
        name="server",
        deployment="server",
        namespace="given",
        labels="a=b",
        signal=metrics.QUEUE_DEPTH,
        least=1,
        most=3,
        calm=1,
    )
    made = Autoscaler(sandbox, metrics.scaler(_solution()), order)
    made.create(made.scaler.make(order))
    return made


def _ended(api: FakeApi, act: str) -> tuple[type[BaseException], str]:
    with pytest.raises((Failure, Outcome)) as raised:
        getattr(_made(api), act)()
    assert isinstance(raised.value, Failure | Outcome)
    return raised.type, raised.value.code


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conformance.probes.sandbox.LEAST_SECONDS", 0.0)


def test_a_metric_that_is_read_is_served() -> None:
    assert _made(FakeApi(_hpa(FINE, "1500m"))).readable() == 1.5


@pytest.mark.parametrize("hpa", [_hpa(UNREAD, None), _hpa(FINE, None), _hpa(("True", "Other"), "1")])
def test_a_metric_that_is_not_read_is_unknown_and_named_with_its_cure(hpa: Object) -> None:
    with pytest.raises(Outcome) as raised:
        _made(FakeApi(hpa)).readable()
    assert (raised.value.verdict, raised.value.code) == ("unknown", "metric_not_served")
    assert "ai-conformance explain pod_autoscaling" in raised.value.reason
    assert "--queue-metric" in raised.value.reason


def test_an_adapter_that_goes_down_while_its_metric_is_awaited_is_failed() -> None:
    assert _ended(FakeApi(_hpa(UNREAD, None), available="False"), "readable") == (Failure, "adapter_down")


@pytest.mark.parametrize("act", ["readable", "healthy", "must_be_able"])
def test_an_autoscaler_beside_another_one_on_the_same_pods_is_not_judged(act: str) -> None:
    assert _ended(FakeApi(_hpa(("False", "AmbiguousSelector"), "9")), act) == (Unverified, "two_autoscalers")


def test_an_adapter_that_went_down_meanwhile_is_what_is_blamed() -> None:
    for act in ("healthy", "must_be_able"):
        assert _ended(FakeApi(_hpa(UNREAD, "9"), available="False"), act) == (Failure, "adapter_down")


def test_an_autoscaler_that_nobody_looks_at_is_unverified() -> None:
    for act in ("readable", "unreadable"):
        kind, code = _ended(FakeApi({"status": {}}), act)
        assert (getattr(kind, "verdict", None), code) == ("unverified", "hpa_silent")


def test_an_unreadable_metric_that_is_shown_as_such_is_fine() -> None:
    _made(FakeApi(_hpa(UNREAD, None))).unreadable()


def test_an_unreadable_metric_that_looks_fine_is_failed() -> None:
    assert _ended(FakeApi(_hpa(FINE, None)), "unreadable") == (Failure, "unreadable_metric_looks_fine")
    assert _ended(FakeApi(_hpa(FINE, None)), "still_unreadable") == (Failure, "unreadable_metric_looks_fine")


@pytest.mark.parametrize(
    "hpa", [_hpa(FINE, "1", able="False"), _hpa(UNREAD, "1"), _hpa(FINE, None), {"status": {"conditions": 7}}, {}]
)
def test_an_autoscaler_that_scaled_and_does_not_say_so_is_failed(hpa: Object) -> None:
    assert _ended(FakeApi(hpa), "healthy") == (Failure, "hpa_conditions_wrong")


@pytest.mark.parametrize(("value", "far"), [("2", False), ("100", True)])
def test_a_value_far_above_its_target_is_more_than_a_tolerance_away(value: str, far: bool) -> None:
    assert _made(FakeApi(_hpa(FINE, value))).far_above() is far


def test_the_metric_is_above_its_target_where_the_autoscaler_or_the_metrics_api_sees_it() -> None:
    by_autoscaler, by_api, by_none = (FakeApi(_hpa(FINE, value)) for value in ("9", "0", "0"))
    by_api.served = [{"value": "9"}]
    by_none.served = [{"value": "2"}]
    assert [_made(api).above(1) for api in (by_autoscaler, by_api, by_none)] == [True, True, False]
    assert not _made(by_api).above(9)


def test_keda_that_makes_no_autoscaler_is_failed() -> None:
    api = FakeApi()
    api.names = []
    with pytest.raises(Failure) as raised:
        _made(api)
    assert raised.value.code == "no_autoscaler_made"


@pytest.mark.parametrize("mutated", [{"maxReplicas": 1}, {"minReplicas": 3}, {"metrics": []}, {"scaleTargetRef": 7}])
def test_an_autoscaler_that_a_policy_changes_is_not_judged(mutated: Object) -> None:
    api = FakeApi(_hpa(FINE, "1"))
    api.mutated = mutated
    with pytest.raises(Unverified) as raised:
        _made(api)
    assert raised.value.code == "autoscaler_changed"
    assert next(iter(mutated)) in raised.value.reason


def test_an_autoscaler_that_admission_refuses_is_unknown() -> None:
    api: Any = FakeApi()
    create = api.create

    def refuse(path: str, body: Object) -> Object:
        if path == HPAS:
            raise errors.Forbidden(403, "Forbidden", "the workload is already managed")
        return dict(create(path, body))

    api.create = refuse
    with pytest.raises(Unknown) as raised:
        _made(api)
    assert (raised.value.code, "already managed" in raised.value.reason) == ("admission_denied", True)


def test_an_autoscaler_that_is_changed_later_is_not_passed() -> None:
    api = FakeApi(_hpa(FINE, "1"))
    made = _made(api)
    made.as_sent()
    (metric,) = api.spec["metrics"]
    api.spec["metrics"] = [{**metric, "pods": {**metric["pods"], "metric": {"name": "another"}}}]
    with pytest.raises(Unverified) as raised:
        made.as_sent()
    assert "another" in raised.value.reason


def test_replicas_that_rose_without_the_autoscaler_prove_nothing_about_it() -> None:
    by_others, by_it = _hpa(FINE, "1"), _hpa(FINE, "1")
    by_it["status"]["lastScaleTime"] = "2026-01-01T00:00:00Z"
    _made(FakeApi(by_it)).healthy()
    assert _ended(FakeApi(by_others), "healthy") == (Unverified, "scaled_by_others")


def test_replicas_that_fell_without_the_autoscaler_prove_nothing_about_it() -> None:
    scaled = _hpa(FINE, "0")
    scaled["status"]["lastScaleTime"] = "2026-01-01T00:00:00Z"
    made = _made(FakeApi(scaled))
    made.must_have_scaled("replicas fell", "2025-12-31T23:59:00Z")
    with pytest.raises(Unverified) as raised:
        made.must_have_scaled("replicas fell", made.last_scaled())
    assert raised.value.code == "scaled_by_others"


@pytest.mark.parametrize(
    ("adapter", "value", "others"), [("external", "9", True), ("external", "1", False), ("custom", "9", False)]
)
def test_a_high_metric_that_is_not_of_our_pods_alone_may_be_the_work_of_others(
    adapter: str, value: str, others: bool
) -> None:
    hpa = _hpa(FINE, value)
    (read,) = hpa["status"]["currentMetrics"]
    hpa["status"]["currentMetrics"] = [read, {"type": "External", "external": read["pods"]}]
    made = _made(FakeApi(hpa))
    made.scaler = metrics.scaler(replace(_solution(), id=adapter))
    if not others:
        made.must_mean_our_pods()
        return
    with pytest.raises(Unverified) as raised:
        made.must_mean_our_pods()
    assert raised.value.code == "metric_of_others"


class Discovered:
    """Group autoscaling in these versions."""

    def __init__(self, *versions: str, resources: tuple[str, ...] = ("horizontalpodautoscalers",)) -> None:
        self.versions, self.resources = versions, resources

    def get(self, path: str) -> Object:
        if path == "/apis/autoscaling":
            return {"versions": [{"version": version} for version in self.versions]}
        if path.rpartition("/")[2] in self.versions:
            shape = {"kind": "HorizontalPodAutoscaler", "namespaced": True}
            return {"resources": [{"name": name, **shape} for name in self.resources]}
        raise errors.NotFound(404, "NotFound", path)


def test_without_the_second_version_of_autoscaling_the_requirement_does_not_apply() -> None:
    api: Any = Discovered("v1")
    with pytest.raises(NotApplicable) as raised:
        autoscaler.must_be_served(api)
    assert raised.value.reason.endswith("that are served: v1")


def test_with_it_the_requirement_applies() -> None:
    api: Any = Discovered("v2", "v1")
    autoscaler.must_be_served(api)


def test_a_living_adapter_is_looked_at_again() -> None:
    living, dead = FakeApi(), FakeApi(available="False")
    assert autoscaler.living(living, _solution()).solution.seen != "seen"  # type: ignore[arg-type]
    with pytest.raises(Failure) as raised:
        autoscaler.living(dead, _solution())  # type: ignore[arg-type]
    assert raised.value.code == "adapter_down"
