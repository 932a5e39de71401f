"""Images: there are none. A reference says by its name what its container does."""

import hashlib

PYTHON, PAUSE = "python", "pause"
STAND_IN = "stand-in/"
"""Images of programs that are part of the simulator itself: their containers run without a process."""
_PAUSE_COMMAND = ("/bin/sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait; done")


def command(image: str) -> tuple[str, ...] | None:
    """The command of an image whose pod says none, or None where the image cannot be pulled.

    Everything with ``python`` in its name runs what the pod says; ``pause`` runs until it is told to stop.
    """
    if image.startswith(STAND_IN):
        return ()
    name = image.rpartition("/")[2].partition("@")[0].partition(":")[0]
    if PAUSE in name:
        return _PAUSE_COMMAND
    return ("python3",) if PYTHON in image else None


def identity(image: str) -> str:
    """The image's id as container statuses show it."""
    return f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def full(image: str) -> str:
    """The reference with registry and tag, as the runtime shows it."""
    first, slash, _ = image.partition("/")
    if not slash:
        image = f"docker.io/library/{image}"
    elif "." not in first and ":" not in first and first != "localhost":
        image = f"docker.io/{image}"
    tag = image.rpartition("/")[2]
    return image if ":" in tag or "@" in tag else f"{image}:latest"
