"""Building what the testbed runs, once: binaries from Go modules, images from Debian; kept in a cache under a key of all they depend on."""

import fcntl
import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from . import images
from .paths import SOURCES, cache_root
from .shell import run

KUBERNETES = "1.37.2"
STATIC = {"CGO_ENABLED": "0"}
SMALL = ("-trimpath", "-ldflags", "-s -w")
VERSION = "k8s.io/component-base/version"
KUBERNETES_FLAGS = f"-s -w -X {VERSION}.gitVersion=v{KUBERNETES} -X {VERSION}.gitMajor=1 -X {VERSION}.gitMinor=37"
CONTAINERD = "github.com/containerd/containerd/v2/cmd"
CONTAINERD_FILES = ("containerd", "containerd-shim-runc-v2", "ctr")
# Programs whose modules can be installed as they are: what they are called, where from, at which version.
INSTALLED: dict[tuple[str, ...], tuple[tuple[str, ...], str]] = {
    CONTAINERD_FILES: (tuple(f"{CONTAINERD}/{name}" for name in CONTAINERD_FILES), "v2.4.2"),
    ("coredns",): (("github.com/coredns/coredns",), "v1.14.0"),
    ("kwok",): (("sigs.k8s.io/kwok/cmd/kwok",), "v0.8.0"),
}


@dataclass(frozen=True)
class Step:
    """One thing to build: the files it makes, and how they are made in a folder given to it."""

    folder: Path
    files: tuple[str, ...]
    make: Callable[[Path], object]

    def missing(self) -> bool:
        return not all((self.folder / name).exists() for name in self.files)

    def build(self) -> None:
        """Make the files aside and move them to their place when all are whole; say how long it took."""
        what = ", ".join(self.files)
        print(f"building {what} …", flush=True)
        began = time.monotonic()
        with tempfile.TemporaryDirectory(dir=self.folder) as aside:
            self.make(Path(aside))
            for name in self.files:
                (Path(aside) / name).replace(self.folder / name)
        print(f"built {what} in {time.monotonic() - began:.0f} s", flush=True)


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


def own_program(module: str, flags: tuple[str, ...], target: str, aside: Path) -> None:
    """Build a module of the testbed's own: one program, or with an empty target each of its folders."""
    run("go", "build", *flags, "-o", f"{aside}/{target}", "." if target else "./...", cwd=SOURCES / module, env=STATIC)


def other_programs(packages: tuple[str, ...], version: str, aside: Path) -> None:
    """Build programs of other projects, at a fixed version."""
    words = [f"{package}@{version}" for package in packages]
    run("go", "install", *SMALL, *words, cwd=aside, env={**STATIC, "GOBIN": str(aside)})


def kubernetes(aside: Path) -> None:
    """All of Kubernetes in one binary; kubectl is a link to it."""
    own_program("kubernetes", ("-trimpath", "-ldflags", KUBERNETES_FLAGS), "kubernetes", aside)
    (aside / "kubectl").symlink_to("kubernetes")


def pause_image(aside: Path) -> None:
    """The one image that holds a program of the testbed's own."""
    own_program("runtime", SMALL, "", aside)
    images.build_pause(aside / images.FILES[images.PAUSE], aside / "pause")


def all_steps(cache: Cache) -> list[Step]:
    """Everything there is to build, the longest first."""
    python, pause = images.FILES[images.PYTHON], images.FILES[images.PAUSE]
    others = [Step(cache.binaries, files, partial(other_programs, *source)) for files, source in INSTALLED.items()]
    return [
        Step(cache.binaries, ("kubernetes", "kubectl"), kubernetes),
        Step(cache.images, (python,), lambda aside: images.build_python(aside / python)),
        Step(cache.binaries, ("driver",), partial(own_program, "driver", SMALL, "driver")),
        *others,
        Step(cache.binaries, ("relay", "runc-wrapper"), partial(own_program, "runtime", SMALL, "")),
        Step(cache.images, (pause,), pause_image),
    ]


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
            running = [workers.submit(step.build) for step in missing]
            ended, waiting = wait(running, return_when=FIRST_EXCEPTION)
            for step in waiting:
                step.cancel()
            for step in ended:
                step.result()
    return cache
