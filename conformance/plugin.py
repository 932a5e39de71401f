"""Options of the pytest plugin, and nothing else until a conformance run begins.

pytest loads this module in every run of the environment it is installed in. It stays a list of options there; only the ini
file of the checks (``ai_conformance = true`` in ``checks/pytest.toml``) brings the hooks of ``conformance.hooks`` in.
"""

import importlib

import pytest

ACTIVE = "ai_conformance"
HOOKS = "conformance.hooks"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options, all beginning with ``--ai-`` so that they meet nobody else's."""
    parser.addini(ACTIVE, "conformance checks: set in the suite's own pytest.toml, nowhere else", type="bool")
    add = parser.getgroup("ai-conformance", "AI conformance of a Kubernetes cluster").addoption
    add("--ai-kubeconfig", metavar="FILE", help="kubeconfig of the cluster (default: the usual rules)")
    add("--ai-context", metavar="NAME", help="context of the kubeconfig")
    add("--ai-profile", metavar="P", help="profile by name or file (default: by the version of the server)")
    add("--ai-out", metavar="DIR", help="folder for results and evidence (default: a new one)")
    add(
        "--ai-select", metavar="WORD", action="append", default=[], help="requirement, check, variant, section or level"
    )
    add("--ai-skip", metavar="WORD", action="append", default=[], help="the same words; reported as skipped")
    add("--ai-section", metavar="S", action="append", default=[], help="only checks of this section")
    add(
        "--ai-level",
        metavar="L",
        action="append",
        default=[],
        help="only requirements of this level: MUST, SHOULD, none",
    )
    add("--ai-variant", metavar="V", action="append", default=[], help="only this variant, such as an accelerator kind")
    add("--ai-namespace", metavar="NS", help="work inside this namespace instead of making own ones")
    add("--ai-keep", action="store_true", help="leave the objects of the checks in place")
    add("--ai-timeout-scale", metavar="F", type=float, default=1.0, help="factor on every limit")
    add("--ai-probe-image", metavar="IMAGE", help="image of the probe pods")
    add("--ai-registry", metavar="HOST", help="registry that replaces the one of every image")
    add("--ai-runtime-class", metavar="NAME", help="RuntimeClass of pods that hold an accelerator")
    add("--ai-impact", metavar="I", default="probe", help="observe, probe, contend or disrupt")
    add(
        "--ai-gang-solution",
        metavar="NAME",
        help="try this gang scheduler only, such as kueue (default: every one that is found)",
    )
    add(
        "--ai-local-queue",
        metavar="NAMESPACE/NAME",
        help="Kueue LocalQueue to use; gangs for Kueue run in its namespace",
    )
    add(
        "--ai-create-queues",
        action="store_true",
        help="let checks make queues of their own; their quota oversells accelerators of others' queues",
    )
    add(
        "--ai-gang-nodes",
        choices=["few", "all"],
        default="few",
        help="nodes on which gangs are tried; all takes every free accelerator of a kind",
    )
    add("--ai-node-pool", metavar="LABEL=VALUE", help="node pool that is to grow")
    add("--ai-allow-scale-up", action="store_true", help="let checks make the cluster add nodes, which may cost money")
    add("--ai-prometheus", metavar="URL", help="Prometheus as pods of the cluster reach it, for KEDA")
    add("--ai-queue-metric", metavar="NAME", help="name by which a metrics adapter serves the probe's queue depth")
    add(
        "--ai-token-metric", metavar="NAME", help="name by which a metrics adapter serves the probe's tokens per second"
    )
    add(
        "--ai-descriptor",
        metavar="FILE",
        action="append",
        default=[],
        help="descriptor of one more kind of accelerator",
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Become active in a run of the checks."""
    if config.getini(ACTIVE):
        config.pluginmanager.register(importlib.import_module(HOOKS), HOOKS)
