"""Short series of what was scraped from pods, and the two questions that can be asked of them."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

KEPT = 900
"""Values kept of each series: some minutes at two scrapes a second."""
FORGOTTEN = 300.0
"""Seconds after which a target that is gone is forgotten."""
Labels = Mapping[str, str]


@dataclass
class Series:
    """One series of one target."""

    name: str
    labels: Labels
    values: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=KEPT))
    stale: bool = False

    def rate(self, window: float, now: float) -> float | None:
        """Growth per second within the window; a counter that falls has started anew."""
        seen = [(moment, value) for moment, value in self.values if moment >= now - window]
        if len(seen) < 1 + 1 or seen[-1][0] <= seen[0][0]:
            return None
        growth = sum(max(new - old, 0) if new >= old else new for (_, old), (_, new) in pairwise(seen))
        return growth / (seen[-1][0] - seen[0][0])


class Archive:
    """All series, by target."""

    def __init__(self) -> None:
        self._targets: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], Series]] = {}

    def add(self, target: str, samples: Iterable[tuple[str, Labels, float]]) -> None:
        """Take in one scrape of a target; series that are no longer there are stale."""
        moment, known = time.monotonic(), self._targets.setdefault(target, {})
        seen = set()
        for name, labels, value in samples:
            key = (name, tuple(sorted(labels.items())))
            seen.add(key)
            series = known.setdefault(key, Series(name, labels))
            series.values.append((moment, value))
            series.stale = False
        for key, series in known.items():
            series.stale = series.stale or key not in seen

    def end(self, targets: Iterable[str]) -> None:
        """Only these targets are still there."""
        alive, moment = set(targets), time.monotonic()
        for target in [target for target in self._targets if target not in alive]:
            every = self._targets[target].values()
            for series in every:
                series.stale = True
            if all(moment - series.values[-1][0] > FORGOTTEN for series in every):
                del self._targets[target]

    def names(self) -> set[str]:
        """Names of all series that are alive."""
        return {series.name for every in self._targets.values() for series in every.values() if not series.stale}

    def last(self, name: str, wanted: Labels) -> list[tuple[Labels, float]]:
        """The present values of series."""
        return [(s.labels, s.values[-1][1]) for s in self._find(name, wanted) if not s.stale]

    def rates(self, name: str, wanted: Labels, window: float) -> list[tuple[Labels, float]]:
        """The growth of counters per second."""
        moment = time.monotonic()
        found = [(s.labels, s.rate(window, moment)) for s in self._find(name, wanted)]
        return [(labels, rate) for labels, rate in found if rate is not None]

    def _find(self, name: str, wanted: Labels) -> Iterator[Series]:
        for every in self._targets.values():
            for series in every.values():
                if series.name == name and all(series.labels.get(key) == value for key, value in wanted.items()):
                    yield series
