"""Results documents that the reports are tried on."""

from pathlib import Path
from typing import Any

import pytest

from conformance import profiles
from tests import samples
from tests.samples import profile, record, requirement, step

HOSTILE = (
    "`x`` <script>alert(1)</script> | a | [evil](https://evil.example) ![i](http://x) @everyone "
    "www.evil.example \n# head\n- item\r\x00\x1b[31mred\x1b[0m \u202etxet &lt; *b* _i_ ~~s~~ $m$ \\ \ud800 \uffff ]]> --> 1. x"
)
"""What a cluster might put into a name or message."""


@pytest.fixture
def realistic(tmp_path: Path) -> dict[str, Any]:
    return samples.realistic(tmp_path, judged_by=profiles.load("cncf-1.37"))


@pytest.fixture
def conformant(tmp_path: Path) -> dict[str, Any]:
    return samples.document(profile(requirement("firm")), [record("firm/one", steps=[step("look")])], tmp_path)


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, Any]:
    """Results in which every text that may come from a cluster or a user is hostile."""
    texts = dict.fromkeys(("title", "text", "code", "reason", "observed", "expected", "hint"), HOSTILE)
    steps = [
        step(HOSTILE, observed=HOSTILE, expected=HOSTILE, object=HOSTILE, facts={HOSTILE: HOSTILE}, artefacts=[HOSTILE])
    ]
    records = [
        record(f"firm/one[{HOSTILE}]", "failed", **{**texts, "leftovers": [HOSTILE], "steps": steps}),
        record(f"firm/two[{HOSTILE}]", "unknown", **{**texts, "observed": ""}),
    ]
    found = samples.document(profile(requirement("firm", title=HOSTILE, text=HOSTILE)), records, tmp_path)
    kind = {"title": HOSTILE, "way": HOSTILE, "nodes": HOSTILE}
    cluster = found["cluster"] | {"server": HOSTILE, "context": HOSTILE, "version": HOSTILE, "accelerators": [kind]}
    return found | {
        "cluster": cluster,
        "notices": [HOSTILE],
        "profile_title": HOSTILE,
        "profile": HOSTILE,
        "run_id": HOSTILE,
    }
