"""What the probe makes of NVML, and of sysfs: values, and exactly what could not be read.

NVML is a stand-in here and no recording: a library over which the real pynvml runs, whose answers follow NVIDIA's documentation
of an A100 in MIG mode. What a real driver says was not seen.
"""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pynvml
import pytest

from conformance import content
from conformance.cluster import Settings
from conformance.evidence import Evidence
from conformance.probes import answers, pods, reading
from conformance.probes.sandbox import PROGRAM, Sandbox, bindings

FOLDER = content.FIXTURES / "probe"
NOT_SUPPORTED = {"error": "NVML_ERROR_NOT_SUPPORTED"}
OF_LIBRARY = {
    "nvmlSystemGetDriverVersion": b"535.104.05",
    "nvmlSystemGetNVMLVersion": b"12.535.104.05",
    "nvmlDeviceGetUUID": b"GPU-1",
    "nvmlDeviceGetName": b"Stand-in A100",
}
NUMBERS = {
    "nvmlSystemGetCudaDriverVersion_v2": (12040,),
    "nvmlDeviceGetCount_v2": (1,),
    "nvmlDeviceGetVirtualizationMode": (0,),
    "nvmlDeviceGetMigMode": (1, 1),
    "nvmlDeviceGetMaxMigDeviceCount": (3,),
    "nvmlDeviceGetPowerUsage": (61_500,),
    "nvmlDeviceGetEnforcedPowerLimit": (400_000,),
    "nvmlDeviceGetEccMode": (1, 1),
    "nvmlDeviceGetRemappedRows": (0, 1, 0, 0),
    "nvmlDeviceGetTemperature": (34,),
    "nvmlDeviceGetTotalEccErrors": (7,),
}
"""What a call writes to the last of its arguments."""


class FakeNvml:
    """Functions of libnvidia-ml as ctypes would call them."""

    def __init__(self) -> None:
        self.codes = {
            "nvmlDeviceGetUtilizationRates": pynvml.NVML_ERROR_NOT_SUPPORTED,
            "nvmlDeviceGetRetiredPages": pynvml.NVML_ERROR_NOT_SUPPORTED,
            "nvmlDeviceGetRetiredPagesPendingStatus": pynvml.NVML_ERROR_NOT_SUPPORTED,
            "nvmlEventSetWait_v2": pynvml.NVML_ERROR_TIMEOUT,
        }
        self.missing: set[str] = set()
        self.partitions = {0}
        self.links = 2

    def __getattr__(self, name: str) -> Callable[..., int]:
        if not name.startswith("nvml") or name in self.missing:
            raise AttributeError(name)
        return lambda *arguments: self._call(name, arguments)

    def _call(self, name: str, arguments: tuple[Any, ...]) -> int:
        if name in self.codes:
            return int(self.codes[name])
        if name in OF_LIBRARY:
            next(a for a in arguments if hasattr(a, "raw")).value = OF_LIBRARY[name]
        elif name in NUMBERS:
            for target, value in zip(arguments[-len(NUMBERS[name]) :], NUMBERS[name], strict=True):
                target._obj.value = value
        elif name == "nvmlDeviceGetMemoryInfo":
            arguments[-1]._obj.total, arguments[-1]._obj.used, arguments[-1]._obj.free = 40 << 30, 1 << 30, 39 << 30
        elif name == "nvmlDeviceGetMigDeviceHandleByIndex":
            return 0 if arguments[1].value in self.partitions else int(pynvml.NVML_ERROR_NOT_FOUND)
        elif name == "nvmlDeviceGetNvLinkState":
            if arguments[1] >= self.links:
                return int(pynvml.NVML_ERROR_INVALID_ARGUMENT if self.links else pynvml.NVML_ERROR_NOT_SUPPORTED)
            arguments[-1]._obj.value = 1 - arguments[1]
        return 0


