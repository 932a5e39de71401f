"""The controllers of the simulated cluster: one class each, in modules of this package that are found by themselves.

A new controller is a new module with a subclass of ``base.Controller``; nothing lists it.
"""

import pkgutil
from importlib import import_module

from conformance.simulator.controllers.base import Controller


def every() -> list[type[Controller]]:
    """All controller classes, in order of their names."""
    for found in pkgutil.iter_modules(__path__):
        import_module(f"{__name__}.{found.name}")
    return sorted(Controller.__subclasses__(), key=lambda kind: kind.__name__)
