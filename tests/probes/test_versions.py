"""Versions inside and outside are one where every number is the same; what was seen on one side only never passes."""

from typing import Any

import pytest

from conformance.inventory import Kind, NodeShare, descriptors
from conformance.inventory.descriptors import Descriptor, parse
from conformance.probes import versions
from conformance.probes.answers import File, Nvml
from conformance.probes.bench import Bench
from conformance.probes.reading import Node, Report
from conformance.probes.tenants import Tenant
from conformance.probes.versions import Told, Version
from conformance.verdicts import Failure, Unknown
from tests.probes.test_bench import FakeSandbox

RULES: list[dict[str, Any]] = [
    {
        "name": "driver",
        "inside": {"nvml": "driver_version"},
        "labels": ["x.dev/driver", ["x.dev/major", "x.dev/minor"]],
        "attributes": ["driverVersion"],
    },
    {"name": "module", "inside": {"file": "/sys/module/x/version", "pattern": r"v(?P<id>\S+)"}},
    {"name": "firmware", "inside": {"content": r"fw=(?P<id>\S+)"}, "labels": ["x.dev/fw"]},
]


def _descriptor(rules: list[dict[str, Any]] = RULES) -> Descriptor:
    return parse(
        {
            "id": "x",
            "title": "X",
            "device_plugin": {"resources": ["x.dev/accel"]},
            "device_nodes": {"accelerators": ["/dev/x[0-9]*"], "identity": {"content": r"uuid=(?P<id>\S+)"}},
            "versions": rules,
            "library_paths": ["/usr/local/x"],
        }
    )


def _kind(way: str = "device-plugin") -> Kind:
    node = NodeShare(name="n", devices=1, free=1)
    return Kind(
        id="x", way=way, name="x.dev", model="", pool="", descriptor="x", device_class="x", nodes=(node,)
    )  # fmt: skip


def _bench(labels: dict[str, str], way: str = "device-plugin") -> Bench:
    made = Bench(FakeSandbox(), _kind(way), (_descriptor(),), "v1")  # type: ignore[arg-type]
    made._node = {"metadata": {"name": "n", "labels": labels}}
    return made


def _tenant(*, nvml: Nvml | None, files: tuple[File, ...] = (), content: str = "uuid=A") -> Tenant:
    node = Node(path="/dev/x0", kind="c", major=9, minor=0, opened=True, refusal="", content=content)
    report = Report(nodes=(node,), others=(), made=(), complete=True, identity={}, files=files, nvml=nvml)
    pod = {"metadata": {"name": "p", "namespace": "ns", "uid": "u"}, "spec": {}, "status": {}}
    return Tenant(pod, {"main": report})


def _told(version: str) -> Nvml:
    return Nvml("", {"driver_version": version}, ())


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("535.104.05", "535.104.5"),
        ("12.4", "12.4.0"),
        ("v1.2.3", "1.2.3"),
        ("1.2.3+build7", "1.2.3"),
        ("1.2.3-rc1", "1.2.3-rc1"),
        ("0", "0.0"),
        ("rolling", "rolling"),
        (" 1.0\n", "1"),
    ],
)
def test_texts_that_are_one_version(first: str, second: str) -> None:
    assert versions.same(first, second)
    assert versions.same(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("12.4", "12.40"),
        ("12.4", "12.4.1"),
        ("535.104.05", "535.104.50"),
        ("1.2.3-rc1", "1.2.3"),
        ("1.2.3-rc1", "1.2.3-rc2"),
        ("rolling", "Rolling"),
        ("1.2", "1-2"),
        ("", "0"),
    ],
)
def test_texts_that_are_two_versions(first: str, second: str) -> None:
    assert not versions.same(first, second)


def test_a_pod_is_asked_for_what_the_descriptor_needs() -> None:
    ask = versions.reading_versions(_descriptor())
    assert (ask.command, ask.files, ask.libraries) == ("nvml", ("/sys/module/x/version",), ("/usr/local/x",))
    assert versions.reading_versions(_descriptor(RULES[1:])).command == "devices"


def test_a_descriptor_without_versions_is_unknown() -> None:
    with pytest.raises(Unknown) as outcome:
        versions.reading_versions(_descriptor([]))
    assert outcome.value.code == "no_versions"


def test_each_source_is_read_and_each_label_joined() -> None:
    labels = {"x.dev/driver": "535.104.05", "x.dev/major": "535", "x.dev/minor": "104", "x.dev/fw": "7"}
    files = (File("/sys/module/x/version", "", "v6.1 rest"),)
    driver, module, firmware = versions.compare_versions(
        _bench(labels), _tenant(nvml=_told("535.104.05"), files=files, content="uuid=A fw=7")
    )
    assert [str(told) for told in driver.advertised] == [
        "'535.104.05' (node label x.dev/driver)",
        "'535.104' (node label x.dev/major and x.dev/minor)",
    ]
    assert [str(told) for told in driver.wrong] == ["'535.104' (node label x.dev/major and x.dev/minor)"]
    assert module.inside == Told("/sys/module/x/version in the pod", "6.1")
    assert (module.agrees, firmware.agrees) == (False, True)


