"""Container images without a registry: OCI layouts in a tar file, made from a static binary and from Debian's own packages."""

import hashlib
import inspect
import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .shell import run

PAUSE = "docker.io/local/pause:1"
PYTHON = "docker.io/local/python:1"
KEDA = "docker.io/local/keda:1"
PROMETHEUS = "docker.io/local/prometheus:1"
KARPENTER = "docker.io/local/karpenter:1"
FILES = {
    PAUSE: "pause.tar",
    PYTHON: "python.tar",
    KARPENTER: "karpenter.tar",
    KEDA: "keda.tar",
    PROMETHEUS: "prometheus.tar",
}
# What an add-on needs.
ADDED = {"karpenter": KARPENTER, "keda": KEDA, "prometheus": PROMETHEUS}
DEBIAN = "bookworm"
DEBIAN_MIRROR = "http://deb.debian.org/debian"
SHARED = tuple(f"usr/share/{name}" for name in ("doc", "man", "locale", "info"))
NOT_NEEDED = (*SHARED, "var/cache/apt", "var/lib/apt/lists", "var/log", "dev")
LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def recipe(build: Callable[..., None]) -> str:
    """What an image depends on beside its content: how it is made and written."""
    made = "".join(inspect.getsource(part) for part in (build, write_image, Layout))
    return f"{DEBIAN} {DEBIAN_MIRROR} {NOT_NEEDED} {made}"


class Layout:
    """An OCI image layout being written into a tar file: blobs under their digests, then the index."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self.archive = archive

    def add_bytes(self, name: str, content: bytes) -> None:
        entry = tarfile.TarInfo(name)
        entry.size = len(content)
        self.archive.addfile(entry, io.BytesIO(content))

    def blob(self, media_type: str, content: bytes) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        self.add_bytes(f"blobs/sha256/{digest}", content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    def blob_file(self, media_type: str, path: Path) -> dict[str, Any]:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        self.archive.add(path, f"blobs/sha256/{digest}")
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": path.stat().st_size}


def write_image(target: Path, name: str, layer: Path, process: dict[str, Any]) -> None:
    """Write an image of one layer, whose configuration has `process`."""
    unfinished = target.with_suffix(".unfinished")
    with tarfile.open(unfinished, "w") as archive:
        layout = Layout(archive)
        content = layout.blob_file(LAYER, layer)
        layers = {"type": "layers", "diff_ids": [content["digest"]]}
        config = {"architecture": "amd64", "os": "linux", "config": process, "rootfs": layers}
        described = layout.blob(CONFIG, json.dumps(config).encode())
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": [content]}
        entry = layout.blob(MANIFEST, json.dumps(manifest).encode())
        tag = name.rpartition(":")[2]
        entry["annotations"] = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
        layout.add_bytes("index.json", json.dumps(index).encode())
        layout.add_bytes("oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
    unfinished.replace(target)


def build_static(target: Path, name: str, programs: Path, process: dict[str, Any]) -> None:
    """An image that holds static programs and nothing else."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        layer = Path(folder) / "layer.tar"
        with tarfile.open(layer, "w") as archive:
            for program in sorted(programs.iterdir()):
                archive.add(program, program.name)
        write_image(target, name, layer, process)


def build_python(target: Path) -> None:
    """The image of every probe: a small Debian with Python, which any user id can run."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        root = Path(folder) / "root"
        run("debootstrap", "--variant=minbase", "--include=python3", DEBIAN, root, DEBIAN_MIRROR)
        for name in NOT_NEEDED:
            shutil.rmtree(root / name, ignore_errors=True)
            (root / name).mkdir(parents=True)
        root.chmod(0o755)
        layer = Path(folder) / "layer.tar"
        run("tar", "--numeric-owner", "--sort=name", "-C", root, "-cf", layer, ".")
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        write_image(target, PYTHON, layer, {"Cmd": ["python3"], "Env": [f"PATH={path}", "LANG=C.UTF-8"]})
