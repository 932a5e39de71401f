"""What a user names is what runs; what does not exist is said with the nearest word that does."""

from pathlib import Path
from typing import Any

import pytest

from conformance import catalogue
from conformance.errors import UsageError
from conformance.inventory import Inventory, Kind, NodeShare
from conformance.run import preflight, selection
from conformance.run.keyword import compile_keyword
from conformance.run.plan import Planned, expand, id_of_node
from conformance.run.request import Request, default_out
from conformance.verdicts import Impact, Verdict

SHARE = (NodeShare(name="node-a", devices=2, free=2),)
KINDS = tuple(
    Kind(id=f"{way}-s1", way=way, name="x.dev", model="S1", pool="", descriptor=None, device_class=None, nodes=SHARE)
    for way in ("dra", "device-plugin")
)
INVENTORY = Inventory(KINDS, "v1", ("deviceclasses", "resourceclaims"), 1, ())
WORDS = selection.Vocabulary(
    checks=catalogue.load(),
    levels={"secure_accelerator_access": "MUST", "gang_scheduling": "MUST", "ai_inference": "MUST"},
)

WITHOUT_LEVEL = {info.requirement for info in WORDS.checks} - set(WORDS.levels)


def _plan() -> list[Planned]:
    return expand(catalogue.load(), INVENTORY)


def _chosen(**asked: Any) -> list[Planned]:
    return selection.choose(_plan(), Request(out=Path("x"), **asked), WORDS)


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ({"select": ("secure_accelerator_acces",)}, "did you mean 'secure_accelerator_access'"),
        ({"select": ("dra_support/type_is_usabel",)}, "did you mean 'dra_support/type_is_usable'"),
        ({"select": ("zzz",)}, "`ai-conformance checks` lists"),
        ({"select": ("dra_support/type_is_usable[pods]",)}, "there are dra_support/type_is_usable[deviceclasses]"),
        ({"skip": ("nothing",)}, "no requirement, check, section or level 'nothing'"),
        ({"sections": ("securty",)}, "did you mean 'security'"),
        ({"levels": ("MAY",)}, "no level 'MAY'"),
        ({"variants": ("dra-s2",)}, "did you mean 'dra-s1'"),
        ({"keyword": "a and"}, "a word is wanted at the end"),
        ({"keyword": "(a"}, "not closed"),
        ({"keyword": "a b"}, "'b' is not expected"),
        ({"keyword": "or a"}, "a word is wanted before 'or'"),
    ],
)
def test_what_does_not_exist_is_refused_with_a_cure(asked: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError) as caught:
        _chosen(**asked)

    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "requirements"),
    [
        ({}, {"secure_accelerator_access", "dra_support", "gang_scheduling"}),
        ({"select": ("MUST",)}, {"secure_accelerator_access", "gang_scheduling"}),
        ({"select": ("ai_inference",)}, set()),
        ({"sections": ("accelerators",)}, {"dra_support"}),
        ({"levels": ("none",)}, WITHOUT_LEVEL),
        ({"select": ("security", "dra_support/type_is_usable")}, {"secure_accelerator_access", "dra_support"}),
        ({"keyword": "sibling or usable and not deviceclasses"}, {"secure_accelerator_access", "dra_support"}),
    ],
)
def test_words_choose(asked: dict[str, Any], requirements: set[str]) -> None:
    assert {entry.requirement for entry in _chosen(**asked)} == requirements


def test_a_variant_can_be_named_in_both_ways() -> None:
    one = _chosen(select=("secure_accelerator_access/own_device_only[dra-s1]",))
    kind = _chosen(variants=("dra-s1",))

    assert [entry.id for entry in one] == ["secure_accelerator_access/own_device_only[dra-s1]"]
    assert {entry.variant for entry in kind} == {"dra-s1"}


def test_what_is_left_out_by_name_stays_in_sight() -> None:
    plan = _chosen(skip=("secure_accelerator_access",))

    left = [entry for entry in plan if entry.withheld]
    assert {entry.requirement for entry in left} == {"secure_accelerator_access"}
    assert {entry.withheld.verdict for entry in left if entry.withheld} == {Verdict.SKIPPED}


def test_a_check_of_too_much_impact_is_skipped_with_the_cure() -> None:
    withheld = _chosen(impact=Impact.OBSERVE)[0].withheld

    assert withheld is not None
    assert "--impact probe includes it" in withheld.reason


def test_a_missing_permission_makes_unknown_and_names_the_verb() -> None:
    plan = _chosen(select=("secure_accelerator_access/own_device_only",))
    allowed = dict.fromkeys(preflight.needs_of(plan, None), True) | {"create pods": False}

    withheld = [entry.withheld for entry in preflight.apply(plan, allowed, None)]

    assert all(held and (held.verdict, held.code) == (Verdict.UNKNOWN, "forbidden") for held in withheld)
    assert all(held and "may not create pods;" in held.reason for held in withheld)


def test_with_a_namespace_given_none_has_to_be_made() -> None:
    plan = _chosen(select=("secure_accelerator_access/own_device_only",))

    assert "create namespaces" in preflight.needs_of(plan, None)
    assert "create namespaces" not in preflight.needs_of(plan, "shared")


def test_every_check_locks_the_accelerators_that_it_holds() -> None:
    for entry in _plan():
        assert bool(entry.locks) == bool(entry.accelerators)
        if entry.variant in ("dra-s1", "device-plugin-s1") and entry.accelerators:
            assert entry.locks == (entry.variant,)


def test_the_plan_survives_its_way_to_a_worker() -> None:
    plan = _chosen(skip=("dra_support",))

    assert [Planned.from_json(entry.to_json()) for entry in plan] == plan


@pytest.mark.parametrize(
    ("node", "record"),
    [
        ("security/test_a_b.py::test_c_d[v-1]", "a_b/c_d[v-1]"),
        ("test_a.py::test_b", "a/b"),
        ("x/test_a.py", "a/"),
        ("x/test_a_b__more.py::test_c[v]", "a_b/c[v]"),
    ],
)
def test_a_record_id_comes_from_the_node_id(node: str, record: str) -> None:
    assert id_of_node(node) == record


@pytest.mark.parametrize(
    ("expression", "text", "matches"),
    [
        ("", "x", True),
        ("A", "bar", True),
        ("not a", "bar", False),
        ("(a or b) and not c", "bc", False),
        ("not (a or c)", "b", True),
    ],
)
def test_keyword_expressions(expression: str, text: str, *, matches: bool) -> None:
    assert compile_keyword(expression)(text) is matches


def test_the_default_folder_is_always_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = default_out()
    first.mkdir()

    assert default_out() != first