@pytest.mark.parametrize(
    ("tenant", "reasons"),
    [
        (
            _tenant(nvml=Nvml("", {"driver_version": {"error": "NVML_ERROR_UNKNOWN"}}, ())),
            ("NVML driver_version: NVML_ERROR_UNKNOWN", "/sys/module/x/version: not read"),
        ),
        (
            _tenant(nvml=Nvml("no pynvml", {}, ()), files=(File("/sys/module/x/version", "EACCES", None),)),
            ("NVML driver_version: no pynvml", "/sys/module/x/version: EACCES"),
        ),
        (
            _tenant(nvml=None, files=(File("/sys/module/x/version", "", "none"),)),
            ("NVML driver_version: not asked", "/sys/module/x/version in the pod: no version in 'none'"),
        ),
    ],
)
def test_what_cannot_be_read_says_why(tenant: Tenant, reasons: tuple[str, str]) -> None:
    found = versions.compare_versions(_bench({}), tenant)
    assert [version.inside for version in found] == [None] * 3
    assert tuple(version.unread for version in found)[:2] == reasons


def test_a_library_that_does_not_fit_the_loaded_driver_fails() -> None:
    with pytest.raises(Failure, match="MISMATCH") as failure:
        versions.compare_versions(
            _bench({}), _tenant(nvml=Nvml("nvmlInit: NVML_ERROR_LIB_RM_VERSION_MISMATCH", {}, ()))
        )
    assert failure.value.code == "version_mismatch"


def test_one_of_two_labels_is_no_advertisement() -> None:
    driver, *_ = versions.compare_versions(_bench({"x.dev/major": "535"}), _tenant(nvml=_told("535")))
    assert driver.advertised == ()


def test_attributes_are_those_of_the_allocated_device(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def attributes(_api: Any, _version: str, key: Any) -> dict[str, Any]:
        asked.append(key)
        return {"driverVersion": "535.104.5"}

    monkeypatch.setattr("conformance.probes.claims.device_attributes", attributes)
    results = [{"driver": "x.dev", "pool": "n", "device": "gpu-3"}]
    claim = {"status": {"allocation": {"devices": {"results": results}}}}
    tenant = Tenant(_tenant(nvml=None).pod, _tenant(nvml=_told("535.104.05")).reports, claim)
    driver, *_ = versions.compare_versions(_bench({}, "dra"), tenant)
    assert asked == [("x.dev", "n", "gpu-3")]
    assert driver.agrees


@pytest.mark.parametrize(
    "attributes",
    [
        {"driverVersion": "6.19.14", "driverVersionFull": "6.19.14.31400000"},
        {"driverVersion": "6.19.14"},
    ],
)
def test_an_amd_driver_of_four_numbers_is_published_with_three(attributes: dict[str, str]) -> None:
    rules = next(d for d in descriptors.load() if d.id == "amd").versions
    tenant = _tenant(nvml=None, files=(File("/sys/module/amdgpu/version", "", "6.19.14.31400000\n"),))
    node = tenant.report.nodes[0]

    found = [versions._version(rule, tenant.report, node, {}, attributes) for rule in rules]

    versions.must_agree(found, "node-a")
    other = {name: value.replace("19", "18") for name, value in attributes.items()}
    with pytest.raises(Failure):
        versions.must_agree([versions._version(r, tenant.report, node, {}, other) for r in rules], "node-a")


def _version(inside: str | None, *advertised: str) -> Version:
    told = Told("in the pod", inside) if inside else None
    return Version("driver", told, "" if inside else "no library", tuple(Told("label", a) for a in advertised), "label")


def test_a_mismatch_names_both_and_where_each_was_read() -> None:
    with pytest.raises(Failure) as failure:
        versions.must_agree([_version("1.0", "1.0"), _version("1.0", "1.0", "2.0")], "node-a")
    assert failure.value.code == "version_mismatch"
    for words in ("node-a", "'1.0' (in the pod)", "'2.0' (label)"):
        assert words in failure.value.observed


def test_one_that_agrees_passes_where_another_cannot_be_read() -> None:
    versions.must_agree([_version("1.0", "1"), _version(None, "2.0")], "node-a")


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([_version(None, "1.0")], "version_not_read"),
        ([_version(None)], "version_not_read"),
        ([_version("1.0")], "version_not_advertised"),
        ([_version("1.0"), _version(None, "2.0")], "version_not_advertised"),
    ],
)
def test_what_was_seen_on_one_side_only_is_unknown(found: list[Version], code: str) -> None:
    with pytest.raises(Unknown) as outcome:
        versions.must_agree(found, "node-a")
    assert outcome.value.code == code
