"""The two metrics by which inference is scaled: requests that wait, and tokens per second (names as vLLM has them)."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Signal:
    """One metric of the probe servers, as an autoscaler can use it."""

    title: str
    series: str
    """Name on the servers' own metrics page, and in a Prometheus."""
    name: str
    """Name under which an adapter serves it."""
    rate: bool
    """Whether the series is a counter whose growth per second is the metric."""
    target: int
    """Average for each pod that the autoscaler aims at."""
    option: str
    """Option of the command that names another metric."""
    ours: bool = True
    """Whether it is what the servers expose, with their labels, and no metric that the user names."""

    def named(self, other: str | None) -> "Signal":
        """The same under a name that the user gives: a metric that is served already, and no counter any more."""
        return replace(self, series=other, name=other, rate=False, ours=False) if other else self

    def query(self, namespace: str, window: int, model: str = "") -> str:
        """PromQL for the sum over a namespace, of servers of this model alone; growth is taken over ``window`` seconds."""
        own = f',model_name="{model}"' if model and self.ours else ""
        chosen = f'{self.series}{{namespace="{namespace}"{own}}}'
        return f"sum(rate({chosen}[{window}s]))" if self.rate else f"sum({chosen})"


QUEUE_DEPTH = Signal(
    title="queue depth",
    series="vllm:num_requests_waiting",
    name="vllm_num_requests_waiting",
    rate=False,
    target=2,
    option="--queue-metric",
)
TOKEN_RATE = Signal(
    title="tokens per second",
    series="vllm:generation_tokens_total",
    name="vllm_generation_tokens_per_second",
    rate=True,
    target=20,
    option="--token-metric",
)
