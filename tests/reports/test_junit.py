"""JUnit XML keeps the six verdicts apart and is well formed whatever a cluster says."""

import warnings
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from conformance.reports import junit
from conformance.verdicts import Verdict
from tests import samples
from tests.samples import profile, record, requirement


def cases(document: dict[str, Any]) -> dict[str, ET.Element]:
    root = ET.fromstring(junit.render(document))
    found = root.findall("testsuite/testcase")
    named = {str(case.get("name")): case for case in found}
    assert len(named) == len(found)
    return named


def test_every_verdict_has_its_own_shape(tmp_path: Path) -> None:
    records = [record(f"firm/{verdict}", verdict) for verdict in Verdict]

    found = cases(samples.document(profile(requirement("firm")), records, tmp_path))

    shapes = {}
    for name, case in found.items():
        results = [child for child in case if child.tag != "system-out"]
        shapes[name] = [(child.tag, str(child.get("message")).split(":")[0]) for child in results]
    assert shapes == {
        "firm.passed": [],
        "firm.failed": [("failure", "failed")],
        "firm.not_applicable": [("skipped", "not applicable")],
        "firm.unknown": [("skipped", "unknown")],
        "firm.unverified": [("error", "unverified")],
        "firm.skipped": [("skipped", "skipped")],
    }


@pytest.mark.parametrize("verdict", ["failed", "unverified", "unknown", "not_applicable", "skipped"])
def test_verdict_without_a_reason_is_no_pass(tmp_path: Path, verdict: str) -> None:
    found = cases(
        samples.document(profile(requirement("firm")), [record("firm/a", verdict, reason="", code="")], tmp_path)
    )

    assert [child.tag for child in found["firm.a"] if child.tag in ("failure", "error", "skipped")]


def test_names_are_requirement_check_and_variant(realistic: dict[str, Any]) -> None:
    assert list(cases(realistic))[:3] == [
        "secure_accelerator_access.own_device_only[dra-t1000]",
        "secure_accelerator_access.own_device_only[plugin-t1000]",
        "secure_accelerator_access.two_pods_get_different_devices[dra-t1000]",
    ]


def test_only_conformance_checks_are_cases_and_what_has_none_is_counted(realistic: dict[str, Any]) -> None:
    root = ET.fromstring(junit.render(realistic))
    properties = {p.get("name"): p.get("value") for p in root.iter("property")}

    records = [r for found in realistic["requirements"] for r in found["checks"]]
    assert len(root.findall("testsuite/testcase")) == len(records) == int(str(root.get("tests")))
    assert properties["outcome"] == "not_conformant"
    assert properties["requirements.unverified"] == "14"
    assert "gang_scheduling" in str(properties["requirements.not_covered"]).split()
    assert properties["requirement.gang_scheduling"] == "MUST unverified"


def test_totals_agree_with_the_cases(realistic: dict[str, Any]) -> None:
    suite = ET.fromstring(junit.render(realistic)).find("testsuite")

    assert suite is not None
    assert [suite.get(key) for key in ("failures", "errors", "skipped")] == ["1", "1", "2"]


def test_failure_carries_its_code_and_what_to_do(realistic: dict[str, Any]) -> None:
    failure = cases(realistic)["secure_accelerator_access.two_pods_get_different_devices[dra-t1000]"].find("failure")

    assert failure is not None
    assert failure.get("type") == "claims_share_a_device"
    assert "expected: two different devices" in str(failure.text)
    assert "hint: Look at" in str(failure.text)


def test_hostile_text_leaves_the_document_well_formed(hostile: dict[str, Any]) -> None:
    found = cases(hostile)

    assert len(found) == 2
    assert all(name.startswith("firm.") for name in found)
    assert "<script>" in str(next(iter(found.values())).find("failure").get("message"))  # type: ignore[union-attr]


def test_library_of_1_9_makes_no_warning(realistic: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")

        assert junit.render(realistic)
