"""Kueue's configuration, read from its ConfigMap as its program reads it."""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from conformance.simulator.api.registry import Registry
from conformance.simulator.kueue import CONFIG, CONFIG_KEY, NAMESPACE
from conformance.simulator.objects import dig

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DEFAULT_TIMEOUT, _DEFAULT_BASE, _DEFAULT_MOST = "5m", 60, 3600


@dataclass(frozen=True)
class Config:
    """What matters here of the configuration."""

    timeout: float | None = None
    """Seconds for an admitted workload to get its pods ready; None where nobody waits for that."""
    blocks: bool = False
    """Whether nothing is admitted while an admitted workload is not ready."""
    base: float = _DEFAULT_BASE
    most: float = _DEFAULT_MOST
    mappings: tuple[tuple[str, str], ...] = ()
    """Device class and name of its quota."""

    def back_off(self, count: int) -> float:
        """Seconds until a workload that was evicted so many times is queued again."""
        return min(self.base * float(2 ** (count - 1)), self.most)


def read(registry: Registry) -> Config:
    """The configuration as it is now."""
    found = registry.find("configmaps", NAMESPACE, CONFIG)
    data: Any = yaml.safe_load(dig(found, "data", CONFIG_KEY, default=""))
    waits, strategy = dig(data, "waitForPodsReady"), dig(data, "waitForPodsReady", "requeuingStrategy")
    return Config(
        timeout=None if waits is None else seconds(dig(waits, "timeout", default=_DEFAULT_TIMEOUT)),
        blocks=bool(dig(waits, "blockAdmission", default=False)),
        base=float(dig(strategy, "backoffBaseSeconds", default=_DEFAULT_BASE)),
        most=float(dig(strategy, "backoffMaxSeconds", default=_DEFAULT_MOST)),
        mappings=tuple(
            (device_class, mapping["name"])
            for mapping in dig(data, "resources", "deviceClassMappings", default=[])
            for device_class in mapping["deviceClassNames"]
        ),
    )


def seconds(text: str) -> float:
    """A duration as Go writes it."""
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def without_waiting(text: str) -> str:
    """The same configuration for a program that does not wait for pods."""
    data = yaml.safe_load(text)
    data.pop("waitForPodsReady", None)
    return yaml.safe_dump(data, sort_keys=False)
