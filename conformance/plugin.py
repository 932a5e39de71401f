"""Options of the pytest plugin, and nothing else until a conformance run begins.

pytest loads this module in every run of the environment it is installed in. It is a list of options there; only the ini
file of the checks (``ai_conformance = true`` in ``checks/pytest.toml``) brings the hooks of ``conformance.hooks`` in.
"""

import importlib

import pytest

from conformance import options

ACTIVE = "ai_conformance"
HOOKS = "conformance.hooks"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options, all beginning with ``--ai-`` so that they meet nobody else's."""
    parser.addini(ACTIVE, "conformance checks: set in the suite's own pytest.toml, nowhere else", type="bool")
    add = parser.getgroup("ai-conformance", "AI conformance of a Kubernetes cluster").addoption
    add("--ai-select", metavar="WORD", action="append", default=[], help=options.SELECT)
    for table in (options.CLUSTER, options.RUN, options.SCHEDULING):
        options.add(table, add, "--ai-")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Become active in a run of the checks."""
    if config.getini(ACTIVE):
        config.pluginmanager.register(importlib.import_module(HOOKS), HOOKS)
