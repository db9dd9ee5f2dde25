"""Free ports for servers that may listen anywhere."""

from __future__ import annotations

import secrets
import socket

# Below the ports that systems hand out for outgoing connections: between choosing a port and
# listening on it nobody gets it by accident.
FIRST, COUNT = 20_000, 12_000
TRIES = 200


def free_port(host: str, family: int = socket.AF_INET) -> int:
    """Choose a port on which nobody listens.

    Raises:
        OSError: the host is none of this machine's addresses, or nothing is free.
    """
    for _ in range(TRIES):
        port = FIRST + secrets.randbelow(COUNT)
        if is_free(host, port, family):
            return port
    return bound_port(host, 0, family)


def is_free(host: str, port: int, family: int) -> bool:
    try:
        bound_port(host, port, family)
    except OSError:
        return False
    return True


def bound_port(host: str, port: int, family: int) -> int:
    """Listen for a moment, and return where that was."""
    with socket.create_server((host, port), family=family) as probe:
        number: int = probe.getsockname()[1]
        return number
