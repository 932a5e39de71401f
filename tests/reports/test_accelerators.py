"""Whole devices and shares of devices stand in results and reports, each with what is known of it."""

from pathlib import Path
from typing import Any

import pytest

from conformance import reports
from conformance.inventory import Inventory, Kind, NodeShare
from conformance.reports import markdown, wording
from conformance.results import ResultsError
from conformance.run import document
from tests import samples
from tests.samples import profile, record, requirement


def _kind(name: str, strategy: str = "", *, free: int | None = 3, physical: int | None = None) -> Kind:
    nodes = (NodeShare(name="node-a", devices=4, free=free, physical=physical),)
    return Kind(
        id=name,
        way="dra",
        name="x.dev",
        model="T1",
        pool="",
        descriptor=None,
        device_class=None,
        nodes=nodes,
        strategy=strategy,
    )


def _results(tmp_path: Path, *kinds: Kind) -> dict[str, Any]:
    entries = [document._accelerator(kind) for kind in kinds]
    head = samples.header()
    head["cluster"] |= {"accelerators": entries}
    return samples.document(profile(requirement("firm")), [record("firm/one")], tmp_path, head=head)


def test_shares_are_counted_as_shares_with_the_devices_behind_them(tmp_path: Path) -> None:
    found = _results(tmp_path, _kind("dra-t1"), _kind("dra-t1-4gi+partitions", "partitions", physical=2))
    assert wording.accelerators(found) == [
        "T1 by DRA (x.dev): 1 nodes, 4 devices, 3 free",
        "T1 by DRA (x.dev, partitions): 1 nodes, 4 shares, 3 free, of 2 devices",
    ]
    for text in (reports.terminal(found, 100), markdown.render(found)):
        assert "4 shares, 3 free, of 2 devices" in text.replace("\\", "")


def test_virtual_devices_are_counted_as_devices(tmp_path: Path) -> None:
    found = _results(tmp_path, _kind("dra-t1+virtual", "virtual"))
    assert wording.accelerators(found) == ["T1 by DRA (x.dev, virtual): 1 nodes, 4 devices, 3 free"]


def test_what_is_free_is_unknown_where_it_was_not_seen(tmp_path: Path) -> None:
    found = _results(tmp_path, _kind("dra-t1", free=None))
    assert wording.accelerators(found) == ["T1 by DRA (x.dev): 1 nodes, 4 devices, unknown number free"]


def test_a_result_with_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    head = samples.header()
    head["cluster"]["accelerators"] = [{"id": "dra-t1", "devices": "many"}]
    with pytest.raises(ResultsError):
        samples.document(profile(requirement("firm")), [record("firm/one")], tmp_path, head=head)


def test_a_run_knows_shares_over_all_their_nodes_and_no_shared_claims() -> None:
    shares = (_kind("dra-t1+shared-claim", "shared-claim"), _kind("dra-t1-4gi+partitions", "partitions"))
    tried, _ = Inventory((_kind("dra-t1"),), "v1", (), 1, (), shares=shares).by_node()
    told = document.accelerators(tried)
    assert [entry["id"] for entry in told] == ["dra-t1", "dra-t1-4gi+partitions"]
