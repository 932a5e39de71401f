"""The programs of a testbed: which there are, from which sources, and how Go builds them."""

import json
import shutil
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path

from . import images
from .paths import SOURCES
from .shell import run
from .steps import Step, text_of

KUBERNETES = "1.37.2"
STATIC = {"CGO_ENABLED": "0"}
SMALL = ("-trimpath", "-ldflags", "-s -w")
VERSION = "k8s.io/component-base/version"
KUBERNETES_FLAGS = f"-s -w -X {VERSION}.gitVersion=v{KUBERNETES} -X {VERSION}.gitMajor=1 -X {VERSION}.gitMinor=37"
CONTAINERD = "github.com/containerd/containerd/v2/cmd"
CONTAINERD_FILES = ("containerd", "containerd-shim-runc-v2", "ctr")
KARPENTER = ("sigs.k8s.io/karpenter", "v1.13.0")
KARPENTER_DEFINITIONS = ("pkg/apis/crds", "kwok/apis/crds")
KEDA = "github.com/kedacore/keda/v2"
# Programs whose module calls them something else than the image does.
KEDA_FILES = {"operator": "keda", "adapter": "keda-adapter", "webhooks": "keda-admission-webhooks"}
PROMETHEUS = (("github.com/prometheus/prometheus/cmd/prometheus",), "v0.316.0")
# Of all the ways in which Prometheus finds its targets, the one that is used.
DISCOVERY = (*SMALL, "-tags", "remove_all_sd,enable_kubernetes_sd")


@cache
def go_version() -> str:
    """The Go that builds."""
    return run("go", "env", "GOVERSION").strip()


def own(module: str, packages: Iterable[str], flags: Iterable[str], target: str, aside: Path) -> None:
    """Build packages in a module of the testbed's own: one as `target`, several into a folder."""
    run("go", "build", *flags, "-o", f"{aside}/{target}", *packages, cwd=SOURCES / module, env=STATIC)


def install(packages: Iterable[str], version: str, flags: Iterable[str], aside: Path) -> None:
    """Build programs of other projects, at a fixed version."""
    words = [f"{package}@{version}" for package in packages]
    run("go", "install", *flags, *words, cwd=aside, env={**STATIC, "GOBIN": str(aside)})


def kubernetes(aside: Path) -> None:
    """All of Kubernetes in one binary; kubectl is a link to it."""
    own("kubernetes", ["."], ("-trimpath", "-ldflags", KUBERNETES_FLAGS), "kubernetes", aside)
    (aside / "kubectl").symlink_to("kubernetes")


def programs_folder(aside: Path) -> Path:
    """Where the programs of an image are built."""
    folder = aside / "programs"
    folder.mkdir()
    return folder


def karpenter(aside: Path) -> None:
    """Karpenter with its kwok provider as an image, and the definitions of its objects."""
    module, version = KARPENTER
    programs = programs_folder(aside)
    install([f"{module}/kwok"], version, SMALL, programs)
    (programs / "kwok").rename(programs / "karpenter")
    process = {"Entrypoint": ["/karpenter"], "User": "1000:1000"}
    images.build_static(aside / images.FILES[images.KARPENTER], images.KARPENTER, programs, process)
    folder = json.loads(run("go", "mod", "download", "-json", f"{module}@{version}", cwd=aside))["Dir"]
    documents = [path.read_text() for part in KARPENTER_DEFINITIONS for path in sorted(Path(folder, part).glob("*"))]
    (aside / "karpenter.yaml").write_text("---\n".join(documents))


def prometheus(aside: Path) -> None:
    """Prometheus as an image."""
    programs = programs_folder(aside)
    install(*PROMETHEUS, DISCOVERY, programs)
    process = {"Entrypoint": ["/prometheus"], "User": "1000:1000"}
    images.build_static(aside / images.FILES[images.PROMETHEUS], images.PROMETHEUS, programs, process)


def keda(aside: Path) -> None:
    """KEDA's three programs in one image, and its own manifests."""
    programs = programs_folder(aside)
    own("keda", [f"{KEDA}/cmd/{name}" for name in KEDA_FILES], SMALL, "programs/", aside)
    for name, called in KEDA_FILES.items():
        (programs / name).rename(programs / called)
    images.build_static(aside / images.FILES[images.KEDA], images.KEDA, programs, {"User": "1000:1000"})
    folder = run("go", "list", "-m", "-f", "{{.Dir}}", KEDA, cwd=SOURCES / "keda").strip()
    shutil.copytree(Path(folder, "config"), aside / "keda-config", copy_function=shutil.copyfile)


def pause(aside: Path) -> None:
    """The image of the sandbox container holds a program of the testbed's own."""
    programs = programs_folder(aside)
    own("runtime", ["./pause"], SMALL, "programs/pause", aside)
    process = {"Entrypoint": ["/pause"], "User": "65535:65535"}
    images.build_static(aside / images.FILES[images.PAUSE], images.PAUSE, programs, process)


def installed(name: str, packages: Iterable[str], version: str) -> Step:
    """A step for programs whose module can be installed as it is."""
    files = tuple(package.rpartition("/")[2] for package in packages)
    return Step(name, files, partial(install, packages, version, SMALL), f"{go_version()} {packages} {version} {SMALL}")


def all_steps() -> list[Step]:
    """Everything there is to build, the longest first."""
    python, go = images.FILES[images.PYTHON], f"{go_version()} {SMALL}"
    of = {path.name: go + text_of(path) for path in SOURCES.iterdir()}
    image = images.recipe(images.build_static)
    return [
        Step("keda", (images.FILES[images.KEDA], "keda-config"), keda, of["keda"] + image, "keda"),
        Step("kubernetes", ("kubernetes", "kubectl"), kubernetes, of["kubernetes"] + KUBERNETES_FLAGS),
        Step("python", (python,), lambda aside: images.build_python(aside / python), images.recipe(images.build_python)),
        Step(
            "prometheus",
            (images.FILES[images.PROMETHEUS],),
            prometheus,
            f"{go_version()} {PROMETHEUS} {DISCOVERY} {image}",
            "prometheus",
        ),
        installed("coredns", ["github.com/coredns/coredns"], "v1.14.0"),
        Step("driver", ("driver",), partial(own, "driver", ["."], SMALL, "driver"), of["driver"]),
        Step(
            "karpenter",
            (images.FILES[images.KARPENTER], "karpenter.yaml"),
            karpenter,
            f"{go} {KARPENTER} {KARPENTER_DEFINITIONS} {image}",
            "karpenter",
        ),
        installed("containerd", [f"{CONTAINERD}/{name}" for name in CONTAINERD_FILES], "v2.4.2"),
        installed("kwok", ["sigs.k8s.io/kwok/cmd/kwok"], "v0.8.0"),
        Step(
            "runtime",
            ("relay", "runc-wrapper"),
            partial(own, "runtime", ["./relay", "./runc-wrapper"], SMALL, ""),
            of["runtime"],
        ),
        Step("pause", (images.FILES[images.PAUSE],), pause, of["runtime"] + image),
    ]
