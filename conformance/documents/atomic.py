"""Replace a file whole or not at all: a results file must never be half of today's and half of yesterday's."""

import os
import tempfile
from pathlib import Path


def replace(path: Path, text: str) -> None:
    """Write a file so that a reader, or a machine that loses power, sees the old content or the new and nothing between."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
