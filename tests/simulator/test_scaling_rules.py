"""What becomes of a recommendation and of a scrape, without a cluster."""

from typing import Any

import pytest

from conformance.simulator.metrics import archive as archives
from conformance.simulator.metrics.archive import Archive
from conformance.simulator.metrics.query import UnknownQueryError, evaluate
from conformance.simulator.metrics.scraping import read
from conformance.simulator.scaling import behaviour
from conformance.simulator.scaling.behaviour import History

SPEC: dict[str, Any] = {"minReplicas": 1, "maxReplicas": 20}
PAGE = """# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{model_name="a"} 2
vllm:num_requests_waiting{model_name="b",pod="other"} 3
# TYPE vllm:generation_tokens counter
vllm:generation_tokens_total{model_name="a"} 10
"""


class Clock:
    """Time that a test moves."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(behaviour, "time", made)
    monkeypatch.setattr(archives, "time", made)
    return made


def down(**rules: Any) -> dict[str, Any]:
    return {**SPEC, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0, **rules}}}


@pytest.mark.usefixtures("clock")
def test_scaling_up_is_bound_by_the_faster_of_the_two_default_policies() -> None:
    decision = History().decide(SPEC, 1, 20)
    assert (decision.replicas, decision.limited[:2]) == (5, (True, "ScaleUpLimit"))


def test_what_was_added_in_a_period_counts_against_its_policy(clock: Clock) -> None:
    history = History()
    history.did(1, 5)
    assert history.decide(SPEC, 5, 20).replicas == 5
    clock.now += 16
    assert history.decide(SPEC, 5, 20).replicas == 10


def test_scaling_down_waits_for_the_highest_recommendation_of_the_window(clock: Clock) -> None:
    history = History()
    history.decide(SPEC, 5, 5)
    clock.now += 10
    decision = history.decide(SPEC, 5, 1)
    assert (decision.replicas, decision.able[0]) == (5, "ScaleDownStabilized")
    clock.now += 301
    assert history.decide(SPEC, 5, 1).replicas == 1


def test_scaling_up_waits_for_the_lowest_recommendation_of_its_window(clock: Clock) -> None:
    spec = {**SPEC, "behavior": {"scaleUp": {"stabilizationWindowSeconds": 60}}}
    history = History()
    decision = history.decide(spec, 2, 6)
    assert (decision.replicas, decision.able[0]) == (2, "ScaleUpStabilized")
    clock.now += 61
    assert history.decide(spec, 2, 6).replicas == 6


@pytest.mark.parametrize(
    ("rules", "replicas", "reason"),
    [
        ({}, 1, "TooFewReplicas"),
        ({"policies": [{"type": "Pods", "value": 2, "periodSeconds": 15}]}, 8, "ScaleDownLimit"),
        ({"policies": [{"type": "Percent", "value": 50, "periodSeconds": 15}]}, 5, "ScaleDownLimit"),
        ({"selectPolicy": "Disabled"}, 10, "ScaleDownLimit"),
        (
            {
                "selectPolicy": "Min",
                "policies": [
                    {"type": "Pods", "value": 1, "periodSeconds": 15},
                    {"type": "Percent", "value": 50, "periodSeconds": 15},
                ],
            },
            9,
            "ScaleDownLimit",
        ),
    ],
)
@pytest.mark.usefixtures("clock")
def test_scaling_down_is_bound_by_its_policies(rules: dict[str, Any], replicas: int, reason: str) -> None:
    decision = History().decide(down(**rules), 10, 0)
    assert (decision.replicas, decision.limited[1]) == (replicas, reason)


@pytest.mark.usefixtures("clock")
def test_more_than_the_maximum_is_the_maximum() -> None:
    decision = History().decide({**SPEC, "maxReplicas": 3}, 2, 9)
    assert (decision.replicas, decision.limited[:2]) == (3, (True, "TooManyReplicas"))


def test_page_becomes_samples_with_the_labels_of_their_target() -> None:
    samples = list(read(PAGE, {"namespace": "n", "pod": "p"}))
    assert ("vllm:num_requests_waiting", {"model_name": "a", "namespace": "n", "pod": "p"}, 2.0) in samples
    assert (
        "vllm:num_requests_waiting",
        {"model_name": "b", "exported_pod": "other", "namespace": "n", "pod": "p"},
        3.0,
    ) in samples
    assert samples[-1][0] == "vllm:generation_tokens_total"


def test_page_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\S"):
        list(read("<html>no metrics</html>", {}))


def test_sum_takes_what_is_there_now_and_rate_what_came_in_the_window(clock: Clock) -> None:
    store = Archive()
    for value in (0.0, 50.0, 10.0):
        store.add("a", [("t_total", {"namespace": "n"}, value)])
        clock.now += 1
    assert evaluate(store, 'sum(t_total{namespace="n"})') == 10
    assert evaluate(store, 'sum(rate(t_total{namespace="n"}[1m]))') == 30
    assert evaluate(store, 'sum(t_total{namespace="m"})') is None


@pytest.mark.usefixtures("clock")
def test_series_of_a_target_that_is_gone_is_stale() -> None:
    store = Archive()
    store.add("a", [("m", {}, 1.0)])
    store.end([])
    assert evaluate(store, "sum(m)") is None


@pytest.mark.parametrize("text", ["up", "sum(a) + sum(b)", "avg(a)", "sum(rate(a))", 'sum(a{b=~"c"})', ""])
def test_other_queries_are_refused(text: str) -> None:
    with pytest.raises(UnknownQueryError):
        evaluate(Archive(), text)
