"""The ways to stop, one class each, with the exit code and a message that says the cure (DESIGN 3)."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the command; plain pytest keeps its own."""

    CONFORMANT = 0
    NOT_CONFORMANT = 1
    USAGE = 2
    NO_CLUSTER = 3
    INCONCLUSIVE = 4
    LEFTOVERS = 5
    INTERRUPTED = 130


class StopError(Exception):
    """A run cannot start or go on; ``str()`` is one line for the user."""

    exit_code = ExitCode.USAGE


class UsageError(StopError):
    """Wrong option, unknown id, malformed file."""


class ConfigurationError(StopError):
    """A file that the user gave cannot be used; the message has the place in the file."""


class ClusterError(StopError):
    """No check could run: the cluster is unreachable or refuses to know us."""

    exit_code = ExitCode.NO_CLUSTER
