"""Where a kind gets its defaults and rules: functions that announce themselves, one module per topic, found by their package.

A new rule is a new function in a module of this package; nothing lists it.
"""

import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module

from conformance.simulator.api.errors import Cause
from conformance.simulator.objects import Obj

Default = Callable[[Obj], None]
Rule = Callable[[Obj, Obj | None], list[Cause]]

_defaults: dict[str, list[Default]] = {}
_rules: dict[str, list[Rule]] = {}


def defaults(*resources: str) -> Callable[[Default], Default]:
    """Announce a function that fills in what the client left out; it changes the object."""

    def announce(function: Default) -> Default:
        for resource in resources:
            _defaults.setdefault(resource, []).append(function)
        return function

    return announce


def validates(*resources: str) -> Callable[[Rule], Rule]:
    """Announce a rule: it gets the object and, on an update, the object before, and says what is wrong."""

    def announce(function: Rule) -> Rule:
        for resource in resources:
            _rules.setdefault(resource, []).append(function)
        return function

    return announce


@cache
def _load() -> None:
    package = import_module("conformance.simulator.kinds")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        import_module(module.name)


def apply_defaults(resource: str, obj: Obj) -> None:
    """Fill in an object of a resource."""
    _load()
    for function in _defaults.get(resource, ()):
        function(obj)


def problems(resource: str, obj: Obj, old: Obj | None) -> list[Cause]:
    """What the rules of a resource find wrong."""
    _load()
    return [cause for rule in (*_rules.get("*", ()), *_rules.get(resource, ())) for cause in rule(obj, old)]
