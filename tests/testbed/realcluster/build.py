"""Building what the testbed runs, once: binaries from Go modules, images from Debian; each kept under a key of all it depends on."""

import fcntl
import os
from collections.abc import Collection, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .paths import cache_root
from .programs import all_steps
from .shell import TestbedError
from .steps import Step


@dataclass(frozen=True)
class Cache:
    """Where everything lies that is built from this state of the sources."""

    steps: tuple[Step, ...]

    def file(self, name: str) -> Path:
        """One of the files; it may not be there yet."""
        for step in self.steps:
            if name in step.files:
                return step.folder / name
        raise TestbedError(f"{name!r} is not among what is built: {', '.join(f for s in self.steps for f in s.files)}")

    @property
    def search_path(self) -> str:
        """All folders, for PATH."""
        return os.pathsep.join(str(step.folder) for step in self.steps)

    def missing(self, add_ons: Collection[str]) -> list[Step]:
        """What a testbed with these add-ons needs and is not there."""
        return [step for step in self.steps if step.missing() and (not step.add_on or step.add_on in add_ons)]


def find_cache() -> Cache:
    """The cache of these sources and this Go; it may still be empty."""
    return Cache(tuple(all_steps()))


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Two testbeds that start at once must not build the same things twice."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(add_ons: Collection[str]) -> None:
    """Build what is missing, two things at a time, and say what is going on."""
    cache = find_cache()
    if not cache.missing(add_ons):
        return
    with only_one(cache_root()), ThreadPoolExecutor(max_workers=2) as workers:
        running = [workers.submit(step.build) for step in cache.missing(add_ons)]
        ended, waiting = wait(running, return_when=FIRST_EXCEPTION)
        for step in waiting:
            step.cancel()
        for step in ended:
            step.result()
