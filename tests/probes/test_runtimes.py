"""Which RuntimeClasses are tried: no vendor's own is left out because others come first by name."""

from typing import Any

import pytest

from conformance.probes import runtimes

KATA = ("clh", "dragonball", "fc", "qemu", "qemu-coco-dev", "qemu-nvidia-gpu", "qemu-nvidia-gpu-snp", "stratovirt")
WORDS = {"nvidia", "amd"}


def runtime(name: str, handler: str = "", **labels: str) -> dict[str, Any]:
    made: dict[str, Any] = {"metadata": {"name": name}, "handler": handler or name}
    return made | ({"scheduling": {"nodeSelector": labels}} if labels else {})


def test_a_vendors_class_is_tried_before_many_others() -> None:
    classes = [runtime(f"kata-{name}") for name in KATA] + [runtime("nvidia"), runtime("special", "amd")]

    tried, left = runtimes.to_try(classes, {}, WORDS)

    assert tried[:2] == ["nvidia", "special"]
    assert (len(tried), sorted(tried + left)) == (runtimes.MOST, sorted(item["metadata"]["name"] for item in classes))


def test_a_class_of_other_nodes_is_not_tried_and_not_missed() -> None:
    classes = [runtime("here", zone="a"), runtime("elsewhere", zone="b"), runtime("everywhere")]

    assert runtimes.to_try(classes, {"zone": "a", "more": "x"}, WORDS) == (["everywhere", "here"], [])


@pytest.mark.parametrize(
    ("variable", "words"),
    [("NVIDIA_VISIBLE_DEVICES", {"nvidia"}), ("AWS_NEURON_VISIBLE_DEVICES", {"aws", "neuron"})],
)
def test_a_vendors_name_stands_in_its_variable(variable: str, words: set[str]) -> None:
    assert runtimes.vendors([variable]) == words
