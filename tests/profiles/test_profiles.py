"""Profiles say what each version of the programme asks; a user's own is checked as strictly."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance import profiles
from conformance.errors import ConfigurationError, ExitCode, UsageError

TABLE = {
    "dra_support": ("accelerators", "SHOULD MUST MUST - -"),
    "driver_runtime_management": ("accelerators", "- - SHOULD SHOULD SHOULD"),
    "gpu_sharing": ("accelerators", "- - SHOULD SHOULD SHOULD"),
    "virtualized_accelerator": ("accelerators", "- - SHOULD SHOULD SHOULD"),
    "ai_inference": ("networking", "MUST MUST MUST MUST MUST"),
    "advanced_inference_ingress": ("networking", "- - - SHOULD SHOULD"),
    "high_performance_networking": ("networking", "- - - SHOULD SHOULD"),
    "disaggregated_inference": ("networking", "- - - SHOULD SHOULD"),
    "gang_scheduling": ("schedulingOrchestration", "MUST MUST MUST MUST MUST"),
    "cluster_autoscaling": ("schedulingOrchestration", "MUST MUST MUST MUST MUST"),
    "pod_autoscaling": ("schedulingOrchestration", "MUST MUST MUST MUST MUST"),
    "accelerator_metrics": ("observability", "MUST MUST MUST MUST MUST"),
    "ai_service_metrics": ("observability", "MUST MUST MUST MUST MUST"),
    "secure_accelerator_access": ("security", "MUST MUST MUST MUST MUST"),
    "workload_sandboxing": ("security", "- - - - SHOULD"),
    "robust_controller": ("operator", "MUST MUST MUST MUST MUST"),
}
VERSIONS = ("1.33", "1.34", "1.35", "1.36", "1.37")
CHECKLISTS = Path(__file__).parents[3] / "shared" / "cncf" / "checklists"
CONDITIONAL = {
    "cluster_autoscaling",
    "pod_autoscaling",
    "gpu_sharing",
    "virtualized_accelerator",
    "high_performance_networking",
}


def write(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def refusal(path: Path | str) -> str:
    with pytest.raises((ConfigurationError, UsageError)) as caught:
        profiles.load(path)

    assert caught.value.exit_code is ExitCode.USAGE
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("column", "version"), list(enumerate(VERSIONS)))
def test_profile_has_the_ids_sections_and_levels_of_its_version_in_order(column: int, version: str) -> None:
    wanted = [(id_, section, levels.split()[column]) for id_, (section, levels) in TABLE.items()]

    found = [(r.id, r.section, r.level) for r in profiles.load(f"cncf-{version}").requirements]

    assert found == [entry for entry in wanted if entry[2] != "-"]


@pytest.mark.parametrize("version", VERSIONS)
def test_profile_agrees_with_the_official_checklist_where_that_is_at_hand(version: str) -> None:
    path = CHECKLISTS / f"AIConformance-{version}.yaml"
    if not path.is_file():
        pytest.skip("the official checklists do not lie beside this checkout; the table above stands for them")
    spec: dict[str, list[dict[str, Any]]] = yaml.safe_load(path.read_text())["spec"]
    official = [(item["id"], section, item["level"]) for section, items in spec.items() for item in items]

    requirements = profiles.load(f"cncf-{version}").requirements

    assert [(r.id, r.section, r.level) for r in requirements] == official
    theirs = {item["id"]: item["description"] for items in spec.values() for item in items}
    assert [r.id for r in requirements if r.text in theirs[r.id] or theirs[r.id] in r.text] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_profile_is_named_like_its_file_and_its_version(version: str) -> None:
    profile = profiles.load(f"cncf-{version}")

    assert (profile.id, profile.kubernetes) == (f"cncf-{version}", version)
    assert version in profile.title


def test_only_what_the_programme_words_as_a_condition_is_conditional() -> None:
    conditional = {r.id for v in VERSIONS for r in profiles.load(f"cncf-{v}").requirements if r.conditional}

    assert conditional == CONDITIONAL


def test_requirement_without_a_document_of_the_programme_is_ai_inference_alone() -> None:
    requirements = {r.id: r for v in VERSIONS for r in profiles.load(f"cncf-{v}").requirements}

    assert [id_ for id_, r in requirements.items() if r.kar is None] == ["ai_inference"]
    numbers = [r.kar for r in requirements.values() if r.kar]
    assert len(numbers) == len(set(numbers))


def test_requirement_that_a_later_version_dropped_is_remembered() -> None:
    assert [r.id for r in profiles.load("cncf-1.37").removed] == ["dra_support"]
    assert profiles.load("cncf-1.35").removed == ()


@pytest.mark.parametrize(
    ("version", "chosen"),
    [
        ("v1.33.0", "cncf-1.33"),
        ("v1.36.2-gke.100+x", "cncf-1.36"),
        ("v1.37.2+k3s1", "cncf-1.37"),
        ("v1.35.3-eks-abcdef", "cncf-1.35"),
        ("1.34", "cncf-1.34"),
        ("v1.37+", "cncf-1.37"),
        ("v1.37.0-beta.0", "cncf-1.37"),
    ],
)
def test_version_of_the_server_chooses_the_profile(version: str, chosen: str) -> None:
    profile, notice = profiles.for_version(version)

    assert (profile.id, notice) == (chosen, None)


@pytest.mark.parametrize("version", ["v1.38.0", "v1.133.0", "v2.0.0"])
def test_server_newer_than_every_profile_is_judged_by_the_newest_with_a_notice(version: str) -> None:
    profile, notice = profiles.for_version(version)

    assert profile.id == "cncf-1.37"
    assert notice is not None
    assert "cncf-1.37" in notice


@pytest.mark.parametrize("version", ["v1.32.11", "v1.9.0", "v0.35.0"])
def test_server_older_than_every_profile_is_a_usage_error(version: str) -> None:
    with pytest.raises(UsageError, match=r"older than every profile; the oldest is cncf-1\.33") as caught:
        profiles.for_version(version)

    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("version", ["", "unknown", "v1", "vv1.35", "1.3555", "\x1b[31m" * 1000])
def test_version_that_is_none_is_a_usage_error(version: str) -> None:
    with pytest.raises(UsageError, match="choose a profile by name") as caught:
        profiles.for_version(version)

    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()


def test_unknown_profile_gets_a_suggestion_and_the_list() -> None:
    assert refusal("cncf-1.73").startswith(
        "unknown profile 'cncf-1.73'; did you mean 'cncf-1.37'? (profiles are cncf-1.33,"
    )
    assert "did you mean" not in refusal("zzz")


def test_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.yaml") == f"{tmp_path}/none.yaml: cannot be read: No such file or directory"


OWN = "id: mine\ntitle: Mine\n"
GANG = "  section: schedulingOrchestration\n  level: MUST\n  title: Gangs\n  text: Gangs work.\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: cncf-1.36", ":1: the key 'id' is missing"),
        (f"{OWN}", ":1: neither 'extends' nor 'requirements' is there"),
        (f"{OWN}extends: cnfc-1.36", ":3: extends: unknown profile 'cnfc-1.36'; did you mean 'cncf-1.36'?"),
        (f"{OWN}extends: other.yaml", "other.yaml: cannot be read: No such file"),
        (f"{OWN}extends: cncf-1.36\nkubernetes: 1.30", ':4: kubernetes: 1.30 is read as a number, a text is wanted; quote it: "1.30"'),
        (f"{OWN}extends: cncf-1.36\nrequirement: []", ":4: requirement: the key 'requirement' is unknown; did you mean 'requirements'?"),
        (f"{OWN}extends: cncf-1.36\nrequirements:\n- id: gang_scheduling\n{GANG}", ":4: requirements: use add, change and remove in a profile with"),
        (f"{OWN}remove: [gang_scheduling]", ":3: remove: use requirements in a profile without 'extends'"),
        (f"{OWN}extends: cncf-1.36\nremove: [gang_sheduling]", ":4: remove[0]: the extended profile has no 'gang_sheduling'; did you mean 'gang_scheduling'?"),
        (f"{OWN}extends: cncf-1.36\nchange:\n- id: dra_support\n  level: MUST", ":5: change[0].id: the extended profile has no 'dra_support'"),
        (f"{OWN}extends: cncf-1.36\nchange:\n- id: gpu_sharing\n  level: MAY", ":6: change[0].level: 'MAY' is not one of MUST, SHOULD"),
        (f"{OWN}extends: cncf-1.36\nadd:\n- id: gang_scheduling\n{GANG}", ":5: add[0].id: gang_scheduling is there already; use change"),
        (f"{OWN}extends: cncf-1.36\nadd:\n- id: dra_suport\n{GANG}", ":5: add[0].id: no check and no profile of the suite knows 'dra_suport'; did you mean"),
        (f"{OWN}extends: cncf-1.36\nchange:\n- id: gpu_sharing\n  checks: [nothing_of_the_kind]", ":6: change[0].checks[0]: gpu_sharing has no check"),
        (f"{OWN}extends: cncf-1.36\nchange:\n- id: gpu_sharing\n  kar: 0003", ":6: 0003 begins with 0"),
        (f"{OWN}requirements:\n- id: gang_scheduling\n{GANG}", ":1: the key 'kubernetes' is missing"),
        (f"{OWN}kubernetes: '1.37'\nrequirements:\n- id: gang_scheduling\n{GANG.replace('MUST', 'SHOULD')}", ":1: no requirement is MUST"),
        ("id: cncf-1.37\ntitle: Mine\nextends: cncf-1.36", ":1: id: 'cncf-1.37' is a profile of the suite; choose another id"),
    ],
)  # fmt: skip
def test_profile_with_a_mistake_is_refused_with_place_and_cure(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal(write(tmp_path, text))


def test_requirement_that_stands_twice_is_refused(tmp_path: Path) -> None:
    entry = f"- id: gang_scheduling\n{GANG}"

    message = refusal(write(tmp_path, f"{OWN}kubernetes: '1.37'\nrequirements:\n{entry}{entry}"))

    assert message.endswith("mine.yaml:10: requirements[1].id: gang_scheduling stands twice in 'requirements'")


def test_circle_of_profiles_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "id: b\ntitle: B\nextends: ./mine.yaml", "b.yaml")

    message = refusal(write(tmp_path, f"{OWN}extends: ./b.yaml"))

    assert message.endswith("b.yaml:3: extends: profiles extend each other in a circle: mine.yaml → b.yaml → mine.yaml")


def test_profile_that_extends_itself_is_refused(tmp_path: Path) -> None:
    assert "circle: mine.yaml → mine.yaml" in refusal(write(tmp_path, f"{OWN}extends: ./mine.yaml"))


def test_user_profile_says_only_the_difference(tmp_path: Path) -> None:
    write(tmp_path, "id: base\ntitle: Base\nextends: cncf-1.35\nremove: [robust_controller]", "base.yaml")
    text = "extends: base.yaml\nremove: [ai_inference]\nchange:\n- {id: gpu_sharing, level: MUST, conditional: false}"

    profile = profiles.load(write(tmp_path, OWN + text))

    standard = profiles.load("cncf-1.35")
    assert profile.kubernetes == "1.35"
    assert {r.id for r in standard.requirements} - {r.id for r in profile.requirements} == {
        "ai_inference",
        "robust_controller",
    }
    sharing = profile.get("gpu_sharing")
    assert sharing is not None
    assert (sharing.level, sharing.conditional, sharing.kar) == ("MUST", False, "0003")
    assert {r.id for r in profile.removed} == {"ai_inference", "robust_controller"}


def test_requirement_can_come_back(tmp_path: Path) -> None:
    text = (
        f"{OWN}extends: cncf-1.37\nadd:\n- id: dra_support\n{GANG.replace('schedulingOrchestration', 'accelerators')}"
    )

    profile = profiles.load(write(tmp_path, text))

    accelerators = [r.id for r in profile.requirements if r.section == "accelerators"]
    assert accelerators == ["driver_runtime_management", "gpu_sharing", "virtualized_accelerator", "dra_support"]
    assert profile.removed == ()


def test_profile_with_its_own_list_needs_no_other(tmp_path: Path) -> None:
    profile = profiles.load(write(tmp_path, f"{OWN}kubernetes: '1.30'\nrequirements:\n- id: gang_scheduling\n{GANG}"))

    assert [(r.id, r.level, r.conditional, r.checks) for r in profile.requirements] == [
        ("gang_scheduling", "MUST", False, None)
    ]
    assert profile.kubernetes == "1.30"
