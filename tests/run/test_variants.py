"""A check of a solution runs with each accelerator kind over all its nodes, and holds that kind on every node."""

from dataclasses import replace
from pathlib import Path

import pytest

from conformance.catalogue import CheckInfo
from conformance.declaration import CheckSpec, Variants
from conformance.errors import UsageError
from conformance.inventory import Inventory, Kind, NodeShare, Solution
from conformance.run.plan import Planned, expand
from conformance.run.request import check_form, check_url
from conformance.run.session import _chosen_gang
from conformance.verdicts import Decides

NODES = tuple(NodeShare(name=name, devices=2, free=2) for name in ("node-a", "node-b"))


def _kind(way: str) -> Kind:
    return Kind(
        id=f"{way}-s1", way=way, name="x.dev", model="S1", pool="", descriptor=None, device_class=None, nodes=NODES
    )


def _solution(family: str, name: str) -> Solution:
    return Solution(family=family, id=name, title=name.capitalize(), alive=True, seen="it is there")


FOUND = (_solution("gang", "native"), _solution("gang", "kueue"), _solution("autoscaler", "karpenter"))


def _inventory(*ways: str, solutions: tuple[Solution, ...] = FOUND) -> Inventory:
    made = Inventory(tuple(map(_kind, ways)), "v1", (), 2, (), solutions=solutions)
    return made.by_node()[0]


def _planned(variants: Variants, inventory: Inventory) -> dict[str | None, Planned]:
    needs = {"dra": ("create claims",), "kueue": ("create queues",), "native": ("create podgroups",)}
    spec = CheckSpec(
        decides=Decides.PROGRAMME,
        needs=("create pods",),
        longest=1,
        why_longest="",
        way_needs=needs,
        accelerators=2,
        variants=variants,
    )
    info = CheckInfo(requirement="gang", name="whole", section="s", path=Path("x"), title="", text="", spec=spec)
    return {entry.variant: entry for entry in expand([info], inventory)}


def test_every_kind_is_tried_with_every_solution_of_the_family() -> None:
    assert set(_planned("gang", _inventory("dra", "device-plugin"))) == {
        f"{way}-s1+{solution}" for way in ("dra", "device-plugin") for solution in ("native", "kueue")
    }


def test_a_variant_holds_its_kind_on_all_nodes_and_asks_only_for_what_its_way_and_solution_need() -> None:
    found = _planned("gang", _inventory("dra", "device-plugin"))["dra-s1+kueue"]

    assert found is not None
    assert found.locks == ("dra-s1@node-a", "dra-s1@node-b")
    assert found.needs == ("create pods", "create claims", "create queues")


def test_without_an_accelerator_gangs_are_tried_with_processors_and_metrics_not_at_all() -> None:
    assert set(_planned("gang", _inventory())) == {"cpu+native", "cpu+kueue"}
    assert _planned("gang", _inventory())["cpu+native"].locks == ("cpu",), "gangs of processors keep apart"
    assert set(_planned("metrics", _inventory())) == {None}


def test_what_the_one_scheduler_does_is_tried_once_for_a_kind_by_dra_and_holds_it_on_all_nodes() -> None:
    found = _planned("dra_pools", _inventory("dra", "device-plugin"))

    assert set(found) == {"dra-s1"}
    assert found["dra-s1"].locks == ("dra-s1@node-a", "dra-s1@node-b")
    assert set(_planned("dra_pools", _inventory("device-plugin"))) == {None}, "one record is owed all the same"


def test_without_a_solution_one_record_is_owed() -> None:
    assert set(_planned("gang", _inventory("dra", solutions=()))) == {None}


def test_an_autoscaler_is_a_variant_of_its_own_and_holds_every_kind() -> None:
    found = _planned("autoscalers", _inventory("dra"))

    assert set(found) == {"karpenter"}
    assert found["karpenter"].locks == ("dra-s1@node-a", "dra-s1@node-b")


def test_an_inventory_with_solutions_survives_its_way_to_a_worker() -> None:
    inventory = _inventory("dra", "device-plugin")

    assert Inventory.from_json(inventory.to_json()) == inventory


def test_one_gang_scheduler_can_be_chosen_and_others_stay_out() -> None:
    assert [s.id for s in _chosen_gang(FOUND, "kueue")] == ["kueue", "karpenter"]
    assert _chosen_gang(FOUND, None) == FOUND
    with pytest.raises(UsageError, match="--gang-solution kueu: not found on this cluster; did you mean 'kueue'"):
        _chosen_gang(FOUND, "kueu")


@pytest.mark.parametrize("value", ["queue", "/queue", "ns/", ""])
def test_a_queue_without_namespace_or_name_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="want NAMESPACE/NAME"):
        check_form("--local-queue", value, "NAMESPACE/NAME")


def test_labels_with_a_slash_are_node_pools_and_only_http_is_a_url() -> None:
    assert check_form("--node-pool", "cloud.google.com/gke-nodepool=a", "LABEL=VALUE")
    assert check_url("--prometheus", "http://prometheus.monitoring:9090/base")
    for value in ("prometheus:9090", "file:///etc/passwd", "http:///x", "http://a b"):
        with pytest.raises(UsageError, match="want a URL"):
            check_url("--prometheus", value)


def _share(name: str, strategy: str, *, driver: str = "x.dev") -> Kind:
    return replace(_kind("dra"), id=f"{name}+{strategy}", strategy=strategy, name=driver, nodes=NODES[:1])


def test_partitions_and_whole_devices_of_one_driver_are_held_together_and_others_are_not() -> None:
    shares = (
        _share("dra-s1-4gi", "partitions"),
        _share("dra-s1", "shared-claim"),
        _share("dra-multi", "consumable-capacity"),
        _share("dra-other-4gi", "partitions", driver="other.dev"),
    )
    whole = tuple(replace(_kind("dra"), id=name, nodes=NODES[:1]) for name in ("dra-s1", "dra-s2"))
    found = _planned("shares", Inventory(whole, "v1", (), 1, (), shares=shares).by_node()[0])
    locks = {name: set(entry.locks) for name, entry in found.items()}
    assert locks == {
        "dra-s1-4gi+partitions": {"dra-s1-4gi", "dra-s1", "dra-s2", "dra-multi"},
        "dra-s1+shared-claim": {"dra-s1", "dra-s1-4gi"},
        "dra-multi+consumable-capacity": {"dra-multi", "dra-s1-4gi"},
        "dra-other-4gi+partitions": {"dra-other-4gi"},
    }
