"""One thing to build: what it depends on, where it lies in the cache, and how it is made there."""

import hashlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .paths import cache_root


@dataclass(frozen=True)
class Step:
    """The files it makes, how they are made in a folder given to it, and all that they depend on."""

    name: str
    files: tuple[str, ...]
    make: Callable[[Path], object]
    inputs: str
    """A change of it makes a new folder; nothing else is built anew."""
    add_on: str = ""
    """The add-on that needs it; empty if every testbed does."""

    @property
    def folder(self) -> Path:
        return cache_root() / f"{self.name}-{hashlib.sha256(self.inputs.encode()).hexdigest()[:16]}"

    def missing(self) -> bool:
        return not all((self.folder / name).exists() for name in self.files)

    def build(self) -> None:
        """Make the files aside and move them to their place when all are whole; say how long it took."""
        print(f"building {self.name} …", flush=True)
        began = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder) as aside:
            self.make(Path(aside))
            for name in self.files:
                (Path(aside) / name).replace(self.folder / name)
        print(f"built {self.name} in {time.monotonic() - began:.0f} s", flush=True)


def text_of(folder: Path) -> str:
    """Names and contents of all files of a folder, as something to depend on."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "".join(f"{path.relative_to(folder)}\n{path.read_text()}\n" for path in files)
