"""A load of the probe: by reading, and by CUDA against a stand-in for its library; no hardware was seen."""

import ctypes
import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from conformance import content
from conformance.probes import reading

FOLDER = content.FIXTURES / "probe"


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Files of the probe as modules, which lie beside each other."""
    names: list[str] = []

    def load(name: str) -> ModuleType:
        names.append(name)
        return importlib.import_module(name)

    monkeypatch.syspath_prepend(str(FOLDER))
    yield load
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def burn(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("burn")


@pytest.fixture
def cuda(program: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = program("cuda")
    monkeypatch.setattr(module, "ELEMENTS", 512)
    monkeypatch.setattr(module, "ROUNDS", 3)
    return module


class Ticks:
    """A clock that goes one second at each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def _read(burn: ModuleType, path: Path | str, *, seconds: float = 3.0) -> dict[str, Any]:
    return dict(burn.read(str(path), seconds, Ticks(), lambda _seconds: None))


def test_a_device_that_always_gives_the_same_is_verified_for_the_whole_time(burn: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "device").write_text("uuid=A")
    result = _read(burn, tmp_path / "device")
    assert (result["verified"], result["problem"]) == (True, "")
    assert result["operations"] == 4


def test_a_device_that_gives_other_content_is_not_verified(burn: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    given = iter([b"a", b"a", b"b"])
    monkeypatch.setattr(burn, "sample", lambda _path: next(given))
    result = _read(burn, "/dev/x")
    assert (result["verified"], result["problem"]) == (False, "read 3 gave other content than the first")


def test_a_device_that_gives_nothing_proves_nothing(burn: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "device").write_text("")
    assert _read(burn, tmp_path / "device")["verified"] is False


def test_a_device_that_goes_away_says_which_read_failed(burn: ModuleType, tmp_path: Path) -> None:
    result = _read(burn, tmp_path / "gone")
    assert (result["verified"], result["problem"]) == (False, "read 1 failed: No such file or directory")


def test_a_load_by_reading_takes_every_opened_node_and_says_where_there_is_none(
    burn: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "a").write_text("A")
    arguments = type("Arguments", (), {"by": "read", "seconds": 0.0})
    opened = {"path": str(tmp_path / "a"), "open": "ok", "mode": "rw"}
    refused = {"path": "/dev/b", "open": "EPERM", "mode": ""}
    answer = burn.burn(arguments, [opened, refused])
    assert [(d["id"], d["verified"]) for d in answer["devices"]] == [(str(tmp_path / "a"), True)]
    assert burn.burn(arguments, [refused])["problem"] == "no device could be opened for reading"


class FakeCuda:
    """The driver API over host memory: what each call writes is what NVIDIA documents for it.

    A stand-in, not a recording. The kernel is done in Python, so it shows the host's side only.
    """

    def __init__(self, module: ModuleType, devices: int = 1) -> None:
        self.module, self.devices = module, devices
        self.fails: dict[str, int] = {}
        self.flips = False
        self.calls: list[str] = []
        self.memory: dict[int, Any] = {}

    def __getattr__(self, name: str) -> Callable[..., int]:
        if not name.startswith("cu"):
            raise AttributeError(name)

        def call(*arguments: Any) -> int:
            self.calls.append(name)
            if name in self.fails:
                return self.fails[name]
            getattr(self, f"_{name}", lambda *_: None)(*arguments)
            return 0

        return call

    def _cuDeviceGetCount(self, count: Any) -> None:  # noqa: N802 - the library's names
        count._obj.value = self.devices

    def _cuDeviceGet(self, device: Any, ordinal: Any) -> None:  # noqa: N802
        device._obj.value = ordinal.value

    def _cuDeviceGetName(self, text: Any, _size: Any, _device: Any) -> None:  # noqa: N802
        text.value = b"Stand-in MIG 1g.5gb"

    def _cuDeviceGetUuid_v2(self, raw: Any, _device: Any) -> None:  # noqa: N802
        raw._obj[:] = range(16)

    def _cuDeviceTotalMem_v2(self, size: Any, _device: Any) -> None:  # noqa: N802
        size._obj.value = 5 << 30

    def _cuGetErrorName(self, _code: Any, told: Any) -> None:  # noqa: N802
        told._obj.value = b"CUDA_ERROR_OUT_OF_MEMORY"

    def _cuMemAlloc_v2(self, pointer: Any, size: Any) -> None:  # noqa: N802
        buffer = (ctypes.c_uint32 * (size.value // 4))()
        pointer._obj.value = ctypes.addressof(buffer)
        self.memory[pointer._obj.value] = buffer

    def _cuMemcpyHtoD_v2(self, pointer: Any, host: Any, size: Any) -> None:  # noqa: N802
        ctypes.memmove(pointer.value, host.value, size.value)

    def _cuMemcpyDtoH_v2(self, host: Any, pointer: Any, size: Any) -> None:  # noqa: N802
        ctypes.memmove(host.value, pointer.value, size.value)

    def _cuLaunchKernel(self, _function: Any, *rest: Any) -> None:  # noqa: N802
        blocks, _, _, threads = (n.value for n in rest[:4])
        given = rest[8]
        pointer = ctypes.cast(given[0], ctypes.POINTER(ctypes.c_uint64))[0]
        rounds = ctypes.cast(given[1], ctypes.POINTER(ctypes.c_uint32))[0]
        buffer = self.memory[pointer]
        for index in range(blocks * threads):
            for _ in range(rounds):
                buffer[index] = (buffer[index] * 1664525 + 1013904223) % 2**32
        if self.flips:
            buffer[7] ^= 1

    def _cuMemFree_v2(self, pointer: Any) -> None:  # noqa: N802
        del self.memory[pointer.value]


def _burn(module: ModuleType, library: FakeCuda) -> dict[str, Any]:
    return dict(module.burn(0.0, [], lambda _name: library))


def test_a_device_that_computes_right_is_verified_by_every_element(cuda: ModuleType) -> None:
    library = FakeCuda(cuda)
    (device,) = _burn(cuda, library)["devices"]
    assert (device["verified"], device["operations"], device["problem"]) == (True, 3 * 512, "")
    assert device["id"] == "MIG-00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert device["memory"] == 5 << 30
    assert library.memory == {}
    assert library.calls[-3:] == ["cuMemFree_v2", "cuModuleUnload", "cuCtxDestroy_v2"]


def test_one_wrong_bit_is_seen(cuda: ModuleType) -> None:
    library = FakeCuda(cuda)
    library.flips = True
    (device,) = _burn(cuda, library)["devices"]
    assert (device["verified"], device["problem"]) == (False, "1 of 512 elements are wrong")


@pytest.mark.parametrize("call", ["cuCtxCreate_v2", "cuModuleLoadData", "cuMemAlloc_v2", "cuLaunchKernel"])
def test_a_call_that_fails_is_named_with_its_code_and_everything_is_freed(cuda: ModuleType, call: str) -> None:
    library = FakeCuda(cuda)
    library.fails[call] = 2
    (device,) = _burn(cuda, library)["devices"]
    assert device["verified"] is False
    assert device["problem"] == f"{call} returned 2 (CUDA_ERROR_OUT_OF_MEMORY)"
    assert library.memory == {}


def test_a_library_without_devices_or_that_cannot_start_is_a_problem_of_all(cuda: ModuleType) -> None:
    assert _burn(cuda, FakeCuda(cuda, devices=0))["problem"] == "cuDeviceGetCount found no device"
    library = FakeCuda(cuda)
    library.fails["cuInit"] = 100
    assert _burn(cuda, library)["problem"].startswith("cuInit returned 100")


def test_a_missing_library_says_every_place_where_it_was_looked_for(cuda: ModuleType, tmp_path: Path) -> None:
    def refuse(name: str) -> Any:
        raise OSError(f"{name}: not here")

    (tmp_path / "libcuda.so.1").touch()
    answer = cuda.burn(0.0, [str(tmp_path), "/none"], refuse)
    assert answer["devices"] == []
    for place in ("libcuda.so.1: not here", f"{tmp_path}/libcuda.so.1: not here", "/none: no libcuda.so.1"):
        assert place in answer["problem"]


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 1000])
def test_many_steps_at_once_are_the_same_as_one_by_one(cuda: ModuleType, steps: int) -> None:
    value = 12345
    for _ in range(steps):
        value = (value * 1664525 + 1013904223) % 2**32
    factor, summand = cuda.after(steps)
    assert (12345 * factor + summand) % 2**32 == value


GOOD = {"probe": "burn", "nodes": [], "others": [], "made": [], "complete": True, "identity": {}}


def test_an_answer_is_read_with_its_load_and_its_files() -> None:
    load = {"id": "/dev/x", "verified": True, "operations": 9, "memory": None, "problem": ""}
    files = [{"path": "/a", "read": "ok", "content": "1.2"}, {"path": "/b", "read": "ENOENT"}]
    burn = {"by": "read", "seconds": 0.5, "devices": [load], "problem": ""}
    report = reading.parse(json.dumps({**GOOD, "burn": burn, "files": files}), "p/main")
    assert report is not None
    assert report.burn is not None
    assert [(d.id, d.verified) for d in report.burn.devices] == [("/dev/x", True)]
    assert [(f.path, f.refusal, f.content) for f in report.files] == [("/a", "", "1.2"), ("/b", "ENOENT", None)]


@pytest.mark.parametrize("verified", [1, "true", None])
def test_only_true_itself_is_verified(verified: object) -> None:
    load = {"id": "/dev/x", "verified": verified, "operations": 9, "memory": None, "problem": ""}
    burn = {"by": "read", "seconds": 0.5, "devices": [load], "problem": ""}
    report = reading.parse(json.dumps({**GOOD, "burn": burn}), "p/main")
    assert report is not None
    assert report.burn is not None
    assert report.burn.devices[0].verified is False
