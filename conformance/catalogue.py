"""The list of checks, read from the check modules without running pytest or touching a cluster.

``checks``, ``explain``, the documentation, the plan and the completeness test all read this one list.
"""

import importlib.util
import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

from conformance import content
from conformance.declaration import CheckSpec


@dataclass(frozen=True, kw_only=True)
class CheckInfo:
    """One check as people see it."""

    requirement: str
    name: str
    section: str
    path: Path
    title: str
    """First line of the docstring: the state in which the check passes."""
    text: str
    """Rest of the docstring: why it matters, how it is proven, how to fix it."""
    spec: CheckSpec

    @property
    def id(self) -> str:
        """``requirement/check``."""
        return f"{self.requirement}/{self.name}"


def requirement_of(module: str) -> str:
    """Requirement id from the name of a module; what follows two underscores is its part of a long requirement."""
    return module.removesuffix(".py").removeprefix("test_").partition("__")[0]


def identify(path: Path, function_name: str) -> tuple[str, str, str]:
    """Section, requirement id and check name from the place of a check."""
    return path.parent.name, requirement_of(path.name), function_name.removeprefix("test_")


def _import(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"conformance_checks_{path.parent.name}_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def describe(path: Path, name: str, function: object) -> CheckInfo | None:
    """Entry for one function, or None where it is no declared check."""
    spec = getattr(function, "conformance_check", None)
    if not isinstance(spec, CheckSpec):
        return None
    section, requirement, check_name = identify(path, name)
    title, _, text = inspect.cleandoc(getattr(function, "__doc__", None) or "").partition("\n")
    return CheckInfo(
        requirement=requirement,
        name=check_name,
        section=section,
        path=path,
        title=title.strip(),
        text=text.strip(),
        spec=spec,
    )


def _entries(path: Path) -> Iterator[CheckInfo]:
    for name, function in vars(_import(path)).items():
        if name.startswith("test_") and (info := describe(path, name, function)):
            yield info


@cache
def load() -> tuple[CheckInfo, ...]:
    """Every check of the suite, in the order of sections and modules."""
    return tuple(info for path in sorted(content.CHECKS.glob("*/test_*.py")) for info in _entries(path))
