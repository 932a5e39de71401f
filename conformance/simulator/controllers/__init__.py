"""The controllers of the simulated cluster: one class each, in modules of this package that are found by themselves.

A new controller is a new module with a subclass of ``base.Controller``; nothing lists it.
"""

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from conformance.simulator.controllers.base import Controller


def every() -> list[type[Controller]]:
    """All controller classes of these modules, in order of their names."""
    for found in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{found.name}")
    own = (kind for kind in _kinds(Controller) if kind.__module__.startswith(f"{__name__}."))
    return sorted(own, key=lambda kind: kind.__name__)


def _kinds(base: type[Controller]) -> Iterator[type[Controller]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)