def _module(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module(name)
    sys.modules.pop(name, None)


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    yield from _module("nvml", monkeypatch)


@pytest.fixture
def sysfs(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    yield from _module("sysfs", monkeypatch)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    fake = FakeNvml()
    monkeypatch.setattr(pynvml, "nvmlLib", fake)
    monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
    return fake


def _told(nvml: ModuleType) -> dict[str, Any]:
    return dict(nvml.nvml([], pynvml))


@pytest.mark.usefixtures("library")
def test_versions_are_told_with_cuda_as_major_and_minor(nvml: ModuleType) -> None:
    told = _told(nvml)
    assert (told["problem"], told["driver_version"], told["cuda_version"]) == ("", "535.104.05", "12.4")


@pytest.mark.parametrize(("number", "text"), [(12040, "12.4"), (11080, "11.8"), (13000, "13.0"), (9020, "9.2")])
def test_a_cuda_version_is_read_from_its_number(nvml: ModuleType, number: int, text: str) -> None:
    assert nvml.cuda_version(number) == text


@pytest.mark.usefixtures("library")
def test_a_device_is_told_in_bytes_degrees_and_watts(nvml: ModuleType) -> None:
    (device,) = _told(nvml)["devices"]
    assert (device["uuid"], device["name"]) == ("GPU-1", "Stand-in A100")
    assert device["memory"] == {"total": 40 << 30, "used": 1 << 30, "free": 39 << 30}
    assert (device["temperature"], device["power"], device["power_limit"]) == (34, 61.5, 400.0)
    assert device["ecc"] == {"mode": True, "pending": True, "corrected": 7, "uncorrected": 7}
    assert device["remapped_rows"] == {"corrected": 0, "uncorrected": 1, "pending": False, "failed": False}
    assert device["xid"]["seen"] == []


@pytest.mark.usefixtures("library")
def test_what_the_library_does_not_tell_is_its_error_and_no_zero(nvml: ModuleType) -> None:
    (device,) = _told(nvml)["devices"]
    assert device["utilization"] == NOT_SUPPORTED
    assert device["retired_pages"] == {
        "single_bit": NOT_SUPPORTED,
        "double_bit": NOT_SUPPORTED,
        "pending": NOT_SUPPORTED,
    }


@pytest.mark.usefixtures("library")
def test_partitions_are_told_and_empty_places_are_passed_over(nvml: ModuleType) -> None:
    (device,) = _told(nvml)["devices"]
    assert device["mig"]["mode"] is True
    assert [part["uuid"] for part in device["mig"]["partitions"]] == ["GPU-1"]


def test_links_are_told_until_the_first_that_does_not_exist(nvml: ModuleType, library: FakeNvml) -> None:
    assert _told(nvml)["devices"][0]["nvlink"] == ["up", "down"]
    library.links = 0
    assert _told(nvml)["devices"][0]["nvlink"] == NOT_SUPPORTED


def test_an_older_driver_without_a_function_says_so(nvml: ModuleType, library: FakeNvml) -> None:
    library.missing = {"nvmlSystemGetCudaDriverVersion_v2", "nvmlDeviceGetMigMode"}
    told = _told(nvml)
    assert told["cuda_version"] == {"error": "NVML_ERROR_FUNCTION_NOT_FOUND"}
    assert told["devices"][0]["mig"] == {"error": "NVML_ERROR_FUNCTION_NOT_FOUND"}


def test_a_library_that_does_not_start_or_shows_no_device_is_exact(nvml: ModuleType, library: FakeNvml) -> None:
    library.codes["nvmlDeviceGetCount_v2"] = pynvml.NVML_ERROR_NO_PERMISSION
    assert _told(nvml)["devices"] == [{"error": "NVML_ERROR_NO_PERMISSION"}]
    library.codes["nvmlInitWithFlags"] = pynvml.NVML_ERROR_DRIVER_NOT_LOADED
    assert _told(nvml)["problem"] == "nvmlInit: NVML_ERROR_DRIVER_NOT_LOADED"


def test_without_the_library_the_problem_is_told(nvml: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert nvml.nvml([])["problem"].startswith("no pynvml")


@pytest.mark.usefixtures("library")
def test_an_answer_gives_values_and_the_reason_of_what_is_none(nvml: ModuleType) -> None:
    good = {"probe": "nvml", "nodes": [], "others": [], "made": [], "complete": True, "identity": {}}
    told = {**_told(nvml), "cuda_version": NOT_SUPPORTED}
    report = reading.parse(json.dumps({**good, "nvml": told}), "p/main")
    assert report is not None
    assert report.nvml is not None
    assert report.nvml.value("driver_version") == "535.104.05"
    assert (report.nvml.value("cuda_version"), report.nvml.error("cuda_version")) == (None, "NVML_ERROR_NOT_SUPPORTED")
    assert answers.Nvml("no library", {}, ()).error("driver_version") == "no library"


def test_pynvml_travels_with_the_program_only_where_it_is_asked_for_and_once(
    fake_api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.cluster.waiting.wait_exists", lambda *_args, **_more: None)
    box = Sandbox(fake_api, run_id="r", check_id="r/c", settings=Settings(run_id="r"), evidence=Evidence())
    space = box.namespace()
    assert "pynvml.py" not in fake_api.get(f"/api/v1/namespaces/{space}/configmaps/{pods.PROGRAM}")["data"]
    box.furnish_nvml(space)
    box.furnish_nvml(space)
    assert "pynvml.py" in fake_api.get(f"/api/v1/namespaces/{space}/configmaps/{pods.WITH_NVML}")["data"]


def test_the_program_with_pynvml_fits_a_config_map() -> None:
    program = sum(file.stat().st_size for file in PROGRAM.glob("*.py"))
    assert program + sum(len(text.encode()) for text in bindings().values()) < 900_000


def test_sysfs_names_a_device_by_its_number_and_leaves_out_what_it_has_not(sysfs: ModuleType, tmp_path: Path) -> None:
    device = tmp_path / "devices" / "gpu"
    device.mkdir(parents=True)
    node = tmp_path / "dev" / "char" / "226:128"
    node.mkdir(parents=True)
    (node / "device").symlink_to(device)
    (tmp_path / "drivers" / "amdgpu").mkdir(parents=True)
    (device / "driver").symlink_to(tmp_path / "drivers" / "amdgpu")
    (tmp_path / "module" / "amdgpu").mkdir(parents=True)
    for name, text in (("vendor", "0x1002\n"), ("unique_id", "a1b2\n"), ("mem_info_vram_total", "68702699520\n")):
        (device / name).write_text(text)
    (tmp_path / "module" / "amdgpu" / "version").write_text("6.7.0\n")
    assert sysfs.sysfs("c", 226, 128, str(tmp_path)) == {
        "vendor": "0x1002",
        "unique_id": "a1b2",
        "mem_info_vram_total": "68702699520",
        "driver": "amdgpu",
        "module_version": "6.7.0",
    }
    assert sysfs.sysfs("c", 226, 129, str(tmp_path)) == {}
