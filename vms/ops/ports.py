"""Free ports for servers that may listen anywhere."""

from __future__ import annotations

import secrets
import socket

# Below the ports that systems hand out for outgoing connections: between choosing a port and
# listening on it nobody gets it by accident.
FIRST, COUNT = 20_000, 12_000
TRIES = 200
# What we have chosen, for as long as this process lives.
reserved: list[socket.socket] = []


def free_port(host: str, family: int = socket.AF_INET) -> int:
    """Choose a port on which nobody listens, and that no living process has chosen before.

    A web process needs seconds before it listens; another `up` might choose the same meanwhile.

    Raises:
        OSError: the host is none of this machine's addresses, or nothing is free.
    """
    for _ in range(TRIES):
        port = FIRST + chance()
        if is_free(host, port, family) and reserve(port):
            return port
    return bound_port(host, 0, family)


def chance() -> int:
    return secrets.randbelow(COUNT)


def is_free(host: str, port: int, family: int) -> bool:
    try:
        bound_port(host, port, family)
    except OSError:
        return False
    return True


def reserve(port: int) -> bool:
    """Keep others from choosing *port*; False when one of them has.

    By a name in Linux's abstract namespace (unix(7)), which is gone when its owner is.
    """
    own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        own.bind(f"\0vms-port-{port}")
    except OSError:
        own.close()
        return False
    reserved.append(own)
    return True


def bound_port(host: str, port: int, family: int) -> int:
    """Listen for a moment, and return where that was."""
    with socket.create_server((host, port), family=family) as probe:
        number: int = probe.getsockname()[1]
        return number
