"""Admission: the controllers that change or refuse a write, one module each, found by their package.

A module has ``mutate(request)``, ``validate(request)`` or both, and says in ``RESOURCES`` which resources it sees (``*``: all).
"""

import pkgutil
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from conformance.simulator.objects import Obj

if TYPE_CHECKING:
    from conformance.simulator.api.registry import Registry
    from conformance.simulator.kinds import Kind


@dataclass
class Request:
    """A write that is about to happen; ``obj`` may be changed by ``mutate``."""

    registry: "Registry"
    kind: "Kind"
    operation: str
    """CREATE, UPDATE or DELETE."""
    namespace: str
    obj: Obj
    old: Obj | None
    sub: str
    user: str
    dry_run: bool = False
    warnings: list[str] = field(default_factory=list)

    @property
    def creates(self) -> bool:
        """Whether a whole object is created."""
        return self.operation == "CREATE"


@cache
def _modules() -> tuple[ModuleType, ...]:
    return tuple(import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))


def _run(step: str, request: Request) -> None:
    for module in _modules():
        seen = request.kind.resource in module.RESOURCES or "*" in module.RESOURCES
        if seen and hasattr(module, step):
            getattr(module, step)(request)


def mutate(request: Request) -> None:
    """Let every controller change the object."""
    _run("mutate", request)


def validate(request: Request) -> None:
    """Let every controller refuse the write."""
    _run("validate", request)
