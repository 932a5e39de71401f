"""Loopback addresses for pods and services, so that real connections work between local processes and without root.

Every cluster has a block ``127.X.0.0/16`` to itself; a bound socket holds it, so several clusters can run on one machine. On
systems that know no loopback address but 127.0.0.1 the addresses are given all the same, and nothing can listen on them.
"""

import errno
import ipaddress
import secrets
import socket

FIRST, LAST = 16, 250
"""Second numbers of the blocks; 127.0.x.y belongs to the machine."""
GUARD_PORT = 47123
"""Port on the last address of a block whose holder owns the block."""
_SERVICES = 128
"""Third numbers from here on are services."""


class Block:
    """The addresses of one cluster."""

    def __init__(self) -> None:
        self._pods = self._services = 0
        self._number, self._guard = _claim()

    def pod(self) -> str:
        """An address that no pod had before."""
        self._pods += 1
        return self._address(0, self._pods)

    def service(self) -> str:
        """An address that no service had before."""
        self._services += 1
        return self._address(_SERVICES, self._services)

    def is_service(self, address: str) -> bool:
        """Whether a service may have this address."""
        try:
            return ipaddress.ip_address(address) in ipaddress.ip_network(self.services)
        except ValueError:
            return False

    def _address(self, start: int, count: int) -> str:
        third, fourth = divmod(count % (_SERVICES * 250 - 1), 250)
        return f"127.{self._number}.{start + third}.{fourth + 1}"

    @property
    def services(self) -> str:
        """The range of services, as it is written."""
        return f"127.{self._number}.{_SERVICES}.0/17"

    def close(self) -> None:
        """Let others have the block."""
        self._guard.close()


def _claim() -> tuple[int, socket.socket]:
    """A block that no other cluster on this machine has."""
    count = LAST - FIRST + 1
    start = secrets.randbelow(count)
    for step in range(count):
        number = FIRST + (start + step) % count
        guard = socket.socket()
        try:
            guard.bind((f"127.{number}.255.254", GUARD_PORT))
        except OSError as problem:
            if problem.errno == errno.EADDRINUSE:
                guard.close()
                continue
        return number, guard
    raise OSError(errno.EADDRINUSE, f"all {count} loopback blocks for simulated clusters are taken; end some of them")
