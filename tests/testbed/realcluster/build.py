"""Building what the testbed runs, once: binaries from Go modules, images from Debian; kept in a cache under a key of all they depend on."""

import fcntl
import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from realcluster import images
from realcluster.paths import SOURCES, cache_root
from realcluster.shell import run

KUBERNETES = "1.37.2"
STATIC = {"CGO_ENABLED": "0"}
SMALL = ("-trimpath", "-ldflags", "-s -w")
VERSION = "k8s.io/component-base/version"
KUBERNETES_FLAGS = f"-s -w -X {VERSION}.gitVersion=v{KUBERNETES} -X {VERSION}.gitMajor=1 -X {VERSION}.gitMinor=37"
CONTAINERD = "github.com/containerd/containerd/v2/cmd"
# Programs whose modules can be installed as they are: what they are called, where from, at which version.
INSTALLED: dict[str, tuple[tuple[str, ...], str]] = {
    "containerd, containerd-shim-runc-v2, ctr": (
        (f"{CONTAINERD}/containerd", f"{CONTAINERD}/containerd-shim-runc-v2", f"{CONTAINERD}/ctr"),
        "v2.4.2",
    ),
    "kwok": (("sigs.k8s.io/kwok/cmd/kwok",), "v0.8.0"),
    "coredns": (("github.com/coredns/coredns",), "v1.14.0"),
}


@dataclass(frozen=True)
class Step:
    """One thing to build: the files it makes, and how."""

    outputs: tuple[Path, ...]
    make: Callable[[], object]

    @property
    def name(self) -> str:
        return ", ".join(path.name for path in self.outputs)

    def missing(self) -> bool:
        return not all(path.exists() for path in self.outputs)


@dataclass(frozen=True)
class Cache:
    """The cache folders of this state of the sources."""

    key: str
    image_key: str

    @property
    def binaries(self) -> Path:
        return cache_root() / self.key / "bin"

    @property
    def images(self) -> Path:
        return cache_root() / self.image_key / "images"

    def binary(self, name: str) -> Path:
        return self.binaries / name


def find_cache() -> Cache:
    """The cache of these sources and this Go; it may still be empty."""
    inputs = hashlib.sha256(run("go", "env", "GOVERSION").encode())
    for path in sorted(path for path in SOURCES.rglob("*") if path.is_file()):
        inputs.update(str(path.relative_to(SOURCES)).encode() + path.read_bytes())
    inputs.update(f"{INSTALLED}{KUBERNETES_FLAGS}{SMALL}".encode())
    pause = (SOURCES / "runtime" / "pause" / "main.go").read_text()
    image_key = hashlib.sha256((images.recipe() + pause).encode()).hexdigest()
    return Cache(inputs.hexdigest()[:16], image_key[:16])


def go_build(cache: Cache, module: str, flags: tuple[str, ...], target: str) -> None:
    """Build a module of the testbed's own."""
    run("go", "build", *flags, "-o", f"{cache.binaries}/{target}", "./..." if not target else ".", cwd=SOURCES / module, env=STATIC)


def go_install(cache: Cache, packages: tuple[str, ...], version: str) -> None:
    """Build programs of other projects, at a fixed version."""
    run("go", "install", *SMALL, *(f"{package}@{version}" for package in packages), env={**STATIC, "GOBIN": str(cache.binaries)})


def make_kubernetes(cache: Cache) -> None:
    """All of Kubernetes in one binary; kubectl is a link to it."""
    go_build(cache, "kubernetes", ("-trimpath", "-ldflags", KUBERNETES_FLAGS), "kubernetes")
    cache.binary("kubectl").unlink(missing_ok=True)
    cache.binary("kubectl").symlink_to("kubernetes")


def all_steps(cache: Cache) -> list[Step]:
    """Everything there is to build, the longest first."""
    runtime = tuple(cache.binary(name) for name in ("pause", "relay", "runc-wrapper"))
    steps = [Step((cache.binary("kubernetes"), cache.binary("kubectl")), lambda: make_kubernetes(cache))]
    steps.append(Step((cache.images / images.file_names()[images.PYTHON],), lambda: images.build_python(cache.images / "python.tar")))
    steps.append(Step((cache.binary("driver"),), lambda: go_build(cache, "driver", SMALL, "driver")))
    for names, (packages, version) in INSTALLED.items():
        outputs = tuple(cache.binary(name) for name in names.split(", "))
        steps.append(Step(outputs, lambda packages=packages, version=version: go_install(cache, packages, version)))  # type: ignore[misc]

    def make_runtime() -> None:
        go_build(cache, "runtime", SMALL, "")
        images.build_pause(cache.images / "pause.tar", cache.binary("pause"))

    steps.append(Step((*runtime, cache.images / images.file_names()[images.PAUSE]), make_runtime))
    return steps


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Two testbeds that start at once must not build the same things twice."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build() -> Cache:
    """Build what is missing, two things at a time, and say what is going on."""
    cache = find_cache()
    with only_one(cache_root()):
        missing = [step for step in all_steps(cache) if step.missing()]
        cache.binaries.mkdir(parents=True, exist_ok=True)
        cache.images.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(max_workers=2) as workers:
            for finished in [workers.submit(build_one, step) for step in missing]:
                finished.result()
    return cache


def build_one(step: Step) -> None:
    """Build one thing and say how long it took."""
    print(f"building {step.name} …", flush=True)
    began = time.monotonic()
    step.make()
    print(f"built {step.name} in {time.monotonic() - began:.0f} s", flush=True)
