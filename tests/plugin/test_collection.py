"""Which items a run collects, in which order and under which names; and what it leaves alone."""

import subprocess
import sys
from typing import TYPE_CHECKING

from conformance import content, controller
from conformance.inventory import Inventory, Kind, NodeShare
from conformance.run.request import Request

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.plugin.conftest import Suite

KINDS = '''
@declare(variants="kinds", accelerators=1, longest=9)
def test_of_a_kind(kind, evidence):
    """Once per kind."""
    evidence.step("saw", observed=kind.id)
    evidence.grade(Grade.STATIC)

@declare(variants="dra_types")
def test_of_a_type(dra_type, evidence):
    """Once per type."""
    evidence.step("saw", observed=dra_type)
    evidence.grade(Grade.STATIC)

@declare(longest=99)
def test_alone(evidence):
    """Once."""
    evidence.grade(Grade.STATIC)
'''


def _kind(name: str, way: str) -> Kind:
    share = (NodeShare(name="node-a", devices=2, free=2),)
    return Kind(id=name, way=way, name="x.dev", model="S1", pool="", descriptor=None, device_class=None, nodes=share)


def test_a_check_runs_once_for_each_variant_the_longest_first(suite: "Suite") -> None:
    kinds = (_kind("dra-s1", "dra"), _kind("device-plugin-s1", "device-plugin"))
    suite.inventory = Inventory(kinds, "v1", ("deviceclasses",), 1, ())
    suite.write(KINDS)

    result = suite.run("-v")

    seen = {id_: record["steps"][0]["observed"] for id_, record in suite.records().items() if record["variant"]}
    assert seen == {
        "sample/of_a_kind[dra-s1]": "dra-s1",
        "sample/of_a_kind[device-plugin-s1]": "device-plugin-s1",
        "sample/of_a_type[deviceclasses]": "deviceclasses",
    }
    result.stdout.fnmatch_lines(["*test_alone PASSED*", "*test_of_a_kind*PASSED*", "*test_of_a_type*PASSED*"])


def test_variants_reach_workers_without_a_second_inventory(suite: "Suite") -> None:
    suite.inventory = Inventory((_kind("dra-s1", "dra"),), "v1", (), 1, ())
    suite.write(KINDS)

    suite.run("-n", "2")

    assert suite.records()["sample/of_a_kind[dra-s1]"]["verdict"] == "passed"


def test_listing_needs_no_cluster(suite: "Suite", monkeypatch: "pytest.MonkeyPatch") -> None:
    suite.write(KINDS)
    monkeypatch.setenv("KUBECONFIG", "/nowhere")

    result = suite.pytester.runpytest_inprocess(
        f"--config-file={suite.folder / 'pytest.toml'}",
        "-p",
        "no:cacheprovider",
        "--collect-only",
        "-q",
        str(suite.folder),
    )

    result.stdout.fnmatch_lines(["security/test_sample.py::test_of_a_kind", "*3 tests collected*"])


def test_a_folder_a_file_and_a_function_narrow_the_run(pytester: "pytest.Pytester") -> None:
    module = content.CHECKS / "security" / "test_secure_accelerator_access.py"
    for argument in (str(content.CHECKS / "security"), f"{module}::test_own_device_only"):
        config = pytester.parseconfig(f"--config-file={content.CHECKS / 'pytest.toml'}", argument)
        assert controller.narrower(config) == (argument,)
    config = pytester.parseconfig(f"--config-file={content.CHECKS / 'pytest.toml'}", str(content.CHECKS))
    assert controller.narrower(config) == ()


def test_options_become_the_request(pytester: "pytest.Pytester", tmp_path: "Path") -> None:
    words = [
        "--ai-kubeconfig=k",
        "--ai-profile=cncf-1.35",
        f"--ai-out={tmp_path}",
        "--ai-select=security",
        "-k",
        "not env",
    ]
    config = pytester.parseconfig(f"--config-file={content.CHECKS / 'pytest.toml'}", *words, str(content.CHECKS))

    request = controller.request_of(config)

    wanted = Request(out=tmp_path, kubeconfig="k", profile="cncf-1.35", select=("security",), keyword="not env")
    assert request == wanted
    assert request.partial


def test_a_run_that_cannot_start_is_one_line_and_a_usage_error(pytester: "pytest.Pytester") -> None:
    result = pytester.runpytest_inprocess(
        f"--config-file={content.CHECKS / 'pytest.toml'}",
        "-p",
        "no:cacheprovider",
        "--ai-profile=cncf-9",
        str(content.CHECKS),
    )

    assert result.ret == 4
    result.stderr.fnmatch_lines(["ERROR: *cncf-9*"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()


def test_other_peoples_runs_are_left_alone(pytester: "pytest.Pytester") -> None:
    pytester.makepyfile("""
        import sys

        def test_theirs(request):
            assert not request.config.pluginmanager.has_plugin("conformance.hooks")
            heavy = {"kubernetes", "yaml", "jsonschema", "aiohttp", "tabulate", "conformance.run.session"} & set(sys.modules)
            assert not heavy

        def test_has_none_of_our_fixtures(request):
            import pytest
            for name in ("cluster", "evidence", "sandbox", "kind", "settings"):
                with pytest.raises(pytest.FixtureLookupError):
                    request.getfixturevalue(name)
    """)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "conformance.plugin",
        "--strict-markers",
    ]

    done = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
