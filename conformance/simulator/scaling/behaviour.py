"""What of a recommendation is carried out: stabilization windows and scaling policies, as ``autoscaling/v2`` describes them."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from conformance.simulator.objects import Obj

_UP: Obj = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_DOWN: Obj = {
    "stabilizationWindowSeconds": 300,
    "selectPolicy": "Max",
    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
}
KEPT = 3600.0
"""Seconds that a recommendation or a change may count; no window is longer."""
_FASTER = "the desired replica count is {}creasing faster than the maximum scale rate"
Moment = tuple[float, int]


def rules(spec: Obj, direction: str) -> Obj:
    """The rules of a direction (``scaleUp``, ``scaleDown``) with their defaults."""
    return {**(_UP if direction == "scaleUp" else _DOWN), **((spec.get("behavior") or {}).get(direction) or {})}


@dataclass(frozen=True)
class Decision:
    """Replicas, and the two conditions that tell how they came about: status, reason, message."""

    replicas: int
    able: tuple[str, str]
    limited: tuple[bool, str, str]


@dataclass
class History:
    """What one autoscaler has recommended and done."""

    recommended: list[Moment] = field(default_factory=list)
    added: list[Moment] = field(default_factory=list)
    removed: list[Moment] = field(default_factory=list)

    def did(self, before: int, after: int) -> None:
        """Remember a change."""
        (self.added if after > before else self.removed).append((time.monotonic(), abs(after - before)))

    def decide(self, spec: Obj, current: int, wanted: int) -> Decision:
        """What becomes of a recommendation."""
        now = time.monotonic()
        self._forget(now)
        stable = self._stabilize(spec, current, wanted, now)
        if stable == wanted:
            able = ("ReadyForNewScale", "recommended size matches current size")
        elif current <= wanted:
            able = (
                "ScaleUpStabilized",
                "recent recommendations were lower than current one, applying the lowest recent recommendation",
            )
        else:
            able = (
                "ScaleDownStabilized",
                "recent recommendations were higher than current one, applying the highest recent recommendation",
            )
        replicas, reason, message = self._limit(spec, current, stable, now)
        return Decision(replicas, able, (replicas != stable, reason, message))

    def _forget(self, now: float) -> None:
        for name in ("recommended", "added", "removed"):
            setattr(self, name, [entry for entry in getattr(self, name) if entry[0] > now - KEPT])

    def _stabilize(self, spec: Obj, current: int, wanted: int, now: float) -> int:
        if not self.recommended:
            self.recommended.append((now, current))
        windows = [rules(spec, side)["stabilizationWindowSeconds"] for side in ("scaleUp", "scaleDown")]
        lowest = min([wanted, *(n for moment, n in self.recommended if moment > now - windows[0])])
        highest = max([wanted, *(n for moment, n in self.recommended if moment > now - windows[1])])
        self.recommended.append((now, wanted))
        return min(max(current, lowest), highest)

    def _limit(self, spec: Obj, current: int, wanted: int, now: float) -> tuple[int, str, str]:
        if wanted > current:
            most, reason, words = spec["maxReplicas"], "TooManyReplicas", "more than the maximum replica count"
            message = f"the desired replica count is {words}"
            rate = max(self._allowed(rules(spec, "scaleUp"), current, now, up=True), current)
            if rate < most:
                most, reason, message = rate, "ScaleUpLimit", _FASTER.format("in")
            if wanted > most:
                return most, reason, message
        elif wanted < current:
            least, reason, words = spec.get("minReplicas", 1), "TooFewReplicas", "less than the minimum replica count"
            message = f"the desired replica count is {words}"
            rate = min(self._allowed(rules(spec, "scaleDown"), current, now, up=False), current)
            if rate > least:
                least, reason, message = rate, "ScaleDownLimit", _FASTER.format("de")
            if wanted < least:
                return least, reason, message
        return wanted, "DesiredWithinRange", "the desired count is within the acceptable range"

    def _allowed(self, chosen: Obj, current: int, now: float, *, up: bool) -> int:
        """The number of replicas that the policies let a change reach."""
        if chosen["selectPolicy"] == "Disabled":
            return current
        reached = []
        for policy in chosen["policies"]:
            since, value = now - policy["periodSeconds"], policy["value"]
            start = current - _sum(self.added, since) + _sum(self.removed, since)
            if policy["type"] == "Pods":
                reached.append(start + value if up else start - value)
            else:
                share = start * (1 + value / 100) if up else start * (1 - value / 100)
                reached.append(math.ceil(share) if up else int(share))
        farthest = up == (chosen["selectPolicy"] == "Max")
        return int(max(reached) if farthest else min(reached))


def _sum(changes: Iterable[Moment], since: float) -> int:
    return sum(count for moment, count in changes if moment > since)
