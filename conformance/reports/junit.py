"""JUnit XML for CI systems: one test case per check variant, with names that stay the same from run to run.

The junit-xml package is used here and nowhere else. It drops characters that XML forbids only after encoding, too late for
some of them, so every text is made printable before it gets there.
"""

from typing import Any

import junit_xml

from conformance.reports import wording
from conformance.reports.wording import Entry, human, plain

_SUITE = "kube-ai-conformance"


def render(document: Entry) -> str:
    """The XML document; warnings about the results stand in its second line."""
    cases = [_case(requirement, record) for requirement in document["requirements"] for record in requirement["checks"]]
    suite = junit_xml.TestSuite(
        _SUITE, cases, id=plain(document["run_id"]), timestamp=document["started"], properties=_properties(document)
    )
    text: str = junit_xml.to_xml_report_string([suite])
    declaration, _, rest = text.partition("?>")
    warnings = " ".join(wording.warnings(document)).replace("--", "- -")
    return f"{declaration}?>\n<!-- {warnings} -->{rest}" if warnings else text


def name(record: Entry) -> str:
    """``requirement.check[variant]``."""
    return plain(record["id"]).replace("/", ".", 1)


def _properties(document: Entry) -> dict[str, str]:
    properties: dict[str, Any] = {
        "outcome": document["outcome"],
        "complete": str(document["complete"]).lower(),
        "partial": str(document["partial"]).lower(),
        "simulated": str(document["cluster"]["simulated"]).lower(),
        "profile": document["profile"],
        "suite_version": document["suite_version"],
        "kubernetes": document["cluster"]["version"],
        "leftovers": len(document["leftovers"]),
        "requirements.not_covered": " ".join(wording.not_covered(document["requirements"])),
        **{f"requirements.{verdict}": number for verdict, number in document["counts"].items()},
        **{f"requirement.{r['id']}": f"{r['level']} {r['verdict']}" for r in document["requirements"]},
    }
    return {plain(key): plain(value) for key, value in properties.items()}


def _case(requirement: Entry, record: Entry) -> junit_xml.TestCase:
    case = junit_xml.TestCase(
        name(record),
        classname=f"conformance.{plain(requirement['section'])}",
        elapsed_sec=record["duration_seconds"],
        timestamp=record["started"],
        stdout=_account(requirement, record),
    )
    verdict = record["verdict"]
    message = plain(f"{human(verdict)}: {record['reason'] or record['code'] or 'no reason was given'}")
    if verdict == "failed":
        case.add_failure_info(message, _advice(record), plain(record["code"]) or None)
    elif verdict == "unverified":
        case.add_error_info(message, _advice(record), plain(record["code"]) or None)
    elif verdict != "passed":
        case.add_skipped_info(message)
    return case


def _advice(record: Entry) -> str:
    fields = (("wanted", record["title"]), *((key, record[key]) for key in ("observed", "expected", "hint")))
    return "\n".join(f"{key}: {plain(value)}" for key, value in fields if value)


def _account(requirement: Entry, record: Entry) -> str:
    """Title, grade and steps, as text."""
    grade = f", evidence {record['grade']}" if record["grade"] else ""
    lines = [f"{record['title']} [{requirement['level']}, decides {record['decides']}{grade}]"]
    lines += [f"passed {remark}" for remark in wording.remarks(record) if "attempt" in remark]
    lines += [f"{step['time']} {step['action']}: {step['observed']}" for step in record["steps"]]
    return "\n".join(plain(line) for line in lines)
