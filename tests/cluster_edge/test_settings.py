"""The choices of a run: what becomes of image names and limits, and that workers get the same ones."""

import json

import pytest

from conformance.cluster.settings import DEFAULT_IMAGE, Settings

DIGEST = "sha256:" + "0" * 64
REFERENCES = [
    ("docker.io/library/x", "library/x"),
    (f"ghcr.io/a/b:tag@{DIGEST}", f"a/b:tag@{DIGEST}"),
    ("localhost:5000/x", "x"),
    ("localhost/x:1", "x:1"),
    ("host:5000/a/b:1.2", "a/b:1.2"),
    ("a/b:1.2", "a/b:1.2"),
    ("x", "x"),
    ("x:1.2", "x:1.2"),
    (f"x@{DIGEST}", f"x@{DIGEST}"),
]


@pytest.mark.parametrize("reference", [reference for reference, _ in REFERENCES])
def test_without_a_registry_an_image_stays_what_it_is(reference: str) -> None:
    assert Settings(run_id="r").image(reference) == reference
    assert Settings(run_id="r", probe_image=reference).image() == reference


@pytest.mark.parametrize("registry", ["mirror.dev", "mirror.dev/", "mirror:5000", "mirror.dev/proxy"])
@pytest.mark.parametrize(("reference", "path"), REFERENCES)
def test_a_registry_replaces_that_of_every_image_and_keeps_its_path(registry: str, reference: str, path: str) -> None:
    wanted = f"{registry.rstrip('/')}/{path}"
    assert Settings(run_id="r", registry=registry).image(reference) == wanted
    assert Settings(run_id="r", registry=registry, probe_image=reference).image() == wanted


def test_an_image_that_a_check_names_goes_before_the_probe_image() -> None:
    assert Settings(run_id="r", probe_image="mine").image("other") == "other"


def test_nobody_who_chooses_nothing_gets_another_image() -> None:
    assert Settings(run_id="r").image() == DEFAULT_IMAGE


@pytest.mark.parametrize(("scale", "limit"), [(0.5, 30.0), (1.0, 60.0), (3.0, 180.0)])
def test_a_limit_is_scaled_and_the_absence_window_is_not(scale: float, limit: float) -> None:
    settings = Settings(run_id="r", timeout_scale=scale)
    assert settings.limit(60) == limit
    assert settings.window_seconds == Settings(run_id="r").window_seconds


EVERY = Settings(
    run_id="r",
    kubeconfig="/k",
    context="c",
    namespace="n",
    keep=True,
    timeout_scale=2.5,
    probe_image="i",
    registry="m",
    runtime_class="nvidia",
    impact="observe",
    window_seconds=2.0,
    descriptor_files=("a.yaml", "b.yaml"),
    probe_command=("python3", "-I"),
)


@pytest.mark.parametrize("settings", [Settings(run_id="r"), EVERY])
def test_settings_survive_json(settings: Settings) -> None:
    assert Settings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


def test_what_is_no_choice_is_passed_over_and_what_is_missing_gets_its_default() -> None:
    assert Settings.from_json({"run_id": "r", "unknown": 1}) == Settings(run_id="r")
